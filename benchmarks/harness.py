"""What every benchmark shares: figures with their goals, the machine, and the result file."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

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
    """The folder of data sets given by ``--data`` or ELMAN_DATA."""

    folder: Path | None

    def path(self, name: str) -> Path:
        """The file ``name`` of the data folder; ends the program with a sentence if there is none."""
        if self.folder is None:
            raise SystemExit("This benchmark needs data: give its folder with --data DIR or ELMAN_DATA.")
        if not (self.folder / name).exists():
            raise SystemExit(f"{self.folder / name} does not exist.")
        return self.folder / name


Benchmark = Callable[[Data], Sequence[Figure]]


def record(name: str, measure: Benchmark, data: Data) -> list[Figure]:
    """Run a benchmark and write its result file."""
    began = time.time()
    figures = list(measure(data))
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
    """The commit that is measured, marked when the tree has changes."""
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def machine() -> str:
    """Processor, cores, and the versions that decide speed."""
    import torch

    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
        flags = next((line for line in lines if line.startswith("flags")), "")
        model += "".join(f", {name}" for name, flag in (("AVX-512", "avx512f"), ("AMX", "amx_bf16")) if flag in flags)
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, torch {torch.__version__}"


def interleaved(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each candidate, run in turn so that a busy moment hits all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for run in candidates.values():
        run()
    for _ in range(rounds):
        for name, run in candidates.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}
