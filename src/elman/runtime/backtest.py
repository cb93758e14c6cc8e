"""Forecasts made again and again from origins in the past, and what their errors say: rolling-origin evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

import numpy as np

from elman.codecs.panel import Floats, Forecast, Panel, Whole
from elman.errors import DataError
from elman.metrics import forecast as metrics
from elman.metrics.intervals import bootstrap

if TYPE_CHECKING:
    import pandas as pd

#: Whatever gives a forecast of the steps that follow the history of each series of a panel.
Forecaster: TypeAlias = Callable[[Panel, int], Forecast]

#: A model that moves less than this share of what the series moves, and is no better than the last value, copies it.
_HARDLY_MOVES = 0.3
#: Stretches of time, or series, from which an interval by resampling them says something.
FEWEST_STRETCHES = 5
#: A correlation with the target that only the target itself has.
_TARGET_ITSELF = 0.9999
#: Steps of a series that are enough to see whether a covariate is the target.
_LOOK = 20_000


@final
@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts from several origins, and what came.

    Attributes:
        forecast: Of n forecasts: all series of the first origin, then of the second, and so on.
        truth: What came, (n, horizon); NaN where nothing was measured.
        fold: The origin of each, counted from 0, the earliest, (n,).
        unit: Of MASE: the mean seasonal change of the history before, (n,).
        last: The last value before, (n,).
    """

    forecast: Forecast
    truth: Floats
    fold: Whole
    unit: Floats
    last: Floats

    @property
    def folds(self) -> int:
        """How many origins there are."""
        return int(self.fold.max()) + 1

    def scores(self) -> dict[str, float]:
        """Errors and intervals over all forecasts: MASE, sMAPE, MSE, MAE, RMSE, RSE; with quantiles CRPS and coverage.

        MASE is averaged over forecasts whose history has a unit, see `elman.metrics.forecast.mase`. Coverage of the
        intervals that the quantiles give is called ``coverage 80``.
        """
        truth, point = self.truth, self.forecast.point
        mse = metrics.squared_error(truth, point)
        found = {
            "MASE": metrics.scaled_error(truth, point, self.unit)[0],
            "sMAPE": metrics.smape(truth, point),
            "MSE": mse,
            "MAE": metrics.absolute_error(truth, point),
            "RMSE": float(np.sqrt(mse)),
            "RSE": metrics.rse(truth, point),
        }
        if self.forecast.levels:
            found["CRPS"] = metrics.crps(truth, self.forecast.quantiles, self.forecast.levels)
        for percent in self.forecast.coverages:
            found[f"coverage {percent}"] = metrics.coverage(truth, *self.forecast.interval(percent))
        return found

    def by_step(self) -> Floats:
        """The mean absolute error of each step ahead, (horizon,)."""
        error = np.abs(self.forecast.point - self.truth)
        return np.array([_mean(each) for each in error.T])

    def frame(self) -> pd.DataFrame:
        """All forecasts as `elman.codecs.panel.Forecast.frame`, with the truth ``y`` and the last time before."""
        found = self.forecast.frame()
        cutoff = self.forecast.frequency.times(np.repeat(self.forecast.first - 1, self.forecast.horizon))
        found.insert(2, "cutoff", cutoff)
        found.insert(3, "y", self.truth.ravel())
        return found


def backtest(
    panel: Panel, forecaster: Forecaster, horizon: int, *, folds: int = 1, step: int | None = None
) -> Backtest:
    """Forecast the last ``folds`` stretches of each series, each time knowing only what came before.

    The last forecast ends with the series; the one before ends ``step`` earlier (by default ``horizon``, so that
    stretches follow each other). Series that are too short for an origin are left out of it.

    Args:
        panel: The series, whole.
        forecaster: A model that was trained without what is forecast here, or a baseline.
        horizon: Steps of each forecast.
        folds: Origins.
        step: Steps from one origin to the next.

    Raises `DataError` where no series is longer than the horizon.
    """
    step = step or horizon
    found: list[tuple[Forecast, Floats, Floats, Floats]] = []
    numbers: list[Whole] = []
    for fold in range(folds):
        origins = panel.history - horizon - step * (folds - 1 - fold)
        there = np.flatnonzero(origins > 0)
        if not len(there):
            continue
        some = panel.take(there) if len(there) < len(panel) else panel
        found.append(_one(some, forecaster, origins[there], horizon))
        numbers.append(np.full(len(found[-1][1]), len(found) - 1))
    if not found:
        raise DataError(
            f"a backtest of {horizon} steps needs a series of more, found {int(panel.history.max())} at most."
            " Take a shorter horizon."
        )
    forecasts, truths, units, lasts = zip(*found, strict=True)
    return Backtest(_joined(forecasts), *map(np.concatenate, (truths, numbers, units, lasts)))


def _one(panel: Panel, forecaster: Forecaster, origins: Whole, horizon: int) -> tuple[Forecast, Floats, Floats, Floats]:
    """The forecasts from one origin of each series, the truth, the units of MASE and the last values."""
    past = panel.until(origins)
    forecast = forecaster(past, horizon)
    if forecast.ids != past.ids or forecast.point.shape != (len(past), horizon):
        raise DataError(f"expected a forecast of {len(past)} series and {horizon} steps, found {forecast.point.shape}.")
    if not np.array_equal(forecast.first, past.first + past.history):
        raise DataError("a forecast must begin with the step after the last one that was measured.")
    where = {name: number for number, name in enumerate(panel.ids)}
    same = np.array([where[name] for name in past.ids])
    begin = (
        past.first + past.history - panel.first[same]
    )  # earlier than the origin where nothing was measured before it
    truth = panel.take(same).truth(begin, horizon)
    season = panel.frequency.season
    histories = [past.series(number) for number in range(len(past))]
    units = np.array([metrics.seasonal_change(history, season) for history in histories])
    return forecast, truth, units, np.array([history[-1] for history in histories])


def _joined(forecasts: Sequence[Forecast]) -> Forecast:
    first = forecasts[0]
    return Forecast(
        tuple(name for each in forecasts for name in each.ids), first.frequency,
        np.concatenate([each.first for each in forecasts]), np.concatenate([each.point for each in forecasts]),
        first.levels, np.concatenate([each.quantiles for each in forecasts]),
    )  # fmt: skip


@final
@dataclass(frozen=True)
class Comparison:
    """The error of a model beside that of another on the same forecasts.

    Attributes:
        name: Of the other.
        ratio: Mean absolute error, its share of the other's; below 1 is better.
        low, high: The 95% interval of the ratio, by a bootstrap over whole stretches of time.
        stretches: How many there were; of few the interval says little.
    """

    name: str
    ratio: float
    low: float
    high: float
    stretches: int

    def describe(self) -> str:
        """What follows from it, in words."""
        if self.high == self.ratio == float("inf"):
            return f"The {self.name} makes no error here, the forecasts do."
        if self.ratio == 1 and self.high == float("inf"):
            return f"Neither the forecasts nor the {self.name} make any error here."
        change = f"{abs(1 - self.ratio):.1%} {'below' if self.ratio < 1 else 'above'} that of the {self.name}"
        if self.stretches < FEWEST_STRETCHES:
            return f"The mean absolute error is {change}; there are too few forecasts to say whether that is chance."
        span = f"95% interval of the ratio {self.low:.3f} to {self.high:.3f}"
        if self.high < 1:
            return f"The mean absolute error is {change} ({span}): more than the {self.name} was found."
        if self.low > 1:
            return f"The mean absolute error is {change} ({span}): the {self.name} is better."
        return f"The mean absolute error is {change} ({span}): nothing beyond the {self.name} was found."


def compare(model: Backtest, other: Backtest, name: str, *, seed: int = 0) -> Comparison:
    """How a model's errors stand beside another's on the same forecasts; each series counts by its own unit.

    Stretches of time are drawn with replacement, or series where there are fewer than ten stretches, since errors of
    one stretch come together; folds that overlap are one stretch. Raises `DataError` where the forecasts are others.
    """
    if model.forecast.ids != other.forecast.ids or not np.array_equal(model.forecast.first, other.forecast.first):
        raise DataError("two backtests can be compared where they forecast the same series from the same origins.")
    unit = np.where(model.unit > 0, model.unit, 1.0)[:, None]
    errors = [np.nansum(np.abs(each.forecast.point - each.truth) / unit, axis=1) for each in (model, other)]
    groups = _blocks(model)
    rows = np.stack([np.bincount(groups, weights=each) for each in errors], axis=1)
    if rows[:, 1].sum() == 0:
        return Comparison(name, 1.0 if rows[:, 0].sum() == 0 else float("inf"), 1.0, float("inf"), len(rows))
    low, high = bootstrap(rows, _ratios, seed=seed)
    return Comparison(name, float(rows[:, 0].sum() / rows[:, 1].sum()), low, high, len(rows))


def _ratios(sums: Floats) -> Floats:
    """Errors by those of the other, (n,): 1 where neither has any, infinite where only the other has none."""
    both = np.where(sums[:, 0] > 0, np.inf, 1.0)
    return np.asarray(np.divide(sums[:, 0], sums[:, 1], out=both, where=sums[:, 1] > 0))


def _blocks(found: Backtest) -> Whole:
    """Which forecasts belong together: those within one horizon of time, or where these are few, those of a series."""
    begins = np.array([found.forecast.first[found.fold == fold].min() for fold in range(found.folds)])
    blocks = (begins - begins.min()) // found.forecast.horizon
    if len(np.unique(blocks)) >= 10 or len(set(found.forecast.ids)) < 2:
        return np.unique(blocks[found.fold], return_inverse=True)[1].astype(np.int64)
    return np.unique(np.array(found.forecast.ids), return_inverse=True)[1].astype(np.int64)


def copies_last_value(found: Backtest) -> str:
    """A sentence where forecasts are no more than the last value before them, else ``""``.

    They move by mean |f - last|, the series by mean |y - last|. Who moves hardly at all, and whose error is that of the
    last value, has learnt to copy it, however close the curves of the two look one step shifted.

    >>> from elman.baselines.forecasts import naive
    >>> found = backtest(Panel.of([np.random.default_rng(0).normal(size=200).cumsum()]), naive, 1, folds=50)
    >>> copies_last_value(found)[:37]
    'The forecasts copy the last value: th'
    """
    point, last = found.forecast.point, found.last[:, None]
    known = ~np.isnan(found.truth)
    unit = np.where(found.unit > 0, found.unit, 1.0)[:, None]
    moved, moves, error = (_mean((np.abs(a - b) / unit)[known]) for a, b in
                           ((point, last), (found.truth, last), (point, found.truth)))  # fmt: skip
    if moves == 0 or moved / moves >= _HARDLY_MOVES or error < 0.97 * moves:
        return ""
    return (
        f"The forecasts copy the last value: they move by {moved / moves:.0%} of what the series move, and their error"
        f" is {error / moves:.1%} of that of the last value."
    )


def leaks(panel: Panel) -> list[str]:
    """Sentences on covariates that know what they cannot: the target itself, or what it will be.

    A covariate that is known in advance must not be the target; one of the past must not be the target of a later step.
    """
    warned: list[str] = []
    target = panel.target[:_LOOK]
    for role, values in (("future", panel.future), ("past", panel.past)):
        for place, name in enumerate(panel.columns.features(role)):  # type: ignore[arg-type]
            column = values[:_LOOK, place]
            ahead = {shift: _alike(column[: len(column) - shift], target[shift:]) for shift in range(1, 4)}
            worst = max(ahead, key=lambda shift: ahead[shift])
            now = _alike(column, target)
            if role == "future" and now > _TARGET_ITSELF:
                warned.append(f"Covariate '{name}', said to be known in advance, is the target itself.")
            elif ahead[worst] > _TARGET_ITSELF and now < ahead[worst] - 1e-6:
                warned.append(f"Covariate '{name}' is the target of {worst} steps later: it knows the future.")
    return warned


def seen_in_training(panel: Panel, origins: Whole, trained: dict[str, int]) -> str:
    """A sentence where forecasts from ``origins`` (rows) lie within what a model was trained on, else ``""``.

    ``trained`` has the last step of the training of each series by name.
    """
    first = panel.first + origins
    seen = [name for name, step in zip(panel.ids, first, strict=True) if step <= trained.get(name, -(2**62))]
    if not seen:
        return ""
    return (
        f"{len(seen)} of {len(panel)} series are forecast where the model was trained ({', '.join(seen[:3])}"
        f"{', ...' if len(seen) > 3 else ''}): these errors say nothing of the future."
    )


def _alike(one: Floats, other: Floats) -> float:
    """The correlation of what is known of both; 0 where one never changes."""
    known = ~(np.isnan(one) | np.isnan(other))
    if known.sum() < 10 or np.ptp(one[known]) == 0 or np.ptp(other[known]) == 0:
        return 0.0
    return float(np.corrcoef(one[known], other[known])[0, 1])


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
