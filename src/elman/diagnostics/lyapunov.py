"""How fast two states that differ a little grow apart or together: the Lyapunov exponents, by QR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.diagnostics import words
from elman.diagnostics.trajectory import Trajectory
from elman.errors import DataError, SettingsError
from elman.nn.subject import Subject
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Numbers in the state up to which all exponents are computed where nothing else is said, and how many above.
ALL_UP_TO, SOME = 64, 8

#: Share of the steps that the directions take to settle; they do not count.
SETTLING = 0.2

#: A direction shorter than this beside the longest one has been rounded away in float64.
_ROUNDED = 1e-13


@final
@dataclass(frozen=True)
class Lyapunov:
    """The Lyapunov exponents of a model driven by its inputs.

    Attributes:
        title: Of the model.
        exponents: (k,) the largest ones, descending, natural logarithm per step; -inf for what is forgotten in one.
        errors: (k,) standard errors over the sequences; NaN for a single one.
        steps: How many steps of each sequence counted.
        size: How many exponents there are in all.
    """

    title: str
    exponents: Tensor
    errors: Tensor
    steps: int
    size: int

    @property
    def half_life(self) -> float:
        """Steps in which half of what lasts longest is gone; infinite where it does not fade."""
        return words.half_life(float(self.exponents[0]))

    def __str__(self) -> str:
        top, error = float(self.exponents[0]), float(self.errors[0])
        margin = f" (standard error {error:.2g})" if error == error else ""
        if top >= 0:
            verdict = "small differences of the state do not fade: the network is at the edge of chaos or beyond"
        else:
            verdict = f"half of a small difference of the state is gone after {words.steps(self.half_life)}"
        return f"{self.title}: the largest Lyapunov exponent is {top:.4f} per step{margin}; {verdict}."

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; None where an exponent or an error is not finite."""
        return {
            "title": self.title,
            "exponents": words.plain_list(self.exponents.tolist()),
            "standard_errors": words.plain_list(self.errors.tolist()),
            "half_life": words.plain(self.half_life),
            "steps": self.steps,
            "size": self.size,
        }

    def plot(self) -> Figure:
        """The spectrum."""
        return plot_spectra(self)


def plot_spectra(*results: Lyapunov) -> Figure:
    """The spectra of one or more models in one picture."""
    figure, axes = style.new()
    with style.context():
        axes.axhline(0, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        for number, result in enumerate(results):
            values = result.exponents.clone()
            values[values.isinf()] = torch.nan
            colour = style.COLOURS[number % len(style.COLOURS)]
            axes.errorbar(
                range(1, len(values) + 1), values, result.errors.nan_to_num(), color=colour, marker="o", markersize=3,
                linewidth=1.2, elinewidth=0.8, label=result.title,
            )  # fmt: skip
        axes.set_title("Lyapunov exponents: above 0 grows, below 0 fades")
        axes.set_xlabel("direction of the state, the longest-lived first")
        axes.set_ylabel("natural logarithm per step")
        axes.legend()
    return figure


def lyapunov(subject: Subject, *, directions: int | None = None) -> Lyapunov:
    r"""The exponents :math:`\lambda_i = \lim_T \frac1T \ln \sigma_i(J_T \cdots J_1)` along the subject's sequences.

    ``directions`` orthogonal rows go back through the derivatives :math:`J_t` of the steps, and are made orthogonal
    again by QR after each; the mean logarithm of the lengths that this takes from them are the exponents. Rows that go
    back find the same exponents as columns that go forward. The first fifth of the way is left out, in which the
    directions settle. By default all exponents of states of up to 64 numbers, else 8.

    Source: Benettin, Galgani, Giorgilli & Strelcyn, Meccanica 15, 1980; of recurrent networks: Engelken, Wolf & Abbott,
    "Lyapunov spectra of chaotic recurrent neural networks", Physical Review Research 5, 2023.

    Raises `DataError` for sequences of fewer than 10 steps and `SettingsError` for more directions than there are.
    """
    if subject.time < 10:
        raise DataError(f"Lyapunov exponents need sequences of at least 10 steps, found {subject.time}.")
    way = Trajectory(subject)
    size = int(way.reached.sum())
    count = (size if size <= ALL_UP_TO else SOME) if directions is None else directions
    if not 1 <= count <= size:
        raise SettingsError(f"directions must be from 1 to the {size} numbers of the state, not {directions}.")
    settling = int(SETTLING * way.time)
    total = torch.zeros(way.batch, count, dtype=torch.float64)
    rows = torch.arange(way.batch).repeat_interleave(count)
    q = _orthogonal(way, count)
    for step in reversed(range(way.time)):
        vectors = q.transpose(1, 2).reshape(-1, way.size)
        pulled = way.back(rows, torch.full_like(rows, step), vectors).view(way.batch, count, way.size)
        q, r = torch.linalg.qr(pulled.transpose(1, 2))
        if step < way.time - settling:
            lengths = r.diagonal(dim1=1, dim2=2).abs()
            lost = lengths <= _ROUNDED * lengths.amax(1, keepdim=True)
            total += torch.where(lost, 0.0, lengths).log()
    steps = way.time - settling
    found = (total / steps).sort(dim=1, descending=True).values
    errors = found.std(0) / way.batch**0.5 if way.batch > 1 else torch.full((count,), torch.nan, dtype=torch.float64)
    return Lyapunov(subject.title, found.mean(0), errors, steps, size)


def _orthogonal(way: Trajectory, count: int) -> Tensor:
    """Random directions of the state that inputs reach, (batch, size, count), the same at every call."""
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(way.batch, way.size, count, generator=generator, dtype=torch.float64)
    q: Tensor = torch.linalg.qr(drawn * way.reached[:, None])[0]
    return q
