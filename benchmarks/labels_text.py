"""Sentences, documents, queries and names are classified: with no option but their path, beside two baselines.

SST has parts of its own. MR and Subj are ten folds drawn once, movie reviews the ten folds of their file names; of
each the first three are run, and of a fold's training part a tenth is held out. Names are divided anew for every run.
"""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.harness import Data, Figure
from benchmarks.label_runs import Problem
from benchmarks.label_runs import measure as measure_problems
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts, split
from elman.settings import DataSettings

FOLDS = 10


def sst(data: Path, run: int) -> Parts:
    """Whole sentences, the parts as they are given."""
    train, valid, test = (read(data / "sst" / f"stsa.binary.{part}.gz") for part in ("train", "dev", "test"))
    return split(train, DataSettings(), run, valid, test)


def folds(name: str, data: Path, run: int) -> Parts:
    """A fold of ten that are drawn once."""
    examples = read(data / name)
    fold = np.random.default_rng(0).permutation(len(examples)) % FOLDS
    return _fold(examples, fold, run)


def movie_reviews(data: Path, run: int) -> Parts:
    """A fold by the numbers of the files, cv000 to cv999."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(data / "movie_reviews_v2" / "review_polarity.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        examples = read(Path(folder) / "txt_sentoken")
    numbers = [int(Path(name.split(",")[0]).name[2:5]) for name in examples.names]
    return _fold(examples, np.array(numbers) // 100, run)


def surnames(data: Path, run: int) -> Parts:
    """A fifth of the names of every language for the test."""
    return split(read(data / "surnames"), DataSettings(test_share=0.2), run)


def intents(name: str, data: Path, run: int) -> Parts:
    """Queries with an intent each; the folder holds one for each part."""
    return split(read(data / name), DataSettings(), run)


def read(path: Path) -> Examples:
    """Sequences with a class each."""
    return read_examples(path, DataSettings(), "class")


def _fold(examples: Examples, fold: np.ndarray, run: int) -> Parts:
    train, test = (examples.take(np.flatnonzero(chosen)) for chosen in (fold != run, fold == run))
    return split(train, DataSettings(), run, None, test)


PROBLEMS = (
    Problem("SST, two classes", "classify", sst, (0, 1, 2), goal=83.0, above_bag=True,
            source="Kim's CNN, random vectors, trained on phrases too: 82.7"),
    Problem("MR", "classify", partial(folds, "mr"), (0, 1, 2), goal=78.0, above_bag=True),
    Problem("Subj", "classify", partial(folds, "subj"), (0, 1, 2), goal=92.5, above_bag=True),
    Problem("ATIS intents", "classify", partial(intents, "atis"), (0, 1, 2), goal=96.0,
            source="slot-gated BiLSTM 94.1 (Goo et al. 2018)"),
    Problem("surnames", "classify", surnames, (0, 1, 2), figure="macro_f1", above_bag=True),
    Problem("SNIPS intents", "classify", partial(intents, "snips"), (0, 1), goal=97.0,
            source="slot-gated BiLSTM 97.0 (Goo et al. 2018)"),
    Problem("movie reviews", "classify", movie_reviews, (0, 1, 2), goal=85.0, above_bag=True,
            source="support vector machine 87.2 (Pang & Lee 2004)"),
)  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "labels_text")
