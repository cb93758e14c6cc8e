from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from elman.codecs.calendar import Frequency
from elman.errors import DataError, SettingsError

ALIASES = {
    "s": 60, "15min": 96, "h": 24, "2h": 12, "D": 7, "B": 5, "W-SUN": 52, "MS": 12, "ME": 12, "QS": 4, "QE": 4, "YS": 1,
}  # fmt: skip


@pytest.mark.parametrize(("alias", "season"), ALIASES.items())
def test_a_frequency_is_inferred_and_counts_its_times(alias: str, season: int) -> None:
    times = pd.date_range("2016-07-03", periods=80, freq=alias).to_numpy()
    clock, irregular = Frequency.infer([times])
    assert not irregular
    assert clock.season == season
    steps = clock.steps(times)
    assert np.diff(steps).tolist() == [1] * 79
    assert (clock.times(steps) == times).all()
    assert Frequency.named(clock.alias, times) == clock
    assert Frequency.from_config(clock.to_config()) == clock


def test_missing_times_do_not_hide_the_step() -> None:
    times = pd.date_range("2020-01-01", periods=100, freq="h").to_numpy()
    clock, irregular = Frequency.infer([np.delete(times, [3, 4, 50])])
    assert clock.alias == "h"
    assert not irregular


def test_irregular_times_are_told_of() -> None:
    minutes = np.cumsum([60, 60, 60, 61, 60, 60, 59, 60, 60, 60])
    clock, irregular = Frequency.infer([np.datetime64("2020-01-01") + minutes.astype("m8[m]").astype("m8[ns]")])
    assert clock.step_name == "an hour"
    assert "not whole steps" in irregular


def test_times_without_any_usual_step_get_a_round_one() -> None:
    seconds = np.sort(np.random.default_rng(0).uniform(0, 60 * 3600, 70)).astype("m8[s]")
    clock, irregular = Frequency.infer([np.datetime64("2020-01-01", "ns") + seconds])
    assert clock.alias in ("30min", "h")
    assert irregular


def test_whole_numbers_are_steps() -> None:
    clock, _ = Frequency.infer([np.array([10, 20, 30, 50])])
    assert (clock.unit, clock.every) == ("step", 10)
    assert clock.steps(np.array([10, 50])).tolist() == [1, 5]
    assert clock.describe() == "a step is 10 rows, without a known season"


def test_a_week_keeps_its_day() -> None:
    times = pd.date_range("2020-01-01", periods=5, freq="7D").to_numpy()  # Wednesdays
    clock, _ = Frequency.infer([times])
    assert pd.Timestamp(clock.times(clock.steps(times)[-1:] + 1)[0]).day_name() == "Wednesday"


def test_business_days_have_no_weekend() -> None:
    clock = Frequency.named("B")
    friday = clock.steps(np.array(["2024-05-03"], "M8[ns]"))
    assert str(clock.times(friday + 1)[0])[:10] == "2024-05-06"
    with pytest.raises(DataError, match="2024-05-04 is no business day"):
        clock.steps(np.array(["2024-05-04"], "M8[ns]"))


def test_the_calendar_tells_hours_and_weekdays() -> None:
    clock = Frequency.named("h")
    assert clock.cycles() == ("day", "week", "year")
    steps = clock.steps(pd.date_range("2024-01-01 18:00", periods=2, freq="7D").to_numpy())
    features = clock.features(steps)
    names = clock.feature_names()
    assert features.shape == (2, len(names))
    assert features[0, names.index("day, sine 1")] == pytest.approx(-1)
    of_week = [place for place, name in enumerate(names) if name.startswith("week")]
    np.testing.assert_allclose(features[0, of_week], features[1, of_week], atol=1e-6)


def test_months_have_the_same_place_in_every_year() -> None:
    clock = Frequency.named("MS")
    features = clock.features(np.arange(-24, 24))
    assert clock.cycles() == ("year",)
    np.testing.assert_array_equal(features[:12], features[36:])
    assert Frequency.named("1").features(np.arange(3)).shape == (3, 0)


@pytest.mark.parametrize("alias", ["fortnight", "SME", "BQS"])
def test_an_unknown_frequency_is_an_error(alias: str) -> None:
    with pytest.raises(SettingsError, match=alias):
        Frequency.named(alias)


def test_one_time_is_no_step() -> None:
    with pytest.raises(DataError, match="at least two times"):
        Frequency.infer([np.array([3])])
    with pytest.raises(DataError, match="configuration"):
        Frequency.from_config({"unit": "step", "evry": 1})
