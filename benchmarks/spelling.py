"""Spellings of the CMU Pronouncing Dictionary to 39 phonemes without stress, with no option but the path.

A tenth of the spellings, drawn once, is the test, and of the rest 2,000 are held out. A phoneme error is counted
against the nearest listed pronunciation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.harness import Data, Figure
from benchmarks.pair_runs import Goal, Problem, by_source, divided
from benchmarks.pair_runs import measure as measure_problems
from elman.data.sources import read_examples
from elman.data.splits import Parts
from elman.metrics.texts import error_rate, exact
from elman.settings import DataSettings

#: Spellings that are held out.
HELD_OUT = 2_000


def parts(data: Path, run: int) -> Parts:
    """The same test for every run."""
    pairs = read_examples(data / "cmudict" / "cmudict.dict.gz", DataSettings(), "text")
    sounds = [re.sub(r"\d", "", str(target)) for target in pairs.targets or ()]
    return divided(by_source(replace(pairs, targets=sounds)), HELD_OUT)


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
