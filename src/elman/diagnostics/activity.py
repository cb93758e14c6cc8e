"""What one unit does while a sequence is read: the text coloured by it, or bars over the series."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from elman.diagnostics import words
from elman.diagnostics.properties import is_series
from elman.diagnostics.unit_names import find
from elman.errors import UsageError
from elman.nn.subject import Subject
from elman.plots import units as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True)
class Activity:
    """The values of one unit along one sequence.

    Attributes:
        title: Of the model.
        unit: Its name, as ``cell_l0[3]``.
        labels: What the inputs are called.
        values: Of the unit after each input.
        series: The first feature of the inputs where they are a series, else None.
    """

    title: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    series: tuple[float, ...] | None

    def __str__(self) -> str:
        low, high = (self.values.index(extreme(self.values)) for extreme in (min, max))
        return (
            f"{self.title}: {self.unit} goes from {self.values[low]:.2f}, after '{self.labels[low]}' at step {low}, "
            f"to {self.values[high]:.2f}, after '{self.labels[high]}' at step {high}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "unit": self.unit,
            "labels": list(self.labels),
            "values": words.plain_list(self.values),
            "series": None if self.series is None else words.plain_list(self.series),
        }

    def plot(self) -> Figure:
        """The text on colours, orange for values above 0 and blue below; a series with bars below it."""
        values = [pictures.Values(self.unit, self.values)]
        if self.series is not None:
            return pictures.series(self.series, values, f"What {self.unit} does: {self.title}")
        return pictures.text(self.labels, values, f"What a unit does: {self.title}")


def activity(subject: Subject, unit: str, *, row: int = 0) -> Activity:
    """The values of ``unit``, named as ``cell_l0[3]``, along one of the subject's sequences.

    Raises `UsageError` for a unit or a row that there is not.
    """
    state, index = find(subject.recurrent, unit)
    if not 0 <= row < subject.batch:
        raise UsageError(f"There is no row {row}: the subject has {subject.batch}, the first is 0.")
    inputs = subject.inputs[row : row + 1].detach()
    values = subject.run(inputs)[2][state][0, :, index]
    series = tuple(inputs[0, :, 0].tolist()) if is_series(subject) else None
    return Activity(subject.title, unit, tuple(subject.labels[row]), tuple(values.tolist()), series)
