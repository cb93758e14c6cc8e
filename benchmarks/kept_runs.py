"""Runs that are done once and kept: a benchmark may be stopped at any time, and goes on later.

A file of runs, ``results/NAME.jsonl``, grows line by line: what is there is not run again. A training that is stopped
leaves its folder, from which the next call takes it up.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from benchmarks.harness import RESULTS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


R = TypeVar("R", bound="DataclassInstance")


class KeptRuns(Generic[R]):
    """The runs of a benchmark.

    Attributes:
        runs: Those that were done, in their order.
    """

    def __init__(self, name: str, kind: type[R]) -> None:
        self._file = RESULTS / f"{name}.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self.runs: list[R] = [kind(**json.loads(line)) for line in lines]

    def add(self, run: R) -> None:
        """Keep one more."""
        self._file.parent.mkdir(exist_ok=True)
        with self._file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(asdict(run), ensure_ascii=False) + "\n")
        self.runs.append(run)
        print(run, flush=True)


def every_run(name: str, kind: type[R], wanted: Iterable[tuple[str, int, Callable[[], R]]]) -> list[R]:
    """All runs of a benchmark; of those ``wanted`` (problem, number, what does it) the missing ones are done now."""
    kept = KeptRuns(name, kind)
    done = {(run.problem, run.run) for run in kept.runs}  # type: ignore[attr-defined]
    for problem, number, train in wanted:
        if (problem, number) not in done:
            kept.add(train())
    return kept.runs


@contextmanager
def training_folder(problem: str, number: int) -> Iterator[tuple[Path, bool]]:
    """The folder of a training, and whether one was begun there that is to go on; gone when all is well."""
    slug = re.sub(r"\W+", "-", problem)
    folder = Path(tempfile.gettempdir()) / "elman-benchmarks" / f"{slug}-{number}"
    yield folder, (folder / "run").exists()
    shutil.rmtree(folder)
