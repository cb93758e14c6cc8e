from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elman.baselines.forecasts import DLinear, naive, seasonal_naive
from elman.codecs.calendar import Frequency
from elman.codecs.panel import Covariate, Forecast, Panel, PanelColumns
from elman.errors import DataError
from elman.metrics.forecast import mase
from elman.runtime.backtest import backtest, compare, copies_last_value, leaks, seen_in_training

nan = float("nan")
RNG = np.random.default_rng(0)
WALK = Panel.of([RNG.normal(size=300).cumsum()])


def test_each_forecast_knows_only_what_came_before() -> None:
    seen: list[int] = []

    def spy(panel: Panel, horizon: int) -> Forecast:
        seen.append(len(panel.target))
        assert panel.target.max() < len(panel.target)
        return naive(panel, horizon)

    found = backtest(Panel.of([np.arange(20.0)]), spy, 4, folds=3)
    assert seen == [8, 12, 16]
    assert found.truth.tolist() == [[8, 9, 10, 11], [12, 13, 14, 15], [16, 17, 18, 19]]
    assert found.last.tolist() == [7, 11, 15]
    assert found.by_step().tolist() == [1, 2, 3, 4]


def test_changing_the_future_changes_no_forecast() -> None:
    panel = Panel.of(list(RNG.normal(size=(3, 120)).cumsum(1)), "D", start="2024-01-01")
    other = replace(panel, target=np.where(np.arange(360) % 120 < 100, panel.target, 1e6))
    model = DLinear.fit(panel.until(100), 10)
    for forecaster in (naive, seasonal_naive, model):
        one, two = (backtest(each, forecaster, 10, folds=2) for each in (panel, other))
        np.testing.assert_array_equal(one.forecast.quantiles[:3], two.forecast.quantiles[:3])
        assert (one.truth != two.truth).all()


def test_scores_by_hand() -> None:
    found = backtest(Panel.of([[0.0, 2, 4, 6, 8, 10]]), naive, 2, folds=1)
    scores = found.scores()
    assert scores["MAE"] == 3  # 6 for 8 and for 10
    assert scores["MASE"] == 1.5  # in units of 2
    assert scores["RMSE"] == pytest.approx(np.sqrt(10))
    assert scores["coverage 95"] == 1
    assert scores["coverage 50"] == 0


def test_series_count_alike_whatever_their_gaps() -> None:
    panel = Panel.of([[1.0, 2, 1, 2, 5, nan, 8], [1.0, 3, 1, 3, 1, 3, 1]])
    found = backtest(panel, naive, 3)
    expected = mase(found.truth, found.forecast.point, [panel.series(0)[:4], panel.series(1)[:4]], 1)[0]
    assert found.scores()["MASE"] == pytest.approx(expected)


def test_a_forecast_begins_behind_the_last_that_was_measured() -> None:
    found = backtest(Panel.of([[1.0, 2, 3, nan, 5, 6]]), naive, 2)
    assert found.forecast.first.tolist() == [3]
    np.testing.assert_array_equal(found.truth, [[nan, 5]])


def test_short_series_join_where_they_can() -> None:
    found = backtest(Panel.of({"long": np.arange(10.0), "short": [1.0, 2, 3]}), naive, 2, folds=2)
    assert found.forecast.ids == ("long", "long", "short")
    assert found.fold.tolist() == [0, 1, 1]
    with pytest.raises(DataError, match="needs a series of more, found 10"):
        backtest(Panel.of([np.arange(10.0)]), naive, 10)


def test_origins_may_overlap() -> None:
    found = backtest(WALK, naive, 5, folds=20, step=1)
    assert np.diff(found.forecast.first).tolist() == [1] * 19
    assert list(found.frame().columns[:5]) == ["unique_id", "ds", "cutoff", "y", "forecast"]


def test_a_forecast_of_something_else_is_refused() -> None:
    with pytest.raises(DataError, match="must begin"):
        backtest(WALK, lambda panel, horizon: replace(naive(panel, horizon), first=np.array([0])), 3)
    with pytest.raises(DataError, match="expected a forecast of 1 series and 3 steps"):
        backtest(WALK, lambda panel, horizon: naive(panel, 2), 3)


def test_what_is_better_is_said_with_an_interval() -> None:
    week = np.tile([0.0, 1, 5, 2, 0, 0, 1], 60) + RNG.normal(size=420) * 0.3
    panel = Panel.of([week], season=7)
    seasonal, plain = (backtest(panel, each, 7, folds=20) for each in (seasonal_naive, naive))
    better = compare(seasonal, plain, "last value")
    assert better.low <= better.ratio <= better.high < 1
    assert "more than the last value was found" in better.describe()
    assert "the last season is better" in compare(plain, seasonal, "last season").describe()


def test_of_few_forecasts_nothing_is_said_about_chance() -> None:
    few = backtest(WALK, naive, 3, folds=2)
    assert compare(few, few, "last value").stretches == 2
    assert "too few forecasts" in compare(few, few, "last value").describe()


def test_another_without_an_error_is_said_in_words() -> None:
    flat = Panel.of([np.ones(60)])
    rows = [backtest(flat, each, 1, folds=20) for each in (naive, lambda panel, ahead: _off(naive(panel, ahead)))]
    assert compare(rows[1], rows[0], "last value").describe() == "The last value makes no error here, the forecasts do."
    assert compare(rows[0], rows[0], "last value").describe().startswith("Neither the forecasts nor the last value")
    sparse = Panel.of([np.bincount([40, 90], minlength=100).astype(float)])
    found = [backtest(sparse, each, 1, folds=60) for each in (naive, lambda panel, ahead: _off(naive(panel, ahead)))]
    assert len(compare(found[1], found[0], "last value").describe()) < 200


def _off(found: Forecast) -> Forecast:
    return replace(found, point=found.point + 1)


def test_noise_finds_nothing_beyond_the_last_value() -> None:
    def nearly(panel: Panel, horizon: int) -> Forecast:
        found = naive(panel, horizon)
        return replace(found, point=found.point + 0.05 * RNG.normal(size=found.point.shape))

    model, last = (backtest(WALK, each, 3, folds=60) for each in (nearly, naive))
    assert "nothing beyond the last value was found" in compare(model, last, "last value").describe()
    assert "they move by" in copies_last_value(model)
    with pytest.raises(DataError, match="same origins"):
        compare(model, backtest(WALK, naive, 3, folds=2), "last value")


def test_a_model_that_knows_the_law_is_no_copy() -> None:
    wave = Panel.of([np.sin(np.arange(400) / 3)])
    model = DLinear.fit(wave.until(300), 3)
    assert copies_last_value(backtest(wave, model, 3, folds=20)) == ""


def with_covariates(past: np.ndarray, future: np.ndarray) -> Panel:
    values = WALK.series(0)
    return Panel(
        ("a",), Frequency(), np.array([0, 300]), np.array([0]), np.array([300]), values, past[:, None], future[:, None],
        np.empty((1, 0)), PanelColumns(past=(Covariate("p"),), future=(Covariate("f"),)),
    )  # fmt: skip


def test_covariates_that_know_the_future_are_named() -> None:
    values, noise = WALK.series(0), RNG.normal(size=300)
    assert leaks(with_covariates(noise, np.arange(300.0))) == []
    early = np.append(values[2:], [nan, nan])
    assert leaks(with_covariates(early, noise)) == [
        "Covariate 'p' is the target of 2 steps later: it knows the future."
    ]
    assert leaks(with_covariates(np.append(nan, values[:-1]), noise)) == []
    assert "'f', said to be known in advance, is the target itself" in leaks(with_covariates(noise, 2 * values))[0]


def test_forecasts_of_what_was_trained_on_are_told_of() -> None:
    panel = Panel.of({"a": np.arange(9.0), "b": np.arange(9.0)})
    assert seen_in_training(panel, np.array([6, 6]), {"a": 5}) == ""
    assert "1 of 2 series are forecast where the model was trained (a)" in seen_in_training(
        panel, np.array([6, 6]), {"a": 6, "b": 5}
    )
