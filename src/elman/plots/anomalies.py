"""Alarms over time: what was measured, what should have been, and how strange each step is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Channels that are drawn, those with the most alarms.
MOST_CHANNELS = 6

#: Colour of alarms.
ALARM = style.COLOURS[1]


def timeline(
    times: NDArray[Any],
    values: NDArray[np.float64],
    should: NDArray[np.float64],
    names: Sequence[str],
    score: NDArray[np.float64],
    alarm: NDArray[np.bool_],
    channel: NDArray[np.int64],
    limit: float,
) -> Figure:
    """Draw channels (time, channels) with what they should be, their alarms marked, and the score below.

    Args:
        times: Of the steps, (time,).
        values: As they were measured.
        should: What each should be.
        names: Of the channels.
        score: Of each step, (time,).
        alarm: Whether it is beyond the limit, (time,).
        channel: Which channel is strangest, (time,).
        limit: The score beyond which there is an alarm.
    """
    from matplotlib.figure import Figure

    counts = np.array([(alarm & (channel == number)).sum() for number in range(len(names))])
    shown = sorted(np.argsort(-counts, kind="stable")[:MOST_CHANNELS].tolist())
    with style.context():
        figure = Figure(figsize=(9.0, 1.25 * len(shown) + 1.9), layout="constrained")
        axes = figure.subplots(len(shown) + 1, 1, sharex=True, squeeze=False, height_ratios=[*[1.0] * len(shown), 0.9])[
            :, 0
        ]
        for place, number in zip(axes, shown, strict=False):
            place.plot(times, should[:, number], color=style.MUTED, linewidth=0.9, label="what it should be")
            place.plot(times, values[:, number], color=style.COLOURS[0], linewidth=1.1, label="measured")
            here = alarm & (channel == number)
            place.fill_between(
                times, 0, 1, where=_wide(here), transform=place.get_xaxis_transform(), color=ALARM, alpha=0.22,
                linewidth=0, label="alarm",
            )  # fmt: skip
            place.plot(times[here], values[here, number], ".", color=ALARM, markersize=4)
            place.set_ylabel(names[number], rotation=0, ha="right", va="center")
            place.margins(x=0)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=3)
        axes[-1].plot(times, score, color=style.INK, linewidth=0.9)
        axes[-1].axhline(limit, color=ALARM, linewidth=1.0, linestyle="--")
        axes[-1].set_ylabel("score", rotation=0, ha="right", va="center")
        axes[-1].margins(x=0)
        stretches = int((np.diff(np.concatenate([[0], alarm.astype(np.int8)])) == 1).sum())
        figure.suptitle(
            f"{stretches:,} alarm{'' if stretches == 1 else 's'} in {len(times):,} steps", x=0.01, ha="left",
            fontsize=11.5, fontweight="bold",
        )  # fmt: skip
    return figure


def _wide(marks: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The marks and a step on either side, so that a single one is an area."""
    wide = marks.copy()
    wide[1:] |= marks[:-1]
    wide[:-1] |= marks[1:]
    return wide
