"""Strings of 1 to 7 spoken digits are transcribed: by CTC in both directions, and by a transducer while they come.

A string is made of recordings of one speaker with short silences between them, all drawn by a fixed seed; recordings of
takes 0 to 4 make those of the test, of 5 and 6 those that are held out, the others those to train on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import Data, Figure
from benchmarks.labels_audio import SPEAKERS, recordings
from benchmarks.transcript_runs import Problem, Way
from benchmarks.transcript_runs import measure as measure_problems
from elman.codecs.raw import Recording
from elman.data.examples import Examples
from elman.data.splits import Parts

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

#: Takes of each part, and how many strings are made of them.
TAKES = {"train": range(7, 25), "valid": range(5, 7), "test": range(5)}
STRINGS = {"train": 3000, "valid": 200, "test": 500}

#: Digits of a string, and seconds of silence before, between and after them: fewest and most.
LENGTH, PAUSE = (1, 7), (0.05, 0.3)


#: Pieces in which a string comes to a stream.
PIECES = 30

#: A training ends in so long, whatever else the machine does.
CTC, TRANSDUCER = "8m", "12m"


def parts(data: Path, run: int) -> Parts:
    """Strings to train on, held out, and for the test, the same for every run."""
    spoken, speakers, takes = recordings(data)
    assert spoken.targets is not None
    told = list(zip(spoken.inputs, spoken.targets, speakers, takes, strict=True))
    made = []
    for seed, (part, own) in enumerate(TAKES.items()):
        said: dict[tuple[str, str], list[Recording]] = defaultdict(list)
        for recording, digit, speaker, take in told:
            if take in own and isinstance(recording, Recording):
                said[speaker, DIGITS[int(str(digit))]].append(recording)
        made.append(_strings(said, part, seed))
    train, valid, test = made
    return Parts(train, valid, test)


def _strings(spoken: Mapping[tuple[str, str], Sequence[Recording]], part: str, seed: int) -> Examples:
    """The strings of a part; each is of one speaker, who says each digit in any of the part's takes."""
    rng = np.random.default_rng(seed)
    inputs, texts = [], []
    for _ in range(STRINGS[part]):
        speaker = SPEAKERS[rng.integers(len(SPEAKERS))]
        digits = [DIGITS[digit] for digit in rng.integers(10, size=rng.integers(LENGTH[0], LENGTH[1] + 1))]
        takes = [spoken[speaker, digit] for digit in digits]
        inputs.append(_joined([each[int(rng.integers(len(each)))] for each in takes], rng))
        texts.append(" ".join(digits))
    names = [f"{part} string {number}" for number in range(len(texts))]
    return Examples("audio", inputs, texts, names, answer="text")


def _joined(said: Sequence[Recording], rng: np.random.Generator) -> Recording:
    """Recordings one after the other, with silence around each."""
    rate = said[0].rate
    silences = [np.zeros(round(rng.uniform(*PAUSE) * rate), np.float32) for _ in range(len(said) + 1)]
    pieces = [piece for silence, each in zip(silences, said, strict=False) for piece in (silence, each.samples)]
    return Recording(np.concatenate([*pieces, silences[-1]]), rate)


PROBLEMS = (
    Problem("strings of digits, CTC", parts, (Way("greedy", goals={"wer": 3.0}),), options={"max_time": CTC}),
    Problem(
        "strings of digits, transducer as they come",
        parts,
        (Way("greedy", goals={"wer": 5.0}, pieces=PIECES), Way("beam 4", {"beam": 4}, {"wer": 5.0}, pieces=PIECES)),
        options={"head": "transducer", "max_time": TRANSDUCER},
    ),
)


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "transcribe_digits")
