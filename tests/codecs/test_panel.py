from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.codecs.calendar import Frequency
from elman.codecs.panel import Covariate, Forecast, Panel, PanelColumns
from elman.errors import ArrayError, DataError

nan = float("nan")


def with_plans() -> Panel:
    """Two series; of the second a plan is known two steps ahead."""
    return Panel(
        ("a", "b"), Frequency.named("h"), np.array([0, 3, 8]), np.array([0, 1]), np.array([3, 3]),
        np.array([1.0, 2, 3, 4, nan, 6, nan, nan]), np.arange(8.0)[:, None], 10 * np.arange(8.0)[:, None],
        np.array([[1.0], [2.0]]), PanelColumns(past=(Covariate("p"),), future=(Covariate("f"),)),
    )  # fmt: skip


def test_arrays_make_a_panel() -> None:
    panel = Panel.of({"a": [nan, 1, 2, nan], "b": [3.0]}, "MS", start="2020-01")
    assert panel.series(0).tolist() == [1, 2]
    assert str(panel.times(0)[0])[:7] == "2020-02"
    assert len(panel) == 2
    assert panel.describe() == "2 series of 1 to 2 steps; a step is a month, and 12 steps are a season."


def test_the_history_ends_with_the_last_that_was_measured() -> None:
    panel = with_plans()
    assert panel.lengths.tolist() == [3, 5]
    assert panel.series(1).tolist()[::2] == [4, 6]
    assert panel.frame()["y"].isna().tolist() == [False] * 4 + [True, False]


def test_before_an_origin_nothing_later_is_seen() -> None:
    panel = with_plans().until(np.array([2, 2]))
    assert panel.history.tolist() == [2, 1]  # the second row of b was not measured
    assert np.isnan(panel.target[2])
    assert np.isnan(panel.past[4:]).all()
    assert panel.future[:, 0].tolist() == [0, 10, 20, 30, 40, 50, 60, 70]


def test_series_that_had_not_begun_are_gone() -> None:
    panel = with_plans().without_last(3)
    assert len(panel) == 0
    assert Panel.of([[1, 2, 3], [1]]).until(np.array([2, 0])).ids == ("0",)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 5), st.data())
def test_cutting_twice_is_cutting_once(lengths: list[int], cut: int, data: st.DataObject) -> None:
    arrays = [
        np.array([1.0, *data.draw(st.lists(st.sampled_from([nan, 2.0]), min_size=n, max_size=n))]) for n in lengths
    ]
    panel = Panel.of(arrays)
    once = panel.until(cut + 1)
    twice = panel.until(cut + 3).until(cut + 1)
    assert once.history.tolist() == twice.history.tolist()
    np.testing.assert_array_equal(once.target, twice.target)


def test_the_truth_behind_origins() -> None:
    truth = with_plans().truth(np.array([1, 0]), 3)
    np.testing.assert_array_equal(truth, [[2, 3, nan], [4, nan, 6]])


def test_some_series_in_another_order() -> None:
    taken = with_plans().take([1, 0])
    assert taken.ids == ("b", "a")
    np.testing.assert_array_equal(taken.series(1), [1, 2, 3])
    assert taken.static.tolist() == [[2.0], [1.0]]
    assert taken.past[:5, 0].tolist() == [3, 4, 5, 6, 7]


def test_side_by_side() -> None:
    np.testing.assert_array_equal(with_plans().matrix(), [[1, nan], [2, 4], [3, nan], [nan, 6]])


def test_columns_are_kept() -> None:
    columns = PanelColumns("long", ("y",), "id", "ds", (Covariate("wind", ("N", "S")),), (Covariate("plan"),))
    assert PanelColumns.from_config(columns.to_config()) == columns
    assert columns.features("past") == ("wind=N", "wind=S")
    with pytest.raises(DataError, match="columns of series"):
        PanelColumns.from_config({"layout": "long"})


def test_a_series_without_a_number_is_none() -> None:
    with pytest.raises(ArrayError, match="'a'"):
        Panel.of({"a": [nan]})


def forecast() -> Forecast:
    levels = (0.1, 0.25, 0.5, 0.75, 0.9)
    quantiles = np.arange(5.0) + np.zeros((1, 2, 5))
    return Forecast(("a",), Frequency.named("D"), np.array([0]), np.full((1, 2), 2.0), levels, quantiles)


def test_a_forecast_is_a_table_as_others_write_it() -> None:
    frame = forecast().frame()
    assert list(frame.columns) == ["unique_id", "ds", "forecast", "lo-50", "hi-50", "lo-80", "hi-80"]
    assert frame["lo-80"].tolist() == [0, 0]
    assert frame["hi-50"].tolist() == [3, 3]
    assert str(frame["ds"].iloc[1])[:10] == "1970-01-02"


def test_an_interval_that_is_not_there() -> None:
    with pytest.raises(ArrayError, match=r"0\.025 was not forecast"):
        forecast().interval(95)
    with pytest.raises(ArrayError, match=r"\(1, 2, 1\)"):
        Forecast(("a",), Frequency(), np.zeros(1, np.int64), np.zeros((1, 2)), (0.5,), np.zeros((1, 2)))
