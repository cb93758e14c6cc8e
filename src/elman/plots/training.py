"""Pictures of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from elman.errors import UsageError
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Points = tuple[Sequence[float], Sequence[float]]
#: Smallest distance between two labels at the right edge, as a share of the height of the axes.
_LABEL_GAP = 0.062


def learning_curves(
    curves: Mapping[str, Points],
    *,
    measure: str = "bits per character",
    against: str = "seconds",
    baselines: Mapping[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Draw held-out scores against time, with what the baselines reach as horizontal lines.

    Args:
        curves: Name of each run to its points ``(x, y)``, in the order of ``x``.
        measure: What ``y`` counts; lower is better.
        against: What ``x`` counts; seconds are shown in minutes or hours where that reads better.
        baselines: Name of each baseline to its score, in the same measure.
        title: One line above the picture.

    Raises:
        UsageError: If no curve has a point, or a curve's two lists differ in length.

    The first two hundredths of ``x`` may leave the picture at the top: a loss falls so steeply there that the
    rest could not be read.
    """
    baselines = dict(baselines or {})
    _check(curves)
    last = max(x[-1] for x, _ in curves.values() if len(x))
    factor, unit = _time_unit(last) if against == "seconds" else (1.0, against)
    figure, axes = style.new()
    labels: list[tuple[float, str, str]] = []
    with style.context():
        for name, value in baselines.items():
            axes.axhline(value, color=style.MUTED, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1.5)
            labels.append((value, f"{name}  {value:.2f}", style.MUTED))
        for (name, (x, y)), colour in zip(curves.items(), _cycle(len(curves)), strict=True):
            if not len(x):
                continue
            axes.plot([a / factor for a in x], y, color=colour)
            axes.plot(x[-1] / factor, y[-1], "o", color=colour, markersize=5, clip_on=False)
            labels.append((float(y[-1]), f"{name}  {y[-1]:.2f}", colour))
        axes.set_xlim(0, last / factor or 1.0)
        axes.set_ylim(*_limits(curves, list(baselines.values()), last))
        axes.set_xlabel(unit)
        axes.set_title(f"{title}\n" if title else "")
        axes.annotate(
            measure, (0, 1), (0, 8), "axes fraction", "offset points", color=style.MUTED, fontsize=9.5, va="bottom"
        )
        _label(axes, labels)
    return figure


def _check(curves: Mapping[str, Points]) -> None:
    for name, (x, y) in curves.items():
        if len(x) != len(y):
            raise UsageError(f"The curve '{name}' has {len(x)} values of x and {len(y)} of y; give as many of each.")
    if not any(len(x) for x, _ in curves.values()):
        raise UsageError("There is no point to draw: a learning curve needs at least one score.")


def _time_unit(seconds: float) -> tuple[float, str]:
    if seconds < 180:
        return 1.0, "seconds"
    return (60.0, "minutes") if seconds < 3 * 3600 else (3600.0, "hours")


def _cycle(count: int) -> list[str]:
    return [style.COLOURS[i % len(style.COLOURS)] for i in range(count)]


def _limits(curves: Mapping[str, Points], baselines: Sequence[float], last: float) -> tuple[float, float]:
    shown = [*baselines]
    for x, y in curves.values():
        shown += [float(b) for a, b in zip(x, y, strict=True) if a >= 0.02 * last or len(x) < 3]
    low, high = min(shown), max(shown)
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 0.1
    return low - margin, high + margin


def _label(axes: Axes, labels: list[tuple[float, str, str]]) -> None:
    """Write each label at its height beside the right edge, moved apart where two would overlap."""
    low, high = axes.get_ylim()
    labels = sorted(labels)
    heights = spread([(value - low) / (high - low) for value, _, _ in labels], _LABEL_GAP)
    for height, (_, text, colour) in zip(heights, labels, strict=True):
        axes.annotate(
            text, (1, height), (9, 0), "axes fraction", "offset points", color=colour, fontsize=9.5, va="center"
        )


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Move ascending ``heights`` apart until neighbours are ``gap`` from each other, each as little as can be.

    >>> [round(h, 3) for h in spread([0.1, 0.5, 0.5], 0.1)]
    [0.1, 0.45, 0.55]
    """
    groups: list[list[float]] = []  # [sum of wished-for first places, members]
    for index, height in enumerate(heights):
        groups.append([height - index * gap, 1.0])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, members = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += members
    places = [total / members for total, members in groups for _ in range(int(members))]
    return [place + index * gap for index, place in enumerate(places)]
