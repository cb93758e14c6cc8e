"""Pictures of forecasts: what was, what is expected with how much doubt, and what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import UsageError
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Series in one picture at most, and steps of history to each step ahead, at least so many.
MOST_SERIES, _HISTORY, _FEWEST = 8, 4, 24
#: Colours of intervals, the widest first.
_SHADES = ("#dcebf5", "#b3d3e7", "#84b8d8")


@final
@dataclass(frozen=True, eq=False)
class Fan:
    """One series and its forecast.

    Attributes:
        name: Of the series.
        times: Of the history, (time,) datetime64 or whole numbers.
        values: What was measured, (time,); NaN where nothing was.
        ahead: The times that are forecast, (horizon,).
        point: The forecast, (horizon,).
        intervals: The ends, (horizon,) each, of the central interval of so many percent.
        truth: What came, (horizon,), NaN where unknown; None where nothing is known.
        beside: Another forecast to compare with, by its name.
    """

    name: str
    times: NDArray[Any]
    values: NDArray[Any]
    ahead: NDArray[Any]
    point: NDArray[Any]
    intervals: Mapping[int, tuple[NDArray[Any], NDArray[Any]]] = field(default_factory=dict)
    truth: NDArray[Any] | None = None
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def fans(series: Sequence[Fan], title: str = "", *, history: int | None = None) -> Figure:
    """Draw series with their forecasts: one large, or up to eight beside each other.

    Args:
        series: What to draw; of more than eight the first are taken.
        title: One line above.
        history: Steps before the forecast that are shown, by default four times those ahead.

    Raises `UsageError` for no series.
    """
    from matplotlib.figure import Figure

    if not series:
        raise UsageError("There is nothing to draw: give at least one series with its forecast.")
    shown = list(series[:MOST_SERIES])
    columns = 1 if len(shown) == 1 else 2
    rows = -(-len(shown) // columns)
    with style.context():
        size = (8.6, 4.2) if len(shown) == 1 else (11.0, 2.5 * rows + 0.7)
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, fan in zip(grid, shown, strict=False):
            _draw(axes, fan, history or max(_FEWEST, _HISTORY * len(fan.ahead)))
            if len(shown) > 1:
                axes.set_title(fan.name, fontsize=10, pad=6, parse_math=False)
        for axes in grid[len(shown) :]:
            axes.set_visible(False)
        every = {
            label: handle for axes in grid for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.suptitle(title or shown[0].name, x=0.01, ha="left", fontsize=11.5, fontweight="bold", parse_math=False)
        figure.legend(list(every.values()), list(every), loc="outside lower center", ncols=len(every), handlelength=1.6)
    return figure


def _draw(axes: Axes, fan: Fan, history: int) -> None:
    times, values = fan.times[-history:], fan.values[-history:]
    axes.plot(times, values, color=style.INK, linewidth=1.3, label="measured")
    joined = np.concatenate([times[-1:], fan.ahead])
    widest_first = sorted(fan.intervals, reverse=True)
    for shade, percent in zip(_SHADES[-len(widest_first) :], widest_first[-len(_SHADES) :], strict=False):
        low, high = (np.concatenate([values[-1:], end]) for end in fan.intervals[percent])
        axes.fill_between(joined, low, high, color=shade, linewidth=0, label=f"{percent}% interval")
    for (name, point), colour in zip(fan.beside.items(), (style.COLOURS[1], style.COLOURS[2]), strict=False):
        axes.plot(fan.ahead, point, color=colour, linewidth=1.1, linestyle=(0, (4, 2)), label=name)
    if fan.truth is not None:
        truth = np.concatenate([values[-1:], fan.truth])
        axes.plot(joined, truth, color=style.INK, linewidth=1.3)
        alone = ~np.isnan(fan.truth) & np.isnan(np.append(truth[2:], np.nan)) & np.isnan(truth[:-1])
        axes.plot(fan.ahead[alone], fan.truth[alone], ".", color=style.INK, markersize=4)
    axes.plot(fan.ahead, fan.point, color=style.COLOURS[0], linewidth=1.8, label="forecast")
    if len(fan.ahead) == 1:
        axes.plot(fan.ahead, fan.point, "o", color=style.COLOURS[0], markersize=4)
    axes.axvline(times[-1], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    axes.margins(x=0.01)
    _limits(axes, [values, fan.point, *(fan.intervals[min(fan.intervals)] if fan.intervals else ())], fan.truth)
    _dates(axes, times)


def _limits(axes: Axes, parts: Sequence[NDArray[Any]], truth: NDArray[Any] | None) -> None:
    """Heights by what was, is expected and came, with the inner interval: a wide fan may leave the picture."""
    every = np.concatenate([*parts, *([] if truth is None else [truth])])
    known = every[np.isfinite(every)]
    low, high = float(known.min()), float(known.max())
    drawn_low, drawn_high = axes.get_ylim()
    room = 0.6 * (high - low) or 0.1 * abs(high) or 1.0
    axes.set_ylim(max(drawn_low, low - room), min(drawn_high, high + room))


def _dates(axes: Axes, times: NDArray[Any]) -> None:
    if times.dtype.kind != "M":
        axes.set_xlabel("step")
        return
    from matplotlib import dates

    locator = dates.AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def errors_by_step(
    errors: Mapping[str, NDArray[Any]], title: str = "", *, measure: str = "mean absolute error"
) -> Figure:
    """Draw the error of several models, (horizon,) each, against the step ahead; the first stands out.

    Raises `UsageError` for no model.
    """
    if not errors:
        raise UsageError("There is nothing to draw: give the errors of at least one model.")
    figure, axes = style.new(7.2, 3.8)
    with style.context():
        for place, (name, values) in enumerate(errors.items()):
            steps = np.arange(1, len(values) + 1)
            first = place == 0
            axes.plot(
                steps, values, "o-" if len(values) < 2 else "-", label=name, color=style.COLOURS[place % 7],
                linewidth=2.2 if first else 1.3, zorder=3 if first else 2,
            )  # fmt: skip
        axes.set_ylim(0, None)
        axes.set_xlim(1, max(max(map(len, errors.values())), 1.5))
        axes.set_xlabel("steps ahead")
        axes.set_title(f"{title}\n" if title else "", parse_math=False)
        axes.annotate(measure, (0, 1), (0, 8), "axes fraction", "offset points", color=style.MUTED, va="bottom")
        figure.legend(loc="outside right upper")
    return figure


def held(coverages: Mapping[str, Mapping[int, float]], title: str = "") -> Figure:
    """Draw how much of the truth intervals held against how much they say: ``{model: {80: 0.77}}``.

    On the dashed line they hold what they say; below it the model is too sure. Raises `UsageError` for no interval.
    """
    if not any(coverages.values()):
        raise UsageError("There is nothing to draw: give the coverage of at least one interval.")
    figure, axes = style.new(7.2, 4.4)
    with style.context():
        axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        for place, (name, found) in enumerate(coverages.items()):
            said = sorted(found)
            axes.plot(
                [percent / 100 for percent in said], [found[percent] for percent in said], "o-", label=name,
                color=style.COLOURS[place % 7], markersize=6, linewidth=2.0 if place == 0 else 1.2,
            )  # fmt: skip
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("what the interval says")
        axes.set_ylabel("what it held")
        axes.set_title(title, parse_math=False)
        axes.annotate("too wide", (0.06, 0.94), xycoords="axes fraction", color=style.MUTED, fontsize=9, va="top")
        axes.annotate("too sure", (0.94, 0.3), xycoords="axes fraction", color=style.MUTED, fontsize=9, ha="right")
        figure.legend(loc="outside right upper")
    return figure
