from __future__ import annotations

import numpy as np
import pytest

from elman.baselines.forecasts import DLinear, naive, seasonal_naive, statistics
from elman.codecs.panel import Panel
from elman.errors import DataError, SettingsError
from elman.metrics.forecast import coverage

nan = float("nan")
RNG = np.random.default_rng(0)


def test_the_last_value_that_was_measured() -> None:
    panel = Panel.of([[1, 5, nan, 2], [3]])
    found = naive(panel, 3)
    assert found.point.tolist() == [[2, 2, 2], [3, 3, 3]]
    assert found.first.tolist() == [4, 1]
    assert (found.quantiles[1] == 3).all()  # nothing is known of how it changes


def test_intervals_of_a_random_walk_hold_it() -> None:
    walks = RNG.normal(size=(400, 120)).cumsum(1)
    panel = Panel.of(list(walks))
    found = naive(panel.until(100), 20)
    low, high = found.interval(80)
    assert coverage(walks[:, 100:], low, high) == pytest.approx(0.8, abs=0.04)
    assert coverage(walks[:, 119:], low[:, 19:], high[:, 19:]) == pytest.approx(0.8, abs=0.07)


def test_the_last_season_by_hand() -> None:
    panel = Panel.of([[9, 1, 2, 3, 4, nan, 6], [1, 2, 3], [7, 8]], season=3)
    found = seasonal_naive(panel, 5).point
    assert found[0].tolist() == [4, 2, 6, 4, 2]
    assert found[1].tolist() == [1, 2, 3, 1, 2]
    assert found[2, 1:3].tolist() == [7, 8]


def test_a_season_repeats_what_it_was() -> None:
    week = np.tile(np.arange(7.0), 6)
    found = seasonal_naive(Panel.of([week], "D", start="2024-01-01"), 14)
    np.testing.assert_array_equal(found.point[0], week[:14])
    assert (found.quantiles == found.point[..., None]).all()


def test_a_linear_map_finds_a_linear_law_and_beats_the_rest() -> None:
    steps = np.arange(400)
    series = [np.sin(2 * np.pi * (steps + shift) / 17) * (shift + 1) + 3 * shift for shift in range(5)]
    panel = Panel.of([each + RNG.normal(size=400) * 0.01 for each in series], season=12)
    past, horizon = panel.until(370), 10
    model = DLinear.fit(past, horizon)
    truth = panel.truth(past.history, horizon)
    errors = [np.abs(each.point - truth).mean() for each in (model(past, horizon), naive(past, horizon))]
    assert errors[0] < 0.05 * errors[1]
    shorter = model(past, 3)
    assert shorter.point.shape == (5, 3)
    np.testing.assert_allclose(shorter.point, model(past, horizon).point[:, :3])
    with pytest.raises(SettingsError, match="learnt for 10 steps"):
        model(past, 11)


def test_a_linear_map_moves_with_the_series() -> None:
    panel = Panel.of([RNG.normal(size=200).cumsum()])
    model = DLinear.fit(panel, 4)
    moved = Panel.of([100 + 3 * panel.series(0)])
    np.testing.assert_allclose(model(moved, 4).quantiles, 100 + 3 * model(panel, 4).quantiles)


def test_its_intervals_hold_what_comes() -> None:
    walks = RNG.normal(size=(50, 300)).cumsum(1)
    panel = Panel.of(list(walks))
    model = DLinear.fit(panel.until(250), 8)
    low, high = model(panel.until(280), 8).interval(80)
    assert coverage(walks[:, 280:288], low, high) == pytest.approx(0.8, abs=0.1)


def test_gaps_and_short_series_are_no_obstacle() -> None:
    gappy = np.where(RNG.random(200) < 0.1, nan, np.sin(np.arange(200) / 3))
    gappy[0] = gappy[-1] = 0.5
    panel = Panel.of([gappy, [1.0, 2.0], [5.0]])
    found = DLinear.fit(panel, 3)(panel, 3)
    assert np.isfinite(found.quantiles).all()
    with pytest.raises(DataError, match="more than 12 steps"):
        DLinear.fit(Panel.of([[1.0, 2.0, 3.0]]), 10)


def test_statistics_are_those_of_the_library() -> None:
    pytest.importorskip("statsforecast")
    panel = Panel.of([np.arange(40.0) + RNG.normal(size=40) * 0.1])
    found = statistics(panel, 4, "Theta", levels=(0.1, 0.5, 0.9))
    assert (np.diff(found.quantiles, axis=-1) > 0).all()
    assert found.point[0] == pytest.approx([40, 41, 42, 43], abs=3)
    np.testing.assert_array_equal(found.quantiles[..., 1], found.point)
    with pytest.raises(SettingsError, match="Did you mean 'AutoETS'"):
        statistics(panel, 4, "AutoETs")
