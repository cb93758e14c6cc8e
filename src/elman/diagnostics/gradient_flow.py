"""How far back a loss can teach: the size of its gradient by distance in time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.diagnostics import words
from elman.diagnostics.positions import looking_back
from elman.diagnostics.trajectory import Trajectory
from elman.errors import DataError, UsageError
from elman.nn.subject import Subject
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The quantiles that are kept, and the share of the gradient at distance 0 down to which the reach is counted.
QUANTILES, THRESHOLD = (0.1, 0.25, 0.5, 0.75, 0.9), 0.01

#: Logarithm of the share of the first gradients below which nothing is looked for any more: a thousand billionth.
_NOTHING_LEFT = math.log(1e-12)


@final
@dataclass(frozen=True)
class GradientFlow:
    """Norms of the gradients of single losses by the states before them.

    Attributes:
        title: Of the model.
        quantiles: (5, distance + 1) natural logarithms of the 10, 25, 50, 75 and 90% quantiles over the losses, of the
            norm of the gradient by the whole state; at distance 0 that after the step of the loss, at distance d that
            d steps earlier; -inf for no gradient.
        layers: ``layer 1`` and so on, from the bottom up -> (5, distance + 1) the same for the states of one layer. At
            distance 0 only the last one has a gradient.
        reach: The distance at which the median falls below 1% of that at distance 0; where it never does, the
            largest distance that was looked at.
        layer_reach: The same for every layer, beside its own first gradient.
        is_whole: Whether the median fell so far; else the reach is at least what it says.
        losses: How many losses were looked at.
    """

    title: str
    quantiles: Tensor
    layers: Mapping[str, Tensor]
    reach: int
    layer_reach: Mapping[str, int]
    is_whole: bool
    losses: int

    @property
    def median(self) -> Tensor:
        """(distance + 1,) natural logarithm of the median."""
        return self.quantiles[QUANTILES.index(0.5)]

    @property
    def shown_reach(self) -> str:
        """The reach, marked where it is only known to be at least that.

        >>> flow = GradientFlow("a model", torch.zeros(5, 9), {}, 8, {}, False, 4)
        >>> flow.shown_reach
        'at least 8 steps'
        """
        return f"{'' if self.is_whole else 'at least '}{words.steps(self.reach)}"

    def __str__(self) -> str:
        far = len(self.median) - 1
        left = math.exp(float(self.median[-1] - self.median[0]))
        text = f"{self.title}: gradients reach {self.shown_reach} back (until their median is below 1% of the first); "
        text += f"{words.steps(far)} back {left:.2g} of the first is there (median of {self.losses} losses)."
        if len(self.layers) > 1:
            text += " By layer: " + ", ".join(f"{name} {reach}" for name, reach in self.layer_reach.items()) + "."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; None where a gradient is zero."""
        return {
            "title": self.title,
            "reach": self.reach,
            "reach_is_whole": self.is_whole,
            "layer_reach": dict(self.layer_reach),
            "losses": self.losses,
            "quantiles": list(QUANTILES),
            "log_norms": [words.plain_list(row) for row in self.quantiles.tolist()],
            "layer_log_norms": {
                name: [words.plain_list(row) for row in values.tolist()] for name, values in self.layers.items()
            },
        }

    def plot(self) -> Figure:
        """The gradient by distance, whole and by layer."""
        return plot_gradient_flows(self)


def plot_gradient_flows(*results: GradientFlow) -> Figure:
    """The gradients of one or more models side by side: which vanish, and which do not.

    Every curve is the median, as a share of its first value, with the band from 10 to 90% of the losses; a dot marks
    the reach. A single model of several layers is shown by layer.

    Raises `UsageError` without results.
    """
    if not results:
        raise UsageError("There is no gradient to draw: give at least one result.")
    figure, axes = style.new()
    curves = {f"{flow.title}: {flow.shown_reach}": (flow.quantiles, flow.reach) for flow in results}
    if len(results) == 1 and len(results[0].layers) > 1:
        (flow,) = results
        for name, reach in flow.layer_reach.items():
            curves[f"{name}: {words.steps(reach)}"] = flow.layers[name], reach
    with style.context():
        for number, (label, (quantiles, reach)) in enumerate(curves.items()):
            _draw(axes, quantiles, reach, style.COLOURS[number % len(style.COLOURS)], label)
        axes.axhline(THRESHOLD, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(1e-10, axes.get_ylim()[0]))
        axes.set_xlim(left=0)
        axes.set_title("How far back the loss can teach")
        axes.set_xlabel("steps back from the loss")
        axes.set_ylabel("gradient, share of the first")
        axes.legend(title="reach", title_fontsize=9)
    return figure


def _draw(axes: Any, quantiles: Tensor, reach: int, colour: str, label: str) -> None:
    median = quantiles[QUANTILES.index(0.5)]
    first = median[int(median.isfinite().int().argmax())]
    shares = (quantiles - first).exp()
    shares = torch.where(shares > 0, shares, torch.nan)
    x = range(len(median))
    axes.fill_between(x, shares[0], shares[-1], color=colour, alpha=0.13, linewidth=0)
    axes.plot(x, shares[QUANTILES.index(0.5)], color=colour, label=label)
    if reach < len(median):
        axes.plot(reach, shares[QUANTILES.index(0.5), reach], "o", color=colour, markersize=5)


def gradient_flow(subject: Subject, *, losses: int = 32, distance: int | None = None) -> GradientFlow:
    r"""Norms :math:`\lVert \partial L_t / \partial s_{t-d} \rVert` of single losses by the state s at a distance d.

    ``losses`` single losses, spread over the later half of the steps that count, each send their own gradient back
    through the exact derivatives of the steps, over ``distance`` steps: by default as far as the first of them has
    states before it. It ends sooner where less than a thousand billionth is left. The state is all that is handed from
    step to step, of all layers.

    Raises `DataError` where the loss has no gradient at all.
    """
    way = Trajectory(subject)
    rows, steps, distance = looking_back(subject.counts.cpu(), losses, distance)
    by_layer = {f"layer {number}": names for number, names in enumerate(way.by_layer, 1)}
    norms: dict[str, list[Tensor]] = {name: [] for name in ("all", *by_layer)}
    for vectors, length in way.sweep(rows, steps, _gradients(subject, way, rows, steps), distance):
        norms["all"].append(length)
        for name, states in by_layer.items():
            parts = torch.cat([vectors[:, way.places[state]] for state in states], 1)
            norms[name].append(length + parts.norm(dim=1).log())
        if float((length - norms["all"][0]).max()) < _NOTHING_LEFT:
            break
    found = {name: _quantiles(torch.stack(values)) for name, values in norms.items()}
    reaches = {name: _reach(values[QUANTILES.index(0.5)]) for name, values in found.items()}
    whole = found.pop("all")
    reach = reaches.pop("all")
    return GradientFlow(
        title=subject.title,
        quantiles=whole,
        layers=found,
        reach=reach[0],
        layer_reach={name: value for name, (value, _) in reaches.items()},
        is_whole=reach[1],
        losses=len(rows),
    )


def _gradients(subject: Subject, way: Trajectory, rows: Tensor, steps: Tensor) -> Tensor:
    """The gradient of the loss at each of these places by the state after its own step, (n, size)."""
    outputs = way.outputs.to(subject.inputs).requires_grad_()
    with torch.enable_grad():
        # A loss is of the output at its own step alone, so the gradient of the sum is that of each.
        total = subject.loss_of(outputs).sum()
    if not total.requires_grad:
        raise DataError("The loss has no gradient by the state: its readout uses nothing of the outputs.")
    (found,) = torch.autograd.grad(total, outputs)
    vectors = torch.zeros(len(rows), way.size, dtype=torch.float64)
    vectors[:, way.output] = found.cpu().double()[rows, steps]
    return vectors


def _quantiles(logs: Tensor) -> Tensor:
    """The `QUANTILES` of logarithms (distance + 1, n) over n, (5, distance + 1); of the two nearest the lower one."""
    return torch.quantile(logs, torch.tensor(QUANTILES, dtype=logs.dtype), dim=1, interpolation="lower")


def _reach(median: Tensor) -> tuple[int, bool]:
    """The first distance at which a median is below the threshold, and whether there is one.

    >>> _reach(torch.tensor([0.0, -1.0, -5.0, -9.0])), _reach(torch.tensor([0.0, -1.0]))
    ((2, True), (1, False))
    """
    begin = int(median.isfinite().int().argmax())
    below = (median < median[begin] + math.log(THRESHOLD)) & (torch.arange(len(median)) > begin)
    return (int(below.int().argmax()), True) if below.any() else (len(median) - 1, False)
