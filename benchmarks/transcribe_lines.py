"""Lines of writing, from their pictures: print in Fraktur, and wills of soldiers in French by hands never seen.

Fraktur: 1,100 lines of books of 1805 to 1925, 40 pixels high and of one bit; a tenth is held out, 427 other lines are
the test. Wills: 2,248 lines of some documents train, 268 of others are held out and 541 of others still are the test,
one hand each; their learning curve is what a model reads after so many lines. Everything is chosen on held-out lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Data, Figure
from benchmarks.transcript_runs import Problem, Way
from benchmarks.transcript_runs import measure as measure_problems
from elman.data.splits import Parts, read_parts
from elman.settings import DataSettings

#: A training ends in so many minutes, whatever else the machine does: of print, and of hands.
PRINT, HANDS = 30, 50

#: In per cent; nobody said how hands are to be decoded.
HANDS_GOAL = {"cer": 25.0}

#: Lines of whole documents from which a point of the learning curve is learnt, and minutes of it.
CURVE = {250: 8, 500: 15, 1000: 13}

GREEDY = "greedy"
BEAM = Way("beam 32 with 6-grams of the training transcripts", {"beam": 32, "language_model": "transcripts"})


def fraktur(data: Path, run: int) -> Parts:
    """As the folders divide them, without the few extra lines of other kinds that are beside the test."""
    parts = read_parts(data / "fraktur_lines", DataSettings(), "text", run)
    assert parts.test is not None
    rows = [row for row, name in enumerate(parts.test.names) if name.startswith("test/")]
    return replace(parts, test=parts.test.take(rows))


def wills(data: Path, run: int, lines: int | None = None) -> Parts:
    """As the folders divide them; of the training lines those of some documents, about ``lines`` in all."""
    parts = read_parts(data / "poilus_lines", DataSettings(), "text", run)
    if lines is None:
        return parts
    groups = parts.train.groups or ()
    taken: list[int] = []
    for document in np.random.default_rng(run).permutation(sorted(set(groups))).tolist():
        if len(taken) < lines:
            taken += [row for row, group in enumerate(groups) if group == document]
    return replace(parts, train=parts.train.take(sorted(taken)))


def problems() -> list[Problem]:
    """The two of them, and the points of the learning curve."""
    found = [
        Problem(
            "Fraktur lines",
            fraktur,
            (Way(GREEDY, goals={"cer": 2.5}), BEAM),
            options=_options(PRINT),
            source="OCRopus, one layer in both directions, all 3,915 lines at full resolution: CER 1.089",
        ),
        Problem(
            "Poilus lines, hands unseen",
            wills,
            (Way(GREEDY, goals=HANDS_GOAL), replace(BEAM, goals=HANDS_GOAL)),
            options=_options(HANDS),
        ),
    ]
    for lines, minutes in CURVE.items():
        some: Callable[[Path, int], Parts] = partial(wills, lines=lines)
        name = f"Poilus lines, {lines} to learn from"
        found.append(Problem(name, some, (Way(GREEDY), BEAM), options=_options(minutes)))
    return found


def _options(minutes: int) -> dict[str, Any]:
    return {"max_time": f"{minutes}m", "impossible": "drop"}


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(problems(), data, "transcribe_lines")
