"""The best few weights of a run, for an ensemble of its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

import numpy as np
import safetensors
import safetensors.numpy

from elman import system
from elman.runtime.backends import Array
from elman.tasks.run_folder import FOLDER

#: Folder in that of the run's record.
BEST = "best"


@final
class BestWeights:
    """Keeps the weights with the lowest held-out scores, on disk where a run has a folder.

    Args:
        count: How many; one alone needs not be kept, as the trainer does.
        folder: That of the run; without one all stays in memory.
        resume: Whether those of an earlier session are taken up.
    """

    def __init__(self, count: int, folder: Path | None, resume: bool) -> None:
        self._count = 0 if count < 2 else count
        self._folder = None if folder is None else folder / FOLDER / BEST
        self._kept: list[tuple[float, Mapping[str, Array] | Path]] = []
        if resume and self._count and self._folder is not None and self._folder.exists():
            self._kept = sorted((_score(file), file) for file in self._folder.glob("*.safetensors"))

    def take(self, score: float, tensors: Mapping[str, Array]) -> None:
        """Keep weights with their score, the lower the better, if they are among the best. Raises `SaveError`."""
        worse = len(self._kept) >= self._count and (not self._kept or score >= self._kept[-1][0])
        # A resumed run may come by the same weights again.
        if worse or any(score == other and _same(tensors, _read(kept)) for other, kept in self._kept):
            return
        if self._folder is None:
            self._kept.append((score, dict(tensors)))
        else:
            self._folder.mkdir(parents=True, exist_ok=True)
            names = {int(file.stem) for file in self._folder.glob("*.safetensors")}
            file = self._folder / f"{max(names, default=0) + 1}.safetensors"
            data = safetensors.numpy.save(dict(tensors), {"score": repr(score)})
            system.write_atomically(file, lambda part: part.write_bytes(data))
            self._kept.append((score, file))
        self._kept.sort(key=lambda each: each[0])
        for _, dropped in self._kept[self._count :]:
            if isinstance(dropped, Path):
                dropped.unlink()
        del self._kept[self._count :]

    def weights(self) -> list[dict[str, Array]]:
        """The kept weights, the best ones first; none where one alone was asked for."""
        return [dict(_read(kept)) for _, kept in self._kept]


def _read(kept: Mapping[str, Array] | Path) -> Mapping[str, Array]:
    return safetensors.numpy.load(kept.read_bytes()) if isinstance(kept, Path) else kept


def _score(file: Path) -> float:
    with safetensors.safe_open(file, framework="numpy") as opened:
        return float(opened.metadata()["score"])


def _same(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    return all(np.array_equal(value, other[name]) for name, value in one.items())
