"""AN4 (Carnegie Mellon, about 1991): spelled names, addresses and numbers of many speakers, from 13 cepstra a frame.

The 948 sequences for training are divided by speaker into those that train and those that are held out; everything
else, weight and bonus of the language model too, is chosen on the latter. The 130 of the test are of other speakers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Data, Figure
from benchmarks.transcript_runs import Problem, Way
from benchmarks.transcript_runs import measure as measure_problems
from elman.data.splits import Parts, read_parts
from elman.settings import DataSettings

#: Of the test with a language model and a beam of 32.
SECONDS = 30.0


def parts(data: Path, run: int) -> Parts:
    """As Sphinx divides it, with some of the speakers held out."""
    return read_parts(data / "an4", DataSettings(), "text", run)


GREEDY = Way("greedy", goals={"wer": 12.0, "cer": 6.0})
BEAM = Way(
    "beam 32 with 6-grams of the training transcripts", {"beam": 32, "language_model": "transcripts"}, seconds=SECONDS
)

PROBLEM = Problem(
    "AN4",
    parts,
    (GREEDY, BEAM),
    options={"max_time": "15m"},
    source="deepspeech.pytorch, 5 GRU layers of 800 on spectrograms: WER 10.5, CER 4.8",
)


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all, and how much better the language model makes it."""
    found = measure_problems((PROBLEM,), data, "transcribe_an4")
    by_name = {figure.name: figure.value for figure in found}
    both = [f"AN4, {way.name}: word error of 1 of 1 runs" for way in PROBLEM.ways]
    if all(name in by_name for name in both):
        gain = round(by_name[both[0]] - by_name[both[1]], 3)
        found.append(Figure("AN4: word error that beam and language model take off", gain, "%", "higher", 0.0))
    return found
