"""How long a model keeps what it has read: the half-life of a nudge to its state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.diagnostics import words
from elman.diagnostics.layers import layers_of
from elman.diagnostics.positions import looking_back
from elman.diagnostics.trajectory import Trajectory
from elman.errors import DataError
from elman.nn.ops import TorchOps
from elman.nn.subject import Subject
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True)
class HalfLife:
    """How fast what is in the state fades.

    Attributes:
        title: Of the model.
        whole: Steps in which half of a nudge to the whole state is gone, in the long run; infinite where it stays.
        units: Name of a state -> (units,) the same for a nudge to a single number of it.
        implied: Name of a state -> (units,) what the gates alone imply: half-lives by the share of its own former
            value that a step keeps of each number. States that keep nothing directly, as a plain network's, are not
            there; nor are turning ones well described by it, as those of the LRU.
        left: (distance + 1,) natural logarithm of what is left of a nudge to the whole state, the mean over probes.
        spread: (2, distance + 1) its 10% and 90% quantiles over probes.
    """

    title: str
    whole: float
    units: Mapping[str, Tensor]
    implied: Mapping[str, Tensor]
    left: Tensor
    spread: Tensor

    def __str__(self) -> str:
        units = torch.cat(list(self.units.values()))
        gone = f"half of a nudge to the state is gone after {words.steps(self.whole)} in the long run"
        fades = "a nudge to the state does not fade" if math.isinf(self.whole) else gone
        text = f"{self.title}: {fades}; half-life of single units: median {words.steps(_median(units))}."
        for name, values in self.implied.items():
            text += f" The gates imply a median of {words.steps(_median(values))} for {name}."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; None where a half-life is infinite."""
        return {
            "title": self.title,
            "half_life": words.plain(self.whole),
            "units": {name: words.plain_list(values.tolist()) for name, values in self.units.items()},
            "implied": {name: words.plain_list(values.tolist()) for name, values in self.implied.items()},
            "log_left": words.plain_list(self.left.tolist()),
            "log_left_quantiles": [words.plain_list(row) for row in self.spread.tolist()],
        }

    def plot(self) -> Figure:
        """What is left of a nudge over time, and the half-lives of all units, measured and implied by gates."""
        from matplotlib.figure import Figure

        with style.context():
            figure = Figure(figsize=(10.0, 3.8), layout="constrained")
            fading, units = figure.subplots(1, 2)
            scale = math.log(10)
            fading.fill_between(
                range(len(self.left)), *(row / scale for row in self.spread), color=style.COLOURS[0], alpha=0.18, lw=0
            )
            fading.plot(self.left / scale, color=style.COLOURS[0])
            fading.set_title("What is left of a nudge to the state")
            fading.set_xlabel("steps later")
            fading.set_ylabel("power of ten")
            for number, (name, measured) in enumerate(self.units.items()):
                colour = style.COLOURS[number % len(style.COLOURS)]
                _sorted_dots(units, measured, colour, "o", name)
                if name in self.implied:
                    _sorted_dots(units, self.implied[name], colour, "x", f"{name}, by its gates")
            low, high = units.get_ylim()
            if high > 20 * max(low, 0.05):
                units.set_yscale("log")
            else:
                units.set_ylim(bottom=0)
            units.set_title("Half-life of each unit")
            units.set_xlabel("units, sorted")
            units.set_ylabel("steps")
            figure.legend(*units.get_legend_handles_labels(), loc="outside right upper")
            return figure


def _sorted_dots(axes: Any, values: Tensor, colour: str, marker: str, label: str) -> None:
    shown = values[values.isfinite() & (values > 0)].sort().values
    axes.plot(range(1, len(shown) + 1), shown, marker, color=colour, markersize=3.5, label=label)


def _median(values: Tensor) -> float:
    # torch's median of an even count is the lower one, which infinite values do not turn into NaN.
    return float(values.median())


def half_life(subject: Subject, *, probes: int = 32, distance: int | None = None) -> HalfLife:
    r"""Half-lives :math:`\ln 2 / \rho`, with :math:`\rho` the rate at which derivatives by the state decay.

    Random rows of plus and minus one go back through the derivatives of the steps from ``probes`` places that are
    spread over the sequences, over ``distance`` steps (half of the sequence's by default). The mean square of what
    they leave at a number of the state estimates without bias the squared norm of the derivative of the whole later
    state by it (Hutchinson 1989). The rate is the slope of the logarithm of that norm over the later half of the
    distances; where units act on each other, all of them have the rate of the whole state in the very long run.

    Raises `DataError` for sequences of fewer than 8 steps.
    """
    if subject.time < 8:
        raise DataError(f"A half-life needs sequences of at least 8 steps, found {subject.time}.")
    way = Trajectory(subject)
    everywhere = torch.ones(way.batch, way.time, dtype=torch.bool)
    rows, steps, distance = looking_back(everywhere, probes, distance)
    generator = torch.Generator().manual_seed(0)
    signs = torch.randint(2, (len(rows), way.size), generator=generator).double() * 2 - 1
    lengths, units = [], []
    for vectors, length in way.sweep(rows, steps, signs * way.reached, distance):
        lengths.append(length)
        units.append(torch.logsumexp(2 * (vectors.abs().log() + length[:, None]), 0) / 2 - math.log(len(rows)) / 2)
    left = torch.stack(lengths) - lengths[0]
    decay = -_slope(torch.stack(units))
    mean = left.mean(1)
    return HalfLife(
        title=subject.title,
        whole=words.half_life(float(_slope(mean[:, None]))),
        units={name: _half_lives(decay[place]) for name, place in way.places.items() if way.reached[place].any()},
        implied=_implied(way),
        left=mean,
        spread=torch.quantile(left.nan_to_num(neginf=-1e6), torch.tensor([0.1, 0.9], dtype=left.dtype), dim=1),
    )


def _half_lives(decay: Tensor) -> Tensor:
    return torch.where(decay > 0, math.log(2) / decay.clamp_min(1e-300), torch.inf)


def _slope(logs: Tensor) -> Tensor:
    """The least-squares slope of each column of ``logs`` (distance + 1, n) over its later half.

    What has become exactly zero by then has the slope -inf.
    """
    later = logs[len(logs) // 2 :]
    x = torch.arange(len(later), dtype=logs.dtype)
    x = x - x.mean()
    slope = (x[:, None] * (later - later.mean(0))).sum(0) / x.square().sum()
    return torch.where(later.isfinite().all(0), slope, -torch.inf)


class _Held:
    """torch's operations, except that no gradient passes through a product with a matrix."""

    def __init__(self) -> None:
        self._ops = TorchOps()

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, heads: int = 1) -> Tensor:
        return self._ops.linear(x, weight, bias, heads).detach()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ops, name)


def _implied(way: Trajectory) -> dict[str, Tensor]:
    """The half-lives by what each step keeps directly of each number, all products with matrices held."""
    found = {}
    held: Any = _Held()
    for layer in layers_of(way):
        before = {name: value.clone().requires_grad_() for name, value in layer.before.items()}
        with torch.enable_grad():
            after = layer.cell.step(held, layer.inputs, before, layer.params)
        for name, value in before.items():
            kept = torch.zeros_like(value)
            if after[name].requires_grad:
                total = after[name].sum()
                (kept,) = torch.autograd.grad(total, value, retain_graph=True, materialize_grads=True)
            if kept.any() and way.reached[way.places[name + layer.ending]].any():
                found[name + layer.ending] = _half_lives(-kept.abs().log().mean(0))
    return found
