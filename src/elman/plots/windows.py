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


def closed_gaps(curves: Mapping[str, tuple[Sequence[int], Sequence[float]]], usable: Mapping[str, float]) -> Figure:
    """Draw, for several models, which part of the gap to all the past each window closes.

    ``curves`` are windows and parts by the model's name, ``usable`` their usable memories.
    """
    figure, axes = style.new()
    with style.context():
        for place, (name, (windows, parts)) in enumerate(curves.items()):
            colour, steps = style.COLOURS[place % len(style.COLOURS)], usable[name]
            length = "beyond the longest window" if steps == math.inf else f"{steps:g} steps"
            axes.plot(windows, parts, color=colour, label=f"{name}: {length}")
            if steps < math.inf:
                axes.axvline(steps, color=colour, linewidth=1.0, linestyle=(0, (2, 2)))
        _window_axis(axes, max(windows[-1] for windows, _ in curves.values()))
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
