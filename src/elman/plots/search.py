"""Pictures of a search for settings: how it went, what mattered, and which values were good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from elman.errors import UsageError
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Options that `values_tried` shows, the most important ones.
SHOWN = 6


class Point(NamedTuple):
    """A trial: its number from 0, its values by option, its score and whether it was trained to the end."""

    number: int
    options: Mapping[str, Any]
    score: float
    complete: bool


def course(points: Sequence[Point], label: str, *, higher: bool, title: str) -> Figure:
    """Every trial in order as a dot, and the best so far as a line; those that ended early are pale.

    ``label`` says what the scores are. Raises `UsageError` without a trial.
    """
    if not points:
        raise UsageError("There is no trial to draw.")
    figure, axes = style.new(7.2, 3.4)
    scores = np.array([point.score for point in points])
    complete = np.array([point.complete for point in points])
    counted = np.where(complete, scores, -np.inf if higher else np.inf)
    best = np.maximum.accumulate(counted) if higher else np.minimum.accumulate(counted)
    places = np.array([point.number + 1 for point in points])
    with style.context():
        axes.step(places[np.isfinite(best)], best[np.isfinite(best)], where="post", color=style.COLOURS[0])
        _dots(axes, places, scores, complete)
        axes.set_xlabel("trial; hollow ones ended early")
        axes.set_ylabel(label)
        axes.set_title(title, parse_math=False)
        axes.locator_params(axis="x", integer=True)
        _focus(axes, scores, complete, higher=higher)
    return figure


def importances(shares: Mapping[str, float], title: str) -> Figure:
    """How much of the differences between scores each option accounts for, as bars."""
    figure, axes = style.new(7.2, 1.2 + 0.34 * len(shares))
    with style.context():
        axes.barh(range(len(shares)), list(shares.values()), height=0.6, color=style.COLOURS[0])
        for place, share in enumerate(shares.values()):
            axes.annotate(
                f"{share:.0%}", (share, place), (6, 0), textcoords="offset points", va="center", fontsize=9,
                color=style.MUTED,
            )  # fmt: skip
        axes.set_yticks(range(len(shares)), list(shares), parse_math=False)
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_xlim(0, max(shares.values(), default=1) * 1.12 or 1)
        axes.grid(axis="y", visible=False)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlabel("share of the differences between trials that the option accounts for")
        axes.set_title(title, parse_math=False)
    return figure


def values_tried(
    points: Sequence[Point], options: Sequence[str], logarithmic: Sequence[str], label: str, *, higher: bool, title: str
) -> Figure:
    """A panel for each option, at most `SHOWN`: its values against the scores, the best trial in orange.

    ``logarithmic`` names the options whose values are set by their logarithm.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    shown = [name for name in options if any(name in point.options for point in points)][:SHOWN]
    if not shown:
        raise UsageError("There is no option to draw.")
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    with style.context():
        figure = Figure(figsize=(7.2, 0.5 + 2.3 * rows), layout="constrained")
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold", color=style.INK, parse_math=False)
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for panel in panels.ravel()[len(shown) :]:
            panel.set_axis_off()
        for name, axes in zip(shown, panels.ravel(), strict=False):
            _panel(axes, [point for point in points if name in point.options], name, higher=higher)
            if name in logarithmic:
                axes.set_xscale("log")
                axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
                axes.xaxis.set_minor_locator(NullLocator())
        for axes in panels[:, 0]:
            axes.set_ylabel(label)
    return figure


def _panel(axes: Axes, points: Sequence[Point], name: str, *, higher: bool) -> None:
    values: list[Any] = [point.options[name] for point in points]
    scores = np.array([point.score for point in points])
    complete = np.array([point.complete for point in points])
    if any(isinstance(value, (str, bool)) for value in values):
        names = sorted(map(str, set(values)))
        values = [names.index(str(value)) for value in values]
        axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 2 else 0, fontsize=8, parse_math=False)
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif all(isinstance(value, int) for value in values):
        axes.locator_params(axis="x", integer=True, nbins=5)
    _dots(axes, np.array(values), scores, complete)
    if complete.any():
        best = (np.nanargmax if higher else np.nanargmin)(np.where(complete, scores, np.nan))
        axes.plot(values[best], scores[best], "o", color=style.COLOURS[1], markersize=8, zorder=4)
    axes.set_xlabel(name)
    _focus(axes, scores, complete, higher=higher)


def _dots(axes: Axes, places: Any, scores: Any, complete: Any) -> None:
    axes.plot(places[complete], scores[complete], "o", color=style.COLOURS[0], markersize=5, alpha=0.8)
    axes.plot(
        places[~complete], scores[~complete], "o", markerfacecolor="none", markeredgecolor=style.MUTED, markersize=5
    )


def _focus(axes: Axes, scores: Any, complete: Any, *, higher: bool) -> None:
    """Leave the worst tenth out of the picture, where it would press all others together."""
    kept = scores[complete] if complete.sum() > 1 else scores
    best, worst = (kept.max(), np.quantile(kept, 0.1)) if higher else (kept.min(), np.quantile(kept, 0.9))
    margin = 0.12 * abs(best - worst) or 0.1 * abs(best) or 0.1
    low, high = sorted((best, worst))
    axes.set_ylim(low - margin, high + margin)
