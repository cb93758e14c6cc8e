from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from elman.codecs.panel import Panel
from elman.codecs.panel_frames import panel_of
from elman.codecs.panel_grid import seasonality
from elman.errors import DataError
from elman.settings.panel import PanelSettings

nan = float("nan")
HOURS = pd.date_range("2024-01-01", periods=6, freq="h")


def test_gaps_are_steps_that_were_not_measured() -> None:
    panel = panel_of(pd.DataFrame({"ds": HOURS.delete([2, 3]), "y": [1, 2, 3, 4]}))
    np.testing.assert_array_equal(panel.series(0), [1, 2, nan, nan, 3, 4])
    assert "of 1 gaps the longest has 2, from 2024-01-01 02:00:00" in panel.notes[-1]
    assert "2 of 6 steps were not measured" in panel.describe()


def test_rows_of_the_same_step_are_averaged_and_told_of() -> None:
    frame = pd.DataFrame({"ds": [*range(20), 3], "y": [*range(20), 5]})
    panel = panel_of(frame)
    assert panel.series(0)[3] == 4
    assert "the data frame, row 21" in " ".join(panel.notes)
    with pytest.raises(DataError, match="--id-column"):
        panel_of(pd.concat([frame, frame]))


def test_a_season_is_found_where_nothing_says_it() -> None:
    week = np.tile([0.0, 1, 5, 2, 0, 0, 1], 20)
    rng = np.random.default_rng(0)
    assert panel_of(pd.DataFrame({"x": week, "z": week + rng.normal(size=140)})).frequency.season == 7
    assert seasonality(Panel.of([rng.normal(size=200).cumsum()])) == 1
    assert panel_of(pd.DataFrame({"x": week}), PanelSettings(season=14)).frequency.season == 14


def test_what_is_always_the_same_may_be_missing_in_some_rows() -> None:
    frame = pd.DataFrame({"unique_id": list("aabb"), "ds": [1, 2, 1, 2], "y": range(4), "size": [nan, 7, 8, nan]})
    assert panel_of(frame, PanelSettings(target=("y",), static=("size",))).static.tolist() == [[7], [8]]


def test_times_within_a_step_are_its_own() -> None:
    times = pd.to_datetime(["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 02:20"])
    panel = panel_of(pd.DataFrame({"ds": times, "y": [1.0, 2, 3, 5]}))
    assert panel.series(0).tolist() == [1, 2, 4]
    assert "those within one step are averaged" in panel.notes[0]


def test_series_that_are_copies_of_others_are_told_of() -> None:
    frame = pd.DataFrame({"ds": HOURS, "a": range(6), "b": [0, 1, 2, 3, 4, 6], "c": range(6)})
    assert panel_of(frame).notes[-1] == "1 of 3 series have the very numbers of another, such as 'c' of 'a'."
