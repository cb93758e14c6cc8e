"""Which inputs excite a unit, and where it is excited most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.diagnostics.properties import is_series
from elman.diagnostics.unit_names import find
from elman.nn.subject import Subject
from elman.plots import units as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: An input that came fewer times says nothing; so many equal shares of a series' levels are inputs.
FEWEST, LEVELS = 3, 8

#: Inputs drawn from each end; places shown, and the inputs before each.
_DRAWN, PLACES, BEFORE = 10, 5, 40


@final
@dataclass(frozen=True)
class Input:
    """What one input does to the unit.

    Attributes:
        label: What it is called.
        change: Mean change of the unit at the steps that read it.
        error: Standard error of the mean.
        after: Mean value of the unit after it.
        count: How many times it came.
    """

    label: str
    change: float
    error: float
    after: float
    count: int


@final
@dataclass(frozen=True)
class Excitation:
    """What moves one unit.

    Attributes:
        title: Of the model.
        unit: Its name.
        inputs: Those that came at least three times, from the one that raises the unit most to the one that lowers it
            most.
        places: The inputs up to the step at which the unit is highest, in the rows where it is so, highest first.
        peaks: The unit's value at these steps.
    """

    title: str
    unit: str
    inputs: tuple[Input, ...]
    places: tuple[tuple[str, ...], ...]
    peaks: tuple[float, ...]

    def __str__(self) -> str:
        up = [f"'{found.label}' {found.change:+.2f}" for found in self.inputs[:3] if found.change > 0]
        down = [f"'{found.label}' {found.change:+.2f}" for found in self.inputs[:-4:-1] if found.change < 0]
        told = [f"{verb} most by {', '.join(found)}" for verb, found in (("raised", up), ("lowered", down)) if found]
        return f"{self.title}: {self.unit} is {' and '.join(told) or 'not moved by any input that came often'}."

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "unit": self.unit,
            "inputs": [asdict(found) for found in self.inputs],
            "places": ["".join(place) for place in self.places],
            "peaks": list(self.peaks),
        }

    def plot(self) -> Figure:
        """The mean changes that inputs make, largest first."""
        shown = self.inputs if len(self.inputs) <= 2 * _DRAWN else (*self.inputs[:_DRAWN], *self.inputs[-_DRAWN:])
        return pictures.bars(
            [found.label for found in shown],
            [pictures.Values("change", [found.change for found in shown])],
            f"What moves {self.unit}: {self.title}",
            "mean change of the unit at the step that reads it",
        )


def excitation(subject: Subject, unit: str) -> Excitation:
    """Which inputs raise and lower ``unit``, named as ``cell_l0[3]``, and where it is highest.

    The inputs of a series are eight ranges of its first feature with as many steps each. Raises `UsageError` for a unit
    that there is not.
    """
    state, index = find(subject.recurrent, unit)
    with torch.no_grad():
        values = subject.run()[2][state][..., index].cpu().double()
    changes = values.diff(dim=1)  # What the first input does is taken by the start of the row.
    steps: dict[str, list[int]] = defaultdict(list)
    names = _levels(subject.inputs[..., 0]) if is_series(subject) else subject.labels
    for place, label in enumerate(label for row in names for label in row[1:]):
        steps[label].append(place)
    flat, after = changes.flatten(), values[:, 1:].flatten()
    found = [
        Input(label, *_mean(flat[places]), float(after[places].mean()), len(places))
        for label, places in steps.items()
        if len(places) >= FEWEST
    ]
    peaks = values.max(1)
    highest = peaks.values.argsort(descending=True)[:PLACES].tolist()
    ends = peaks.indices.tolist()
    return Excitation(
        title=subject.title,
        unit=unit,
        inputs=tuple(sorted(found, key=lambda one: -one.change)),
        places=tuple(tuple(subject.labels[row][max(0, ends[row] - BEFORE) : ends[row] + 1]) for row in highest),
        peaks=tuple(peaks.values[highest].tolist()),
    )


def _mean(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), float(values.std() / len(values) ** 0.5)


def _levels(series: Tensor) -> Sequence[Sequence[str]]:
    """The range of levels that each step of series (batch, time) lies in, by name."""
    values = series.detach().cpu().double()
    inner = torch.linspace(0, 1, LEVELS + 1, dtype=torch.float64)[1:-1]
    borders = sorted(set(torch.quantile(values, inner).tolist()))
    texts = [f"{border:.3g}" for border in borders]
    names = [f"below {texts[0]}", *(f"{low} to {high}" for low, high in pairwise(texts)), f"above {texts[-1]}"]
    places = torch.bucketize(values, torch.tensor(borders, dtype=torch.float64))
    return [[names[place] for place in row] for row in places.tolist()]
