"""Pictures of how far back a model looks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PASTS = {"cut": "no past before", "shuffled": "a wrong past before"}


def context_curve(
    windows: Sequence[int],
    losses: Mapping[str, Sequence[float]],
    full: float,
    usable: tuple[float, float, float],
    title: str = "",
) -> Figure:
    """Draw losses against the window, with the loss of ``full`` context and the ``usable`` memory (low, steps, high).

    ``losses`` are the curves ``cut`` and ``shuffled``, each as long as ``windows``; a usable memory may be infinite.
    """
    figure, axes = style.new()
    with style.context():
        axes.axhline(full, color=style.MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1.5)
        axes.annotate(
            "all the past", (1, full), (6, 0), ("axes fraction", "data"), "offset points", va="center",
            color=style.MUTED, fontsize=9.5,
        )  # fmt: skip
        for (name, values), colour in zip(losses.items(), style.COLOURS, strict=False):
            axes.plot(windows, values, color=colour, label=_PASTS.get(name, name), marker="o", markersize=3)
        low, steps, high = usable
        _window_axis(axes, windows[-1])
        if 0 < steps < math.inf:
            axes.axvspan(low, min(high, windows[-1]), color=style.COLOURS[0], alpha=0.12, linewidth=0)
            axes.axvline(steps, color=style.COLOURS[0], linewidth=1.0, label=f"usable memory: {steps:g}")
        axes.set_title(f"{title}\n")
        axes.annotate("loss", (0, 1), (0, 8), "axes fraction", "offset points", color=style.MUTED, va="bottom")
        axes.legend(loc="best")
    return figure


def closed_gaps(curves: Sequence[tuple[str, Sequence[int], Sequence[float], float]]) -> Figure:
    """Draw, for several models, which part of the gap to all the past each window closes.

    ``curves`` are a model's name, windows, the part that each of them closes, and the usable memory.
    """
    figure, axes = style.new()
    with style.context():
        for place, (name, windows, parts, steps) in enumerate(curves):
            colour = style.COLOURS[place % len(style.COLOURS)]
            length = "beyond the longest window" if steps == math.inf else f"{steps:g} steps"
            axes.plot(windows, parts, color=colour, label=f"{name}: {length}")
            if steps < math.inf:
                axes.axvline(steps, color=colour, linewidth=1.0, linestyle=(0, (2, 2)))
        _window_axis(axes, max(windows[-1] for _, windows, _, _ in curves))
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        axes.set_ylim(-0.05, 1.1)
        axes.set_title("How much of what the past gives a window gives")
        axes.legend(loc="best", title="usable memory")
    return figure


def _window_axis(axes: Axes, longest: int) -> None:
    axes.set_xscale("symlog", linthresh=1, linscale=0.5)
    axes.set_xlim(0, longest)
    ticks = [tick for power in range(6) for tick in (10**power, 2 * 10**power, 5 * 10**power) if tick <= longest]
    axes.set_xticks([0, *ticks], [str(tick) for tick in (0, *ticks)])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("inputs before the present one that may be seen")


def recovered(curves: Sequence[tuple[str, Sequence[float]]]) -> Figure:
    """Draw, for several models, which share of the input k steps ago is recovered: a name and the shares from k = 0."""
    figure, axes = style.new()
    with style.context():
        for place, (name, shares) in enumerate(curves):
            colour = style.COLOURS[place % len(style.COLOURS)]
            axes.plot(range(len(shares)), shares, color=colour, label=name)
            axes.fill_between(range(len(shares)), shares, color=colour, alpha=0.1, linewidth=0)
        _window_axis(axes, max(1, *(len(shares) - 1 for _, shares in curves)))
        axes.set_xlabel("steps ago")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        axes.set_ylim(0, 1.05)
        axes.set_title("How much of a past input a linear readout finds in the state")
        axes.legend(loc="upper right", title="memory capacity")
    return figure
