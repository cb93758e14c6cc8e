"""Forecasts on a page that one can move, enlarge and ask, in one file that needs no network."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import UsageError
from elman.plots.forecast import Fan
from elman.plots.page import Block, Page, Section

#: Series on a page, and steps of the history of each, at most: a page stays small enough to be sent around.
MOST_SERIES, MOST_STEPS = 200, 3000
_HINT = "Move over the picture to read it; drag to move it; Ctrl or Shift with the wheel, or + and -, to enlarge."
#: Of the interval of each percentage from the widest, and of what stands beside.
_SHADES, _BESIDE = (0.13, 0.24, 0.4), ("#d55e00", "#009e73", "#cc79a7")


@final
@dataclass(frozen=True)
class Fans(Block):
    """Series with their forecasts, one in sight at a time.

    Raises `UsageError` for no series.
    """

    series: Sequence[Fan]

    def __post_init__(self) -> None:
        if not self.series:
            raise UsageError("There is nothing to show: give at least one series with its forecast.")

    def html(self) -> str:
        """Return a ``<figure>`` with controls, a canvas, and the numbers as JSON."""
        shown = list(self.series[:MOST_SERIES])
        first = shown[0]
        data = {"dates": bool(first.ahead.dtype.kind == "M"), "series": [_plain(fan) for fan in shown]}
        # "<" could end the element, whatever stands in a name.
        content = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
        left_out = len(self.series) - len(shown)
        note = f"<figcaption>The first {len(shown)} of {len(self.series)} series.</figcaption>" if left_out else ""
        names = ", ".join(fan.name for fan in shown[:5]) + (", ..." if len(shown) > 5 else "")
        label = html.escape(f"Forecasts of {len(first.ahead)} steps with intervals: {names}", quote=True)
        return (
            f'<figure class="fans"><div class="tools">{_choice(shown)}{_BUTTONS}{_legend(first)}</div>'
            f'<canvas tabindex="0" role="img" aria-label="{label}"></canvas>'
            f'<output data-hint="{_HINT}">{_HINT}</output>{note}'
            f'<script type="application/json">{content}</script></figure>'
        )

    def style(self) -> str:
        """The rules of its own."""
        return resources.files("elman.plots").joinpath("fans.css").read_text(encoding="utf-8")

    def script(self) -> str:
        """What moves it."""
        return resources.files("elman.plots").joinpath("fans.js").read_text(encoding="utf-8")


_BUTTONS = (
    '<span class="push"></span><button data-do="in" aria-label="enlarge">+</button>'
    '<button data-do="out" aria-label="make smaller">−</button>'
    '<button data-do="reset">forecast</button><button data-do="all">all</button>'
)


def _choice(shown: Sequence[Fan]) -> str:
    if len(shown) == 1:
        return ""
    options = "".join(f"<option>{html.escape(fan.name)}</option>" for fan in shown)
    return (
        f'<select aria-label="series">{options}</select>'
        '<button data-do="previous" aria-label="previous series">‹</button>'
        '<button data-do="next" aria-label="next series">›</button>'
    )


def _legend(fan: Fan) -> str:
    parts = ['<span class="measured">measured</span>', '<span class="forecast">forecast</span>']
    widest = sorted(fan.intervals, reverse=True)
    for place, percent in enumerate(widest):
        shade = sum(_SHADES[-len(widest) :][: place + 1]) if len(widest) <= len(_SHADES) else 0.3
        swatch = f'<span class="swatch" style="opacity:{shade:.2f}"></span>'
        parts.append(f'<label><input type="checkbox" value="{percent}" checked>{swatch}{percent}%</label>')
    for name, colour in zip(fan.beside, _BESIDE, strict=False):
        swatch = f'<span class="swatch line" style="color:{colour}"></span>'
        text = html.escape(name, quote=True)
        parts.append(f'<label><input type="checkbox" value="{text}" checked>{swatch}{text}</label>')
    return f'<span class="legend">{"".join(parts)}</span>'


def _plain(fan: Fan) -> dict[str, Any]:
    return {
        "name": fan.name,
        "times": _times(fan.times[-MOST_STEPS:]),
        "values": _numbers(fan.values[-MOST_STEPS:]),
        "ahead": _times(fan.ahead),
        "point": _numbers(fan.point),
        "intervals": [
            {"percent": percent, "low": _numbers(low), "high": _numbers(high)}
            for percent, (low, high) in sorted(fan.intervals.items())
        ],
        "truth": None if fan.truth is None else _numbers(fan.truth),
        "beside": [{"name": name, "point": _numbers(point)} for name, point in fan.beside.items()],
    }


def _times(times: NDArray[Any]) -> list[int]:
    """Milliseconds since 1970, or the steps themselves."""
    return [int(each) for each in (times.astype("M8[ms]").astype(np.int64) if times.dtype.kind == "M" else times)]


def _numbers(values: NDArray[Any]) -> list[float | None]:
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values]


def forecast_page(series: Sequence[Fan], title: str, summary: str = "", sections: Sequence[Section] = ()) -> Page:
    """A page of forecasts to move and ask, with further sections below; raises `UsageError` for no series."""
    return Page(title, [Section("Forecasts", [Fans(series)]), *sections], summary)
