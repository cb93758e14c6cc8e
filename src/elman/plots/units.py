"""Pictures of single units and of what outputs stem from: coloured text, bars over a series, correlations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from elman.errors import UsageError
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

#: Characters in a line of coloured text.
COLUMNS = 72

#: Inches that a character and a line take.
_WIDTH, _HEIGHT = 0.085, 0.23


class Values(NamedTuple):
    """A heading and a number for each symbol or step."""

    heading: str
    numbers: Sequence[float]


def text(labels: Sequence[str], values: Sequence[Values], title: str) -> Figure:
    """Text whose symbols stand on colours: orange for values above 0, blue below, each panel to its own scale.

    Args:
        labels: The symbols.
        values: One panel for each, a number per symbol.
        title: One line above.
    """
    from matplotlib.figure import Figure

    places = _places(labels)
    lines = places[-1][0] + 1
    with style.context():
        # A panel is its heading, its lines and the bar of colours.
        figure = Figure(
            figsize=(COLUMNS * _WIDTH + 1.1, len(values) * (lines * _HEIGHT + 0.5) + 0.45), layout="constrained"
        )
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold", color=style.INK, parse_math=False)
        for axes, (heading, numbers) in zip(figure.subplots(len(values), 1, squeeze=False)[:, 0], values, strict=True):
            _check(labels, numbers)
            _cells(axes, labels, places, numbers)
            axes.set_title(heading, fontsize=9.5, fontweight="normal", color=style.MUTED, pad=4)
            axes.set_xlim(0, COLUMNS)
            axes.set_ylim(lines, 0)
            axes.set_axis_off()
    return figure


def series(numbers: Sequence[float], values: Sequence[Values], title: str, *, first: int = 0) -> Figure:
    """A series and, below it, bars of one value per step; ``first`` is the number of the first step."""
    from matplotlib.figure import Figure

    with style.context():
        figure = Figure(figsize=(7.2, 1.7 + 1.6 * len(values)), layout="constrained")
        panels = figure.subplots(1 + len(values), 1, sharex=True, squeeze=False)[:, 0]
        panels[0].plot(range(first, first + len(numbers)), numbers, color=style.INK, linewidth=1.2)
        panels[0].set_title(title, parse_math=False)
        panels[0].set_ylabel("series")
        for axes, (heading, bars) in zip(panels[1:], values, strict=True):
            _check(numbers, bars)
            axes.bar(range(first, first + len(bars)), bars, width=1.0, color=_signs(bars))
            axes.set_ylabel(heading)
        panels[-1].set_xlabel("step")
    return figure


def correlations(
    properties: Sequence[str],
    values: Sequence[Sequence[float]],
    beyond_chance: Sequence[Sequence[bool]],
    best: Sequence[str],
    title: str,
) -> Figure:
    """A row of dots for each property, one dot per unit; those beyond chance in colour, the best one named."""
    figure, axes = style.new(7.2, 1.3 + 0.42 * len(properties))
    with style.context():
        for row, (numbers, marked, name) in enumerate(zip(values, beyond_chance, best, strict=True)):
            # Dots of one height would hide each other.
            heights = [row + 0.22 * ((7 * unit % 11) / 5 - 1) for unit in range(len(numbers))]
            for is_marked, colour, size in ((False, style.MUTED, 5), (True, style.COLOURS[1], 12)):
                chosen = [unit for unit, mark in enumerate(marked) if mark is is_marked]
                axes.scatter(
                    [numbers[unit] for unit in chosen], [heights[unit] for unit in chosen], s=size, color=colour,
                    alpha=0.55, linewidths=0, zorder=3 if is_marked else 2,
                )  # fmt: skip
            largest = max(numbers, key=abs)
            axes.annotate(
                f"{name}  {largest:+.2f}", (1.0, row), (8, 0), ("axes fraction", "data"), "offset points",
                color=style.INK if any(marked) else style.MUTED, fontsize=8.5, va="center",
            )  # fmt: skip
        axes.axvline(0, color=style.MUTED, linewidth=0.8)
        axes.set_yticks(range(len(properties)), properties)
        axes.set_ylim(len(properties) - 0.5, -0.5)
        axes.set_xlim(-1.03, 1.03)
        axes.set_xlabel("correlation; orange: beyond chance (p < 0.001, corrected for all that was searched)")
        axes.set_title(title, parse_math=False)
    return figure


def bars(names: Sequence[str], values: Sequence[Values], title: str, label: str) -> Figure:
    """Named horizontal bars from the top down, one colour for each of ``values``, or for the signs of a single one."""
    figure, axes = style.new(7.2, 1.2 + 0.2 * len(names) * (1 + 0.5 * (len(values) - 1)))
    with style.context():
        thick = 0.8 / len(values)
        for number, (heading, numbers) in enumerate(values):
            _check(names, numbers)
            places = [place + thick * (number - (len(values) - 1) / 2) for place in range(len(names))]
            colours = _signs(numbers) if len(values) == 1 else style.COLOURS[number]
            axes.barh(places, numbers, height=thick * 0.92, color=colours, label=heading)
        axes.axvline(0, color=style.MUTED, linewidth=0.8)
        axes.set_yticks(range(len(names)), names, fontsize=8.5, parse_math=False)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(label)
        axes.set_title(title, parse_math=False)
        if len(values) > 1:
            axes.legend(loc="lower right")
    return figure


def _check(labels: Sequence[object], numbers: Sequence[float]) -> None:
    if len(labels) != len(numbers):
        raise UsageError(f"{len(labels)} places need as many values, found {len(numbers)}.")


def _signs(numbers: Sequence[float]) -> list[str]:
    return [style.COLOURS[1] if number >= 0 else style.COLOURS[0] for number in numbers]


def _colours() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("signs", [style.COLOURS[0], "#ffffff", style.COLOURS[1]])


def _shown(label: str) -> str:
    """A label as text shows it: spaces are spaces again."""
    return label.replace(r"\n", "↵").replace("␣", " ")


def _places(labels: Sequence[str]) -> list[tuple[int, int, int]]:
    """Line, column and width of every label; words keep a gap between them."""
    shown = [_shown(label) for label in labels]
    gap = int(sum(map(len, shown)) > 1.5 * len(shown) and not any(" " in label for label in shown))
    places, line, column = [], 0, 0
    for label in shown:
        width = min(len(label), COLUMNS)
        if column + width > COLUMNS:
            line, column = line + 1, 0
        places.append((line, column, width))
        column += width + gap
        if label.endswith("↵") or label == "<eos>":
            line, column = line + 1, 0
    return places


def _cells(
    axes: Axes,
    labels: Sequence[str],
    places: Sequence[tuple[int, int, int]],
    numbers: Sequence[float],
) -> None:
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import Normalize

    corners = [
        [(column, line), (column + width, line), (column + width, line + 0.94), (column, line + 0.94)]
        for line, column, width in places
    ]
    limit = max((abs(number) for number in numbers), default=0.0) or 1.0
    cells = PolyCollection(corners, array=list(numbers), cmap=_colours(), norm=Normalize(-limit, limit), linewidths=0)
    axes.add_collection(cells)
    for label, (line, column, width), number in zip(labels, places, numbers, strict=True):
        axes.text(
            column + width / 2, line + 0.5, _shown(label)[:width], ha="center", va="center_baseline",
            family="DejaVu Sans Mono", fontsize=8.5, parse_math=False,
            color="white" if number < -0.72 * limit else style.INK,
        )  # fmt: skip
    bar = axes.figure.colorbar(cells, ax=axes, shrink=1.0, aspect=30, pad=0.01, fraction=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=0)
    bar.set_ticks([-limit, 0, limit], labels=[f"{-limit:.2g}", "0", f"{limit:.2g}"])
