"""Which units follow something one can name: the position in a line, being inside quotes, a phase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.diagnostics import words
from elman.diagnostics.properties import properties as found_in
from elman.diagnostics.trajectory import Trajectory
from elman.diagnostics.unit_names import names_of
from elman.errors import DataError, UsageError
from elman.nn.subject import Subject
from elman.plots import units as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Share of the steps, from the start, in which the state settles; they do not count.
SETTLING = 0.1

#: Above this a unit is said to follow nothing.
SIGNIFICANT = 0.001

#: Shifts that are worked on at once.
_TOGETHER = 250


@final
@dataclass(frozen=True)
class Units:
    """How closely every unit follows every property.

    Attributes:
        title: Of the model.
        properties: Their names.
        units: Their names, as ``cell_l0[3]``.
        correlations: (properties, units): Pearson's; for a property of several columns the multiple correlation.
        p: (properties, units): how often chance alone gives so much to any unit and any property that were searched.
        shifts: How many times chance was asked.
    """

    title: str
    properties: tuple[str, ...]
    units: tuple[str, ...]
    correlations: Tensor
    p: Tensor
    shifts: int

    def best(self, name: str, count: int = 1) -> list[str]:
        """The units that follow the property ``name`` most closely, best first; raises `UsageError` for others."""
        if name not in self.properties:
            raise UsageError(f"There is no property '{name}', only {', '.join(self.properties)}.")
        order = self.correlations[self.properties.index(name)].abs().argsort(descending=True)
        return [self.units[unit] for unit in order[:count].tolist()]

    def followers(self, name: str, p: float = SIGNIFICANT) -> list[str]:
        """Those that follow the property ``name`` beyond chance, best first."""
        row = self.p[self.properties.index(name)]
        return [unit for unit in self.best(name, len(self.units)) if float(row[self.units.index(unit)]) < p]

    def __str__(self) -> str:
        lines = []
        for name, correlations, p in zip(self.properties, self.correlations, self.p, strict=True):
            count, (unit,) = len(self.followers(name)), self.best(name)
            place = self.units.index(unit)
            found = f"{unit} most closely (correlation {correlations[place]:+.2f}, {self._chance(float(p[place]))})"
            lines.append(f"{name}: {_units(count)} of {len(self.units)} follow it beyond chance, {found}")
        return f"{self.title}: " + "; ".join(lines) + "."

    def _chance(self, p: float) -> str:
        return f"p < {1 / self.shifts:g}" if p <= 1 / self.shifts else f"p = {p:.2g}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "units": list(self.units),
            "shifts": self.shifts,
            "properties": {
                name: {
                    "correlations": words.plain_list(row.tolist()),
                    "p": p.tolist(),
                    "followers": self.followers(name),
                }
                for name, row, p in zip(self.properties, self.correlations, self.p, strict=True)
            },
        }

    def plot(self) -> Figure:
        """Every unit's correlation with every property; the units beyond chance in colour."""
        return pictures.correlations(
            self.properties,
            [row.tolist() for row in self.correlations],
            [(row < SIGNIFICANT).tolist() for row in self.p],
            [self.best(name)[0] for name in self.properties],
            f"What units follow: {self.title}",
        )


def units(
    subject: Subject, properties: Mapping[str, Tensor] | None = None, *, shifts: int = 2000, seed: int = 0
) -> Units:
    r"""Search all units for those that follow a property of the sequences, and say how much of it chance explains.

    A unit follows a property as far as it is correlated with it. Neighbouring steps are alike, so that chance is
    asked by whole sequences: ``shifts`` times the properties of one sequence are laid beside the states of another
    one, at a place drawn at random, and the correlations r are computed again. In units of their root mean square
    over the shifts, with u for units and f for properties,

    .. math:: p = \frac{1 + \#\{\max_{u, f} |r_{shifted}| / \sigma_{uf} \ge |r| / \sigma_{uf}\}}{1 + shifts}

    The maximum over everything that was searched corrects for having searched (Westfall & Young, "Resampling-based
    multiple testing", 1993). A phase needs many sequences: along one or two, whatever swings with the same period
    agrees with it wherever it begins.

    Args:
        subject: The model and its sequences; some long ones are best.
        properties: Name -> (batch, time), or (batch, time, columns) for what takes several numbers, such as a phase.
            By default those of the text or the series, see `elman.diagnostics.properties`.
        shifts: How often chance is asked; p is never below one over that.
        seed: Of the shifts.

    Raises:
        DataError: No property changes over the steps, or one does not fit the subject's sequences.
    """
    named = dict(found_in(subject) if properties is None else properties)
    if not named:
        raise DataError("No property changes over these sequences: give other ones, or properties of your own.")
    for name, values in named.items():
        if tuple(values.shape[:2]) != (subject.batch, subject.time):
            raise DataError(
                f"The property '{name}' must be (batch, time), {(subject.batch, subject.time)}, "
                f"found {tuple(values.shape)}."
            )
    way = Trajectory(subject)
    settled = int(SETTLING * way.time)
    states = _standard(way.states[:, 1 + settled :, way.reached].flatten(0, 1))
    drawn = _shifted_places(way.batch, way.time - settled, shifts, seed)
    correlations, sizes, chance = [], [], torch.zeros(shifts, dtype=torch.float64)
    for values in named.values():
        columns = _basis(values.double().reshape(way.batch, way.time, -1)[:, settled:].flatten(0, 1))
        correlations.append(_correlations(columns, states))
        shifted = torch.cat([_shifted_sizes(columns, states, places) for places in torch.split(drawn, _TOGETHER)])
        spread = shifted.square().mean(0).sqrt().clamp_min(1e-12)
        sizes.append(correlations[-1].abs() / spread)
        chance = torch.maximum(chance, (shifted / spread).amax(1))
    exceeded = shifts - torch.searchsorted(chance.sort().values, torch.stack(sizes))
    p = (1 + exceeded) / (1 + shifts)
    return Units(subject.title, tuple(named), names_of(way), torch.stack(correlations), p, shifts)


def _units(count: int) -> str:
    return f"{count or 'no'} unit{'s' * (count != 1)}"


def _standard(values: Tensor) -> Tensor:
    """Columns (n, k) with mean 0 and length 1; constant ones are 0."""
    centred = values - values.mean(0)
    length = centred.norm(dim=0)
    # A constant is constant up to rounding.
    still = length <= 1e-10 * values.abs().amax(0) * len(values) ** 0.5
    return torch.where(still, 0.0, centred / torch.where(still, 1.0, length))


def _basis(values: Tensor) -> Tensor:
    """Orthonormal columns that span those of ``values`` (n, k), the constant left out."""
    standard = _standard(values)
    return standard if standard.shape[1] == 1 else torch.linalg.qr(standard)[0]


def _correlations(columns: Tensor, states: Tensor) -> Tensor:
    """Of every state with columns (n, k): signed for one column, (units,)."""
    products = columns.T @ states
    return products[0] if len(products) == 1 else products.norm(dim=0)


def _shifted_places(batch: int, time: int, shifts: int, seed: int) -> Tensor:
    """For every shift, where the property of each step comes from: another sequence, another place, (shifts, n)."""
    rng = torch.Generator().manual_seed(seed)
    rows = torch.rand(shifts, batch, generator=rng).argsort(1)
    offsets = torch.randint(time, (shifts, batch, 1), generator=rng)
    return (rows[:, :, None] * time + (torch.arange(time) + offsets) % time).flatten(1)


def _shifted_sizes(columns: Tensor, states: Tensor, places: Tensor) -> Tensor:
    """Sizes of the correlations with the columns at other places (shifts, n): (shifts, units)."""
    squares = [(column[places].float() @ states.float()).square() for column in columns.T]
    return torch.stack(squares).sum(0).sqrt().double()
