from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from elman.codecs.dates import has_zone, is_day_first, is_time_of_day, stamps_of

DAYS = pd.date_range("2023-12-20", periods=60)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["2020-01", "2020-02"], "2020-02-01"),
        (["2020-01-01T00:00+02:00", "2020-01-01T00:00+00:00"], "2020-01-01"),
        (["2020-W01", "2020-W02"], "2020-01-06"),
        (["Jan 2020", "Feb 2020"], "2020-02-01"),
        (["03.02.20 14:30", "04.02.20 14:30"], "2020-02-04T14:30"),
        (["10/03/2004 18.00.00", "13/03/2004 19.00.00"], "2004-03-13T19:00"),
        ([20200131, 20200201], "2020-02-01"),
        ([202012.0, 202101.0], "2021-01-01"),
        ([20200131, 20200232], 20200232),
        ([1, 2], 2),
        ([1.0, 2.5], None),
        (["soon", "2020-02"], None),
        (["31.12.2020", "12.31.2020"], None),
    ],
)
def test_times_are_dates_or_whole_numbers(cells: list[object], found: object) -> None:
    stamps = stamps_of(pd.Series(cells))
    if found is None:
        assert stamps is None
    else:
        assert stamps is not None
        assert stamps[1] == (np.datetime64(found, "ns") if isinstance(found, str) else found)


@pytest.mark.parametrize("form", ["%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y", "%m/%d/%y", "%d.%m.%Y %H:%M"])
def test_dates_of_a_column_have_one_order(form: str) -> None:
    cells = pd.Series(DAYS.strftime(form))
    stamps = stamps_of(cells)
    assert stamps is not None
    assert stamps.tolist() == DAYS.to_numpy().tolist()
    assert is_day_first(cells) == form.startswith("%d")


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y"])
def test_without_a_number_above_twelve_even_steps_tell_the_order(form: str) -> None:
    months = pd.date_range("2020-01-01", periods=30, freq="MS")
    stamps = stamps_of(pd.Series(months.strftime(form)))
    assert stamps is not None
    assert stamps.tolist() == months.to_numpy().tolist()


def test_an_order_that_is_known_is_kept() -> None:
    cells = pd.Series(["03/02/2020"])
    for day_first, month in ((True, "2020-02"), (False, "2020-03")):
        stamps = stamps_of(cells, day_first)
        assert stamps is not None
        assert str(stamps[0]).startswith(month)


def test_times_of_a_day_and_zones() -> None:
    assert is_time_of_day(pd.Series(["18:30", "19:00"]))
    assert is_time_of_day(pd.Series(["18.30.00"]), "[:.]")
    assert not is_time_of_day(pd.Series(["01.02.20"]))
    assert has_zone(pd.Series(["2020-01-01 00:00:00+01:00"]))
    assert has_zone(pd.Series(["2020-01-01T00:00:00Z"]))
    assert not has_zone(pd.Series(["2020-01-01"]))
