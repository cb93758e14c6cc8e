from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from elman.codecs.panel_frames import panel_of
from elman.errors import DataError
from elman.settings.panel import PanelSettings

nan = float("nan")
HOURS = pd.date_range("2024-01-01", periods=6, freq="h")


def long(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"unique_id": ["a"] * 3 + ["b"] * 3, "ds": [*HOURS[:3], *HOURS[1:4]], "y": range(6), **columns})


def test_the_frame_of_the_field_is_read_as_it_is() -> None:
    frame = long().sample(frac=1, random_state=0)
    panel = panel_of(frame)
    order = [panel.ids.index(name) for name in "ab"]
    assert [panel.series(number).tolist() for number in order] == [[0, 1, 2], [3, 4, 5]]
    assert panel.frequency.alias == "h"
    back = panel.take(order).frame()
    assert back["y"].tolist() == list(range(6))
    assert back["ds"].tolist() == long()["ds"].tolist()


def test_columns_of_numbers_beside_a_time_are_series() -> None:
    panel = panel_of(
        pd.DataFrame({"when": HOURS.astype(str), "x": [nan, 1, 2, 3, 4, 5], "z": range(6), "who": list("abcdef")})
    )
    assert panel.ids == ("x", "z")
    assert panel.history.tolist() == [5, 6]
    assert (panel.first[0] - panel.first[1]) == 1
    assert any("Not used: who" in note for note in panel.notes)


def test_numbers_without_a_time_are_steps() -> None:
    panel = panel_of(pd.DataFrame({"1": [1, 2, 3], "2": [4, 5, 6]}))
    assert panel.frequency.unit == "step"
    assert panel.series(1).tolist() == [4, 5, 6]


def test_times_may_be_the_index_or_seconds_since_1970() -> None:
    of_index = panel_of(pd.DataFrame({"y": range(6)}, index=HOURS))
    seconds = HOURS.to_numpy().astype("M8[s]").astype(np.int64)
    of_numbers = panel_of(pd.DataFrame({"timestamp": seconds, "y": range(6)}))
    assert of_index.frequency == of_numbers.frequency
    assert of_index.times(0).tolist() == of_numbers.times(0).tolist() == HOURS.to_numpy().tolist()
    assert "seconds since 1970" in of_numbers.notes[0]


def test_two_columns_may_name_a_series_together() -> None:
    frame = pd.DataFrame(
        {"date": [*HOURS[:2]] * 4, "store": [1, 1, 1, 1, 2, 2, 2, 2], "item": list("aabbaabb"), "sales": range(8)}
    )
    panel = panel_of(frame)
    assert panel.columns.id == "item+store"
    assert sorted(panel.ids) == ["a/1", "a/2", "b/1", "b/2"]
    asked = panel_of(frame, PanelSettings(id_column="store+item"))
    assert asked.ids == ("1/a", "1/b", "2/a", "2/b")
    assert asked.series(3).tolist() == [6, 7]
    assert panel_of(frame.iloc[:2], known=asked).ids == ("1/a",)


def test_a_series_in_each_row() -> None:
    table = {"V1": ["H1", "H2"], **{f"V{n}": [float(n), float(n) if n < 9 else nan] for n in range(2, 14)}}
    panel = panel_of(pd.DataFrame(table))
    assert panel.ids == ("H1", "H2")
    assert panel.history.tolist() == [12, 7]
    assert panel_of(pd.DataFrame(table), known=panel).ids == panel.ids


def test_columns_that_are_dates_or_years_are_steps_of_the_rows() -> None:
    months = pd.date_range("2020-01-31", periods=14, freq="ME")
    names = {"Province": ["x", "", None], "Country": ["A", "A", "B"], "Lat": [1.5, 2.5, 3.5]}
    values = {when.strftime("%m/%d/%y"): [1.0, 2.0, 3.0] for when in months}
    panel = panel_of(pd.DataFrame({**names, **values}))
    assert panel.ids == ("x/A", "A", "B")
    assert panel.frequency.alias == "ME"
    assert panel.times(2).tolist() == months.to_numpy().tolist()
    assert "Not used: Lat." in panel.notes
    january = {f"2020-01-{day}": [1.0, 2.0, 3.0] for day in range(10, 24)}
    assert str(panel_of(pd.DataFrame({**names, **january})).times(0)[0])[:10] == "2020-01-10"
    years = panel_of(pd.DataFrame({"Country": ["A", "B"], **{str(year): [1.0, 2.0] for year in range(1980, 1994)}}))
    assert years.times(0).tolist() == list(range(1980, 1994))


def test_a_matrix_whose_columns_count_is_no_table_of_rows() -> None:
    panel = panel_of(pd.DataFrame(np.random.default_rng(0).normal(size=(30, 12))))
    assert len(panel) == 12


def test_dates_with_the_day_first_are_kept_in_that_order() -> None:
    days = pd.date_range("2024-01-20", periods=40)
    panel = panel_of(pd.DataFrame({"Datum": days.strftime("%d.%m.%Y"), "y": range(40)}))
    assert panel.times(0).tolist() == days.to_numpy().tolist()
    assert "Dates such as 20.01.2024 are read as day, month, year." in panel.notes
    new = panel_of(pd.DataFrame({"Datum": ["03.02.2024", "04.02.2024"], "y": [1, 2]}), known=panel)
    assert str(new.times(0)[0])[:10] == "2024-02-03"
    with pytest.raises(DataError, match="trained with times that are dates, found numbers"):
        panel_of(pd.DataFrame({"Datum": [1, 2], "y": [1, 2]}), known=panel)


def test_dates_and_times_of_day_in_two_columns() -> None:
    hours = pd.date_range("2024-01-31", periods=40, freq="h")
    frame = pd.DataFrame({"Date": hours.strftime("%d/%m/%Y"), "Time": hours.strftime("%H.%M.%S"), "CO": range(40)})
    panel = panel_of(frame)
    assert panel.columns.time == "Date+Time"
    assert panel.times(0).tolist() == hours.to_numpy().tolist()
    months = pd.DataFrame({"year": [2020] * 12 + [2021] * 12, "month": [*range(1, 13)] * 2, "y": range(24)})
    assert panel_of(months).frequency.alias == "MS"
    names = pd.date_range("2020-01-01", periods=12, freq="MS").strftime("%B")
    assert panel_of(months.assign(month=[*names] * 2)).frequency.alias == "MS"


def test_a_column_of_texts_tells_series_apart_where_times_repeat() -> None:
    panel = panel_of(
        pd.DataFrame({"Filiale": ["K", "K", "B", "B"], "Datum": ["2024-01-01", "2024-01-02"] * 2, "Umsatz": range(4)})
    )
    assert panel.ids == ("K", "B")
    assert any("Column 'Filiale' says which series" in note for note in panel.notes)


def test_times_with_a_zone_are_told_of() -> None:
    text = pd.Series(HOURS.tz_localize("Europe/Berlin")).astype(str)
    panel = panel_of(pd.DataFrame({"ds": text, "y": range(6)}))
    assert str(panel.times(0)[0]) == "2023-12-31T23:00:00.000000000"
    assert any("in UTC" in note for note in panel.notes)


def test_a_season_that_is_not_seen_twice_is_none() -> None:
    minutes = pd.date_range("2024-01-01", periods=500, freq="min")
    wave = panel_of(pd.DataFrame({"ds": minutes, "y": np.sin(np.arange(500) * np.pi / 15)}))
    assert wave.frequency.season == 30
    assert "The usual season of 1,440 steps is not seen twice, and not taken." in wave.notes


def test_rows_of_one_step_are_averaged_where_a_step_is_asked_for() -> None:
    frame = pd.DataFrame({"ds": ["2024-01-01"] * 3 + ["2024-01-02"] * 3, "y": range(6)})
    with pytest.raises(DataError, match="has the time of an earlier row"):
        panel_of(frame)
    asked = panel_of(frame, PanelSettings(frequency="D"))
    assert asked.series(0).tolist() == [1, 4]
    assert panel_of(frame, known=asked).series(0).tolist() == [1, 4]


def test_parts_of_a_date_are_found() -> None:
    frame = pd.DataFrame(
        {"No": [1, 2], "year": [2010, 2010], "month": [1, 1], "day": [1, 1], "hour": [22, 23], "pm": [5, 6]}
    )
    panel = panel_of(frame)
    assert panel.ids == ("pm",)
    assert panel.columns.time == "year+month+day+hour"
    assert panel.frequency.alias == "h"


def test_roles_are_declared() -> None:
    frame = long(wind=list("NSNSNS"), plan=range(6), size=[1, 1, 1, 2, 2, 2], other=0.0)
    panel = panel_of(frame, PanelSettings(target=("y",), past=("wind",), future=("plan",), static=("size",)))
    assert panel.columns.features("past") == ("wind=N", "wind=S")
    assert panel.past[:2].tolist() == [[1, 0], [0, 1]]
    assert panel.static.tolist() == [[1], [2]]
    assert any("Not used: other" in note for note in panel.notes)


def test_rows_behind_the_last_number_are_known_in_advance() -> None:
    frame = pd.DataFrame({"ds": HOURS, "y": [1, 2, 3, nan, nan, nan], "plan": range(6), "seen": range(6)})
    panel = panel_of(frame, PanelSettings(target=("y",), future=("plan",), past=("seen",)))
    assert panel.history.tolist() == [3]
    assert panel.future[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.isnan(panel.past[3:]).all()
    assert panel_of(frame, PanelSettings(target=("y",))).lengths.tolist() == [3]


def test_new_data_are_read_like_those_of_the_training() -> None:
    settings = PanelSettings(past=("wind",))
    trained = panel_of(long(wind=list("NSNSNS")), settings)
    new = panel_of(long(wind=list("NNNNNW")).iloc[3:], known=trained)
    assert new.past.tolist() == [[1, 0], [1, 0], [0, 0]]
    assert "W is new" in " ".join(new.notes)
    with pytest.raises(DataError, match="'wind' is missing"):
        panel_of(long(), known=trained)


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (long(z=1.0).drop(columns="y").assign(w=2.0), {}, "which of z, w is to be forecast"),
        (long(), {"target": ("sales",)}, "--target names the column 'sales'"),
        (long(), {"past": ("yy",)}, "Did you mean 'y'"),
        (pd.DataFrame({"ds": HOURS, "y": [1, 2, "x", 4, 5, 6]}), {}, "row 3: expected a number in column 'y', fo"),
        (pd.DataFrame({"ds": ["2024-01-01", "soon"], "y": [1, 2]}), {"time_column": "ds"}, "row 2: expected a date"),
        (pd.DataFrame({"date": ["2024-01-01", "2024-13-45", "2024-01-03"], "v": 1}), {}, "row 2: expected a date"),
        (pd.DataFrame({"date": HOURS, "v": [1, 2, "closed", 4, 5, 6]}), {}, "row 3: expected a number in column 'v'"),
        (pd.DataFrame({"date": HOURS, "v": None}), {}, "in column 'v' every cell is empty"),
        (pd.DataFrame({"ds": HOURS[:1], "y": [1]}), {}, "the data frame: the step of a series needs at least two"),
        (pd.DataFrame({"ds": HOURS, "y": [nan] * 6}), {}, "no step of a series was measured"),
        (pd.DataFrame({"ds": HOURS, "y": [1, 2, 3, 4, 5, np.inf]}), {}, "row 6: column 'y' is infinite"),
        (long(size=range(6)), {"static": ("size",)}, "row 2: a --static column is not what it was in an earlier"),
        (pd.DataFrame({"ds": [*HOURS[:5], pd.Timestamp("2199-01-01")], "y": range(6)}), {}, "nearly all of them empty"),
        (pd.DataFrame({"ds": HOURS, "y": range(6)}), {"frequency": "1"}, "times are dates"),
        (pd.DataFrame({"ds": HOURS, "y": list("abcdef")}), {"past": ("y",)}, "expected a column of numbers"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["y", "y"]), {}, "two columns are called 'y'"),
        (pd.DataFrame({"y": []}), {}, "holds no rows"),
        (pd.DataFrame({"ds": HOURS, "y": range(6), "s": 1}), {"static": ("s",)}, "--static needs series"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_an_error(frame: pd.DataFrame, options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        panel_of(frame, PanelSettings(**options))  # type: ignore[arg-type]
