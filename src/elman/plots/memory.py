"""Pictures of what a state is made of."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Steps up to which every state is drawn as a vessel of its own.
LONGEST_ROW = 20

#: The part of viridis that colours inputs by their age: dark blue to light green, told apart by every eye.
_FIRST, _LAST = 0.08, 0.92

#: Share below which a layer has no edge of its own, which would hide it.
_THIN = 0.03

#: Smallest share that the colours of a heat map show.
_FLOOR = 1e-4


def memory_row(shares: NDArray[np.float64], steps: Sequence[int], labels: Sequence[str], title: str = "") -> Figure:
    """Draw a row of states, each filled with the colours of the inputs that persist in it, the newest on top.

    Args:
        shares: (shown, time), how much of each state stems from each input.
        steps: The step of each row of shares.
        labels: What the inputs are called, (time,).
        title: One line above the picture.
    """
    time = len(labels)
    figure, axes = style.new(max(5.4, 1.0 + 0.62 * time), 2.8)
    colours = input_colours(time)
    with style.context():
        axes.set(xlim=(-1.1, time - 0.4), ylim=(-0.95, 2.75), aspect="equal")
        axes.axis("off")
        for y, text in ((1.95, "state"), (0.0, "input")):
            axes.text(-0.7, y, text, va="center", ha="right", color=style.MUTED)
        for step, label in enumerate(labels):
            _input(axes, step, label, colours[step])
        for before, after in pairwise(steps):
            if after == before + 1:
                _arrow(axes, (before + 0.38, 1.95), (after - 0.38, 1.95))
        for row, step in enumerate(steps):
            _arrow(axes, (step, 0.38), (step, 1.2))
            _vessel(axes, step, shares[row, : step + 1], colours)
        axes.set_title(title)
        meaning = "The height of a colour is the share of the state that stems from the input of that colour."
        axes.text(-1.0, -0.8, meaning, color=style.MUTED, fontsize=8.5)
    return figure


def memory_map(
    shares: NDArray[np.float64],
    steps: Sequence[int],
    labels: Sequence[str],
    by_distance: NDArray[np.float64],
    title: str = "",
) -> Figure:
    """Draw the shares (shown, time) as a heat map, and under it the mean share of the input k steps ago.

    ``by_distance`` (time,) holds that mean for k from 0; the other arguments are those of `memory_row`.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    with style.context():
        figure = Figure(figsize=(7.2, 6.4), layout="constrained")
        top, bottom = figure.subplots(2, 1, height_ratios=(2.2, 1))
        edges = np.concatenate([[-0.5], (np.array(steps[1:]) + np.array(steps[:-1])) / 2, [steps[-1] + 0.5]])
        shown = np.ma.masked_less(shares, _FLOOR)
        mesh = top.pcolormesh(
            np.arange(len(labels) + 1) - 0.5, edges, shown, norm=LogNorm(_FLOOR, 1), cmap="YlGnBu", rasterized=True
        )
        top.invert_yaxis()
        top.set(xlabel="input of step", ylabel="state after step")
        top.grid(visible=False)
        top.set_title(title)
        figure.colorbar(mesh, ax=top, label="share of the state", shrink=0.9)
        if len(labels) <= 80:
            top.set_xticks(range(len(labels)), [visible(label) for label in labels], fontsize=7)
        _distances(bottom, by_distance)
    return figure


def _distances(axes: Axes, by_distance: NDArray[np.float64]) -> None:
    known = np.flatnonzero(np.nan_to_num(by_distance) > _FLOOR / 100)
    axes.plot(known + 1, by_distance[known], color=style.COLOURS[0])
    axes.set(xscale="log", yscale="log", xlabel="how many inputs ago (1 is the newest)")
    axes.set_title("mean share", fontsize=9.5, fontweight="normal", color=style.MUTED, pad=4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")


def input_colours(count: int) -> list[Any]:
    """A colour for each of ``count`` inputs, from the oldest to the newest."""
    from matplotlib import colormaps

    return list(colormaps["viridis"](np.linspace(_FIRST, _LAST, count)))


def visible(label: str) -> str:
    r"""A label with blanks and control characters made visible, and short.

    >>> visible(" "), visible("\n"), visible("$x"), visible("international")
    ('␣', '⏎', '\\$x', 'interna…')
    """
    text = label.translate({32: "␣", 10: "⏎", 9: "⇥"})
    text = text if len(text) <= 8 else f"{text[:7]}…"
    return text.replace("$", r"\$")


def _input(axes: Axes, x: float, label: str, colour: Any) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x - 0.36, -0.36), 0.72, 0.72, facecolor=colour, edgecolor="none"))
    ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.6 else style.INK
    text = visible(label)
    axes.text(x, 0, text, ha="center", va="center", color=ink, fontsize=11 if len(text) < 3 else 6.5)


def _vessel(axes: Axes, x: float, shares: NDArray[np.float64], colours: Sequence[Any]) -> None:
    """A state as a glass whose layers are the inputs, the oldest at the bottom."""
    from matplotlib.patches import FancyBboxPatch, Rectangle

    left, bottom, width, height = x - 0.34, 1.25, 0.68, 1.4
    outline = FancyBboxPatch(
        (left, bottom), width, height, boxstyle="round,pad=0,rounding_size=0.2", facecolor="none", edgecolor=style.INK
    )
    outline.set(linewidth=1.0, zorder=2)
    axes.add_patch(outline)
    level = bottom
    for share, colour in zip(shares, colours, strict=False):
        edge = "white" if share > _THIN else "none"
        layer = Rectangle((left, level), width, height * share, facecolor=colour, edgecolor=edge, linewidth=0.4)
        axes.add_patch(layer)
        layer.set_clip_path(outline)
        level += height * share


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style_of = {"arrowstyle": "-|>", "color": style.MUTED, "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=style_of)
