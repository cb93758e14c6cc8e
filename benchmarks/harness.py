"""What every benchmark shares: figures with their goals, the machine, and the result file."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from elman.system import processor

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: What was measured.
        value: The measurement.
        unit: Its unit.
        better: Which direction is better.
        goal: The measure that was asked for; None where only a report was asked.
        baseline: What was run beside it in the same process, with its figure.
        source: Where a published figure comes from.
    """

    name: str
    value: float
    unit: str
    better: Literal["lower", "higher"]
    goal: float | None = None
    baseline: str | None = None
    source: str | None = None

    @property
    def reached(self) -> bool:
        """Whether the goal, if there is one, is met."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.better == "lower" else self.value >= self.goal

    def __str__(self) -> str:
        goal = "" if self.goal is None else f"   goal {'<=' if self.better == 'lower' else '>='} {self.goal:g}"
        verdict = "" if self.goal is None else ("   reached" if self.reached else "   MISSED")
        beside = f"   beside {self.baseline}" if self.baseline else ""
        return f"{self.name:<58} {self.value:>10.4g} {self.unit}{goal}{verdict}{beside}"


@dataclass(frozen=True)
class Data:
    """What a benchmark is given.

    Attributes:
        folder: Of the data sets, by ``--data`` or ELMAN_DATA.
        quick: Whether to run everything once on the smallest shapes, only to see that it runs.
    """

    folder: Path | None
    quick: bool = False

    def seconds(self, wanted: float) -> float:
        """Time to measure for: ``wanted``, or none in a quick run."""
        return 0.0 if self.quick else wanted

    def path(self, name: str) -> Path:
        """The file ``name`` of the data folder; ends the program with a sentence if there is none."""
        if self.folder is None:
            raise SystemExit("This benchmark needs data: give its folder with --data DIR or ELMAN_DATA.")
        if not (self.folder / name).exists():
            raise SystemExit(f"{self.folder / name} does not exist.")
        return self.folder / name


Benchmark = Callable[[Data], Sequence[Figure]]


def record(name: str, measure: Benchmark, data: Data) -> list[Figure]:
    """Run a benchmark and write its result file; a quick run leaves no result."""
    began = time.time()
    figures = list(measure(data))
    if data.quick:
        return figures
    result: dict[str, Any] = {
        "command": f"python -m benchmarks {name}" + (" --data DIR" if data.folder else ""),
        "commit": commit(),
        "machine": machine(),
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(time.time() - began, 1),
        "figures": [asdict(figure) for figure in figures],
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return figures


def read(path: Path) -> list[Figure]:
    """The figures of a result file."""
    return [Figure(**values) for values in json.loads(path.read_text(encoding="utf-8"))["figures"]]


def commit() -> str:
    """The commit that is measured, marked when the tree has changes other than results."""
    found = _git("describe", "--always")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)benchmarks/results")
    return f"{found}-dirty" if changed else found or "unknown"


def _git(*arguments: str) -> str:
    found = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
    return found.stdout.strip()


def machine() -> str:
    """Processor, cores, and the versions that decide speed."""
    import torch

    versions = [f"Python {platform.python_version()}", f"torch {torch.__version__}"]
    if importlib.util.find_spec("onnxruntime") is not None:
        versions.append(f"ONNX Runtime {metadata.version('onnxruntime')}")
    return ", ".join([processor(), f"{os.cpu_count()} cores", f"{torch.get_num_threads()} threads", *versions])
