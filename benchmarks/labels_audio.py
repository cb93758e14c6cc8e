"""Spoken digits are told apart: later takes of known speakers, and speakers that were never heard.

The recordings lie in one folder, their names say digit, speaker and take; the rest is left to the package.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import Data, Figure
from benchmarks.label_runs import Problem
from benchmarks.label_runs import measure as measure_problems
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts, split
from elman.settings import DataSettings

#: Takes of the official test, and those that are held out of the others.
TEST_TAKES, VALID_TAKES = 5, 7

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def recordings(data: Path) -> tuple[Examples, np.ndarray, np.ndarray]:
    """All recordings, with speaker and take of each."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(data / "fsdd" / "recordings.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        examples = read_examples(Path(folder), DataSettings(), "class")
    told = [Path(name.split(",")[0]).stem.split("_") for name in examples.names]
    return examples, np.array([each[1] for each in told]), np.array([int(each[2]) for each in told])


def official(data: Path, run: int) -> Parts:
    """Takes 0 to 4 for the test, two more held out."""
    examples, _, take = recordings(data)
    test, valid = take < TEST_TAKES, (take >= TEST_TAKES) & (take < VALID_TAKES)
    train, held_out, tested = (examples.take(np.flatnonzero(part)) for part in (~test & ~valid, valid, test))
    return Parts(train, held_out, tested)


def unseen(data: Path, run: int) -> Parts:
    """One speaker for the test, a tenth of the others' recordings held out."""
    examples, speaker, _ = recordings(data)
    seen, left = (examples.take(np.flatnonzero(part)) for part in (speaker != SPEAKERS[run], speaker == SPEAKERS[run]))
    return split(seen, DataSettings(split="ratio"), run, None, left)


PROBLEMS = (
    Problem("spoken digits, known speakers", "classify", official, (0, 1, 2), goal=99.0),
    Problem("spoken digits, a speaker unseen", "classify", unseen, range(len(SPEAKERS)), goal=90.0),
)


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "labels_audio")
