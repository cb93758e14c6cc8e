"""Pictures of labels that were given: which are confused, how sure is how right, and models beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import UsageError
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Labels that a matrix shows; of more, those that are most often confused.
LARGEST = 30

#: Labels up to which every cell of a matrix says its number.
WITH_NUMBERS = 16

#: Characters of a label that are shown.
_NAME = 22


def confusion_matrix(matrix: NDArray[Any], labels: Sequence[str], title: str) -> Figure:
    """Truth in rows, answers in columns: blue where right, orange where wrong, the darker the more of its row.

    Args:
        matrix: Counts, (labels, labels).
        labels: Their names.
        title: One line above.

    Raises `UsageError` where there are not as many names as rows.
    """
    if matrix.shape != (len(labels), len(labels)):
        raise UsageError(f"A matrix of {matrix.shape} needs as many names, found {len(labels)}.")
    shown = _most_confused(matrix)
    counts = matrix[np.ix_(shown, shown)]
    shares = counts / np.maximum(matrix[shown].sum(1, keepdims=True), 1)
    names = [_short(labels[index]) for index in shown]
    longest = max(map(len, names))
    slanted = longest > 2
    cells = len(names) * (0.46 if len(names) <= WITH_NUMBERS else 0.25)
    below = 0.8 + (0.055 * longest if slanted else 0.0)
    figure, axes = style.new(max(5.6, cells + 0.7 + 0.078 * longest), max(3.2, cells + 0.55 + below))
    with style.context():
        axes.imshow(_shades(shares))
        if len(names) <= WITH_NUMBERS:
            _numbers(axes, counts, shares)
        axes.set_xticks(range(len(names)), names, rotation=45 if slanted else 0, parse_math=False)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("right" if slanted else "center")
            text.set_rotation_mode("anchor" if slanted else "default")
        axes.set_yticks(range(len(names)), names, parse_math=False)
        axes.grid(visible=False)
        for axis in (axes.xaxis, axes.yaxis):  # white lines between the cells
            axis.set_ticks(np.arange(len(names) - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1)
        axes.tick_params(which="both", length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        left_out = len(labels) - len(shown)
        axes.set_xlabel("answer" + (f"; the {len(shown)} labels most confused, without {left_out}" if left_out else ""))
        axes.set_ylabel("truth")
        # Not over the axes, which are narrower than a title where labels are few.
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold", color=style.INK, parse_math=False)
    return figure


def _most_confused(matrix: NDArray[Any]) -> list[int]:
    """The labels to show, in their order: all, or those with the most mistakes in row and column."""
    wrong = matrix.sum(0) + matrix.sum(1) - 2 * np.diag(matrix)
    worst = np.argsort(-wrong, kind="stable")[:LARGEST]
    return sorted(int(index) for index in worst)


def _short(name: str) -> str:
    name = name.replace("\n", " ")
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"


def _shades(shares: NDArray[Any]) -> NDArray[Any]:
    """The colour of every cell, (rows, columns, 3); by the root of its share, so that rare mistakes are seen."""
    from matplotlib.colors import to_rgb

    right = np.eye(len(shares), dtype=bool)[..., None]
    full = np.where(right, to_rgb(style.COLOURS[0]), to_rgb(style.COLOURS[1]))
    empty = np.array(to_rgb("#f6f8fa"))
    return np.asarray(empty + (full - empty) * np.sqrt(shares)[..., None])


def _numbers(axes: Axes, counts: NDArray[Any], shares: NDArray[Any]) -> None:
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            axes.text(
                column, row, f"{counts[row, column]:,}", ha="center", va="center",
                fontsize=9 if counts.max() < 1000 else 7.5, color="white" if shares[row, column] > 0.35 else style.INK,
                fontweight="bold" if row == column else "normal",
            )  # fmt: skip


def reliability_diagram(
    sure: NDArray[Any],
    right: NDArray[Any],
    ends: NDArray[Any],
    counts: NDArray[Any],
    *,
    error: float,
    title: str,
) -> Figure:
    """How often answers were right against how sure they were, and below it how many there were.

    Args:
        sure: Mean confidence in equal ranges from 0 to 1, (bins,); NaN in an empty range.
        right: The share that was right, (bins,).
        ends: The interval of that share, drawn as a bar, (bins, 2).
        counts: How many there were, (bins,).
        error: The expected calibration error, which is written into the picture.
        title: One line above.
    """
    from matplotlib.figure import Figure

    full = counts > 0
    with style.context():
        figure = Figure(figsize=(5.2, 5.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        upper.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        upper.vlines(sure[full], ends[full, 0], ends[full, 1], color=style.COLOURS[0], linewidth=1.6, alpha=0.55)
        upper.plot(sure[full], right[full], "o-", color=style.COLOURS[0], markersize=6, linewidth=1.4)
        upper.set_ylim(-0.02, 1.02)
        upper.set_ylabel("share that was right")
        upper.set_title(title, parse_math=False)
        upper.annotate(
            f"calibration error {error:.3f}\ndashed: as right as sure", (0.98, 0.05), xycoords="axes fraction",
            ha="right", color=style.MUTED, fontsize=9, linespacing=1.5,
        )  # fmt: skip
        edges = np.linspace(0, 1, len(counts) + 1)
        lower.bar(edges[:-1], counts, width=np.diff(edges) * 0.94, align="edge", color=style.COLOURS[4])
        lower.set_ylabel("how many")
        lower.grid(axis="x", visible=False)
        lower.set_xlim(-0.02, 1.02)
        lower.set_xlabel("how sure the model was")
        for axes in (upper, lower):
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        upper.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return figure


def figures_beside(figures: Mapping[str, tuple[float, float, float]], title: str, *, percent: bool) -> Figure:
    """One figure of several models, each a dot with its interval: ``{name: (value, low, high)}``, the first in front.

    Raises `UsageError` for no model.
    """
    if not figures:
        raise UsageError("There is nothing to compare: give at least one figure.")
    figure, axes = style.new(7.2, 1.3 + 0.42 * len(figures))
    with style.context():
        for row, (value, low, high) in enumerate(figures.values()):
            colour = style.COLOURS[0] if row == 0 else style.MUTED
            axes.plot([low, high], [row, row], color=colour, linewidth=2.4, alpha=0.5)
            axes.plot(value, row, "o", color=colour, markersize=8)
            axes.annotate(
                f"{value:.1%}" if percent else f"{value:.4g}", (1.0, row), (8, 0), ("axes fraction", "data"),
                "offset points", color=style.INK if row == 0 else style.MUTED, va="center",
            )  # fmt: skip
        axes.set_yticks(range(len(figures)), list(figures), parse_math=False)
        axes.set_ylim(len(figures) - 0.5, -0.5)
        axes.grid(axis="y", visible=False)
        if percent:
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_title(title, parse_math=False)
    return figure
