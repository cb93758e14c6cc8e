"""Sentences of Tatoeba from English to Chinese, written in characters, with no option but the path and a time.

An English sentence is in one part alone, with all its translations: a tenth of the sentences is the test, 800 are held
out. BLEU is that of characters, against all the translations that are listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.harness import Data, Figure
from benchmarks.pair_runs import Goal, Problem, by_source, divided
from benchmarks.pair_runs import measure as measure_problems
from elman.data.sources import read_examples
from elman.data.splits import Parts
from elman.metrics.texts import bleu, chrf
from elman.settings import DataSettings

#: Sentences that are held out.
HELD_OUT = 800


def parts(data: Path, run: int) -> Parts:
    """The same test for every run."""
    pairs = read_examples(data / "tatoeba_cmn_en" / "cmn.txt.gz", DataSettings(), "text")
    return divided(by_source(pairs), HELD_OUT)


def score(texts: Sequence[str], truth: Sequence[Sequence[str]]) -> Mapping[str, float]:
    """BLEU of characters, and chrF."""
    return {"bleu": bleu(texts, truth, tokenizer="char").value, "chrf": chrf(texts, truth).value}


GOALS = (
    Goal("bleu", "character BLEU, nrefs:var|case:mixed|eff:no|tok:char|smooth:exp", "", "higher"),
    Goal("chrf", "chrF, nrefs:var|case:mixed|eff:yes|nc:6|nw:0|space:no", "", "higher"),
)

PROBLEMS = (Problem("Tatoeba en-zh", parts, score, GOALS, options={"max_time": "10m"}),)


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "translate_tatoeba")
