"""Spellings of the CMU Pronouncing Dictionary to 39 phonemes without stress, with no option but the path.

A tenth of the spellings, drawn once, is the test, and of the rest 2,000 are held out. A phoneme error is counted against
the nearest listed pronunciation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.harness import Data, Figure
from benchmarks.pair_runs import Goal, Problem
from benchmarks.pair_runs import measure as measure_problems
from elman.data.examples import Examples
from elman.data.sources import read_examples
from elman.data.splits import Parts
from elman.metrics.texts import error_rate, exact
from elman.settings import DataSettings

#: Seed of the division, and spellings that are held out.
SEED, HELD_OUT = 0, 2_000


def dictionary(file: Path) -> Examples:
    """Each spelling with all its pronunciations, without stress."""
    pairs = read_examples(file, DataSettings(), "text")
    sounds: dict[str, dict[str, None]] = {}
    for spelling, target in zip(pairs.inputs, pairs.targets or (), strict=True):
        sounds.setdefault(spelling, {})[re.sub(r"\d", "", str(target))] = None
    return replace(
        pairs,
        inputs=list(sounds),
        targets=[tuple(known) for known in sounds.values()],
        names=list(sounds),
        groups=None,
    )


def parts(data: Path, run: int) -> Parts:
    """The same test for every run."""
    examples = dictionary(data / "cmudict" / "cmudict.dict.gz")
    order = np.random.default_rng(SEED).permutation(len(examples))
    tenth = len(order) // 10
    rows = {"test": order[:tenth], "valid": order[tenth : tenth + HELD_OUT], "train": order[tenth + HELD_OUT :]}
    train, valid, test = (examples.take(np.sort(rows[name])) for name in ("train", "valid", "test"))
    return Parts(train, valid, test)


def score(texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Mapping[str, float]:
    """Phoneme error and the share of words with any, in per cent."""
    wrong = 100 * error_rate(texts, truth).value
    return {"phonemes": wrong, "words": 100 * (1 - float(exact(texts, truth).mean()))}


GOALS = (
    Goal("phonemes", "phoneme error", "%", "lower", 8.0,
         "LSTM encoder-decoder 7.63 on an older version of the dictionary (Yao & Zweig 2015)"),
    Goal("words", "words with an error", "%", "lower", None, "28.61 (Yao & Zweig 2015)"),
)  # fmt: skip

PROBLEMS = (Problem("CMUdict", parts, score, GOALS),)


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "spelling")
