"""Words written by pen (UNIPEN): letters of any hand, by writers that were never seen.

2,391 words train, 423 are held out and 786 are for the test, no writer in two parts. Without a list, capitals count;
with the spellings of CMUdict as a list of words, transcripts are compared in lower case.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Data, Figure
from benchmarks.transcript_runs import Problem, Way
from benchmarks.transcript_runs import measure as measure_problems
from elman.data.splits import Parts, read_parts
from elman.settings import DataSettings


def parts(data: Path, run: int) -> Parts:
    """As the file divides them, by writer."""
    return read_parts(data / "unipen" / "unipen_words.jsonl.gz", DataSettings(), "text", run)


def problem(data: Path) -> Problem:
    """With the list of words that is beside the other data."""
    listed = Way(
        "beam 32 with the words of CMUdict",
        {"beam": 32, "words": data / "cmudict" / "cmudict.dict.gz"},
        goals={"cer": 12.0},
        lowercase=True,
    )
    ways = (Way("greedy", goals={"cer": 20.0}), listed)
    return Problem("UNIPEN words, writers unseen", parts, ways, options={"max_time": "35m"})


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems((problem(data.path(".")),), data, "transcribe_ink")
