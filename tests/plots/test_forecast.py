from __future__ import annotations

import numpy as np
import pytest

from elman import plots
from elman.errors import UsageError
from elman.plots.forecast import MOST_SERIES, Fan, errors_by_step, fans, held

nan = float("nan")


def fan(name: str = "sales", *, dates: bool = False, truth: bool = True) -> Fan:
    steps = np.arange(40)
    times = np.datetime64("2024-01-01", "ns") + steps.astype("m8[D]") if dates else steps
    values = np.sin(steps / 3.0)
    values[5] = nan
    point = np.sin(steps[30:] / 3.0)
    intervals = {percent: (point - width, point + width) for percent, width in ((50, 0.1), (80, 0.2), (95, 0.4))}
    known = np.where(steps[30:] == 33, nan, point + 0.05)
    return Fan(
        name, times[:30], values[:30], times[30:], point, intervals, known if truth else None, {"last": point * 0}
    )


def labels(figure: object) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]  # type: ignore[attr-defined]


@pytest.mark.parametrize("dates", [False, True])
def test_a_fan_shows_what_was_what_is_expected_and_what_came(dates: bool) -> None:
    figure = fans([fan(dates=dates)])
    assert labels(figure) == ["measured", "95% interval", "80% interval", "50% interval", "last", "forecast"]
    (axes,) = figure.axes
    bands = axes.collections
    heights = [np.ptp(band.get_paths()[0].vertices[:, 1]) for band in bands]
    assert heights == sorted(heights, reverse=True)  # the widest lies behind the others
    assert plots.png(figure)


def test_a_fan_begins_at_the_last_value_that_was_measured() -> None:
    (axes,) = fans([fan()]).axes
    edge = axes.collections[0].get_paths()[0].vertices
    at_now = edge[edge[:, 0] == 29]
    assert np.allclose(at_now[:, 1], np.sin(29 / 3))


def test_many_series_are_small_pictures_beside_each_other() -> None:
    figure = fans([fan(f"series ${number}") for number in range(MOST_SERIES + 3)], "many")
    shown = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert shown == [f"series ${number}" for number in range(MOST_SERIES)]
    assert figure.get_suptitle() == "many"
    assert plots.svg(fans([fan("a"), fan("b"), fan("c")]))


def test_the_past_is_as_long_as_is_asked_for() -> None:
    (axes,) = fans([fan()], history=7).axes
    assert len(axes.lines[0].get_xdata()) == 7


def test_a_single_step_without_intervals_or_truth() -> None:
    one = Fan("x", np.arange(3), np.arange(3.0), np.array([3]), np.array([2.0]))
    figure = fans([one])
    assert labels(figure) == ["measured", "forecast"]
    assert plots.png(figure)


def test_errors_start_at_zero_and_the_first_stands_out() -> None:
    figure = errors_by_step({"model": np.array([1.0, 2.0]), "last value": np.array([2.0, 4.0])}, "errors")
    (axes,) = figure.axes
    assert axes.get_ylim()[0] == 0
    assert axes.lines[0].get_linewidth() > axes.lines[1].get_linewidth()
    assert axes.lines[1].get_xdata().tolist() == [1, 2]


def test_what_intervals_held() -> None:
    (axes,) = held({"model": {80: 0.77, 50: 0.4}}, "coverage").axes
    assert list(axes.lines[1].get_xdata()) == [0.5, 0.8]
    assert list(axes.lines[1].get_ydata()) == [0.4, 0.77]


def test_nothing_to_draw() -> None:
    for draw in (lambda: fans([]), lambda: errors_by_step({}), lambda: held({"model": {}})):
        with pytest.raises(UsageError, match="nothing to draw"):
            draw()
