"""How good forecasts are: errors free of scale, and whether intervals hold the truth as often as they say.

Truth and forecast are (series, horizon); NaN in the truth, where nothing was measured, counts nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import ArrayError
from elman.metrics.intervals import Floats


def squared_error(truth: NDArray[Any], point: NDArray[Any]) -> float:
    """MSE, the mean squared error.

    >>> squared_error(np.array([[1.0, np.nan]]), np.array([[3.0, 9.0]]))
    4.0
    """
    return _mean(_errors(truth, point) ** 2)


def absolute_error(truth: NDArray[Any], point: NDArray[Any]) -> float:
    """MAE, the mean absolute error.

    >>> absolute_error(np.array([[1.0, 2.0]]), np.array([[3.0, 1.0]]))
    1.5
    """
    return _mean(np.abs(_errors(truth, point)))


def smape(truth: NDArray[Any], point: NDArray[Any]) -> float:
    """Symmetric mean absolute percentage error, from 0 to 200, as in the M4 competition.

        200 |y - f| / (|y| + |f|), and 0 where both are 0, averaged within each series, then over series

    Source: Makridakis, Spiliotis & Assimakopoulos, "The M4 competition", International Journal of Forecasting 36, 2020.

    >>> round(smape(np.array([[100.0, 100.0]]), np.array([[110.0, 100.0]])), 4)
    4.7619
    """
    error, size = np.abs(_errors(truth, point)), np.abs(truth) + np.abs(point)
    return _mean(_of_series(200 * np.divide(error, size, out=np.zeros_like(error), where=~(size <= 0))))


def mase(truth: NDArray[Any], point: NDArray[Any], histories: Sequence[NDArray[Any]], season: int) -> tuple[float, int]:
    """Mean absolute scaled error, and the number of series that it leaves out.

        mean |y - f| / mean of |x_t - x_(t - m)| over the history x of the series

    the error in units of that of a seasonal naive forecast of one step within the history; 1 is as good. A series whose
    history never changes from season to season, or is no longer than one, has no such unit and is left out.

    Args:
        truth: (series, horizon).
        point: The forecast, likewise.
        histories: What was known before each forecast, (time,) each; NaN where nothing was measured.
        season: m, the steps of a season, 1 for none.

    Source: Hyndman & Koehler, "Another look at measures of forecast accuracy", Int. J. of Forecasting 22, 2006.

    >>> mase(np.array([[6.0, 8.0]]), np.array([[5.0, 5.0]]), [np.array([1.0, 2.0, 4.0, 5.0])], season=1)
    (1.5, 0)
    """
    return scaled_error(truth, point, np.array([seasonal_change(history, season) for history in histories]))


def scaled_error(truth: NDArray[Any], point: NDArray[Any], units: NDArray[Any]) -> tuple[float, int]:
    """`mase` where the unit of each series, its `seasonal_change`, is known already, (series,)."""
    if len(units) != len(truth):
        raise ArrayError(f"expected the history of each of {len(truth)} series, found {len(units)}.")
    error = _of_series(np.abs(_errors(truth, point)))
    counted = (units > 0) & ~np.isnan(error)
    return _mean(error[counted] / units[counted]), int((~(units > 0)).sum())


def seasonal_change(history: NDArray[Any], season: int) -> float:
    """Mean of |x_t - x_(t - m)| over a history (time,); NaN where no two such steps were measured.

    >>> seasonal_change(np.array([1.0, 2.0, 4.0, 8.0]), 2)
    4.5
    """
    changes = np.abs(history[season:] - history[:-season])
    return _mean(changes)


def rse(truth: NDArray[Any], point: NDArray[Any]) -> float:
    """Root relative squared error: that of the forecast over that of the mean of the truth.

        sqrt(sum (y - f)^2 / sum (y - mean y)^2)

    over all numbers at once, as Lai et al., "Modeling long- and short-term temporal patterns with deep neural networks"
    (SIGIR 2018), score the exchange rates.

    >>> rse(np.array([[0.0, 2.0]]), np.array([[0.0, 1.0]])).__round__(4)
    0.7071
    """
    errors = _errors(truth, point)
    spread = np.nansum((truth - np.nanmean(truth)) ** 2)
    return float(np.sqrt(np.nansum(errors**2) / spread)) if spread > 0 else float("nan")


def pinball(truth: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]) -> Floats:
    """The loss that quantiles minimise, (series, horizon, levels); NaN where the truth is.

        q (y - f) where y >= f, else (1 - q) (f - y)

    Source: Koenker & Bassett, "Regression quantiles", Econometrica 46, 1978.

    >>> pinball(np.array([[3.0]]), np.array([[[1.0, 4.0]]]), (0.1, 0.9)).round(2).tolist()
    [[[0.2, 0.1]]]
    """
    if quantiles.shape != (*truth.shape, len(levels)):
        raise ArrayError(f"expected quantiles {(*truth.shape, len(levels))}, found {quantiles.shape}.")
    above = truth[..., None] - quantiles
    level = np.asarray(levels, np.float64)
    return np.asarray(np.maximum(level * above, (level - 1) * above))


def crps(truth: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]) -> float:
    """Continuous ranked probability score of some quantiles: twice the pinball loss, averaged over all levels 0 to 1.

    Between two levels the loss is taken as linear, and outside the first and last as falling to 0 at 0 and 1. It is in
    the unit of the data; for one quantile, the median, it is close to the absolute error.

    Source: Gneiting & Raftery, "Strictly proper scoring rules, prediction, and estimation", JASA 102, 2007.

    >>> round(crps(np.array([[1.0]]), np.array([[[0.0, 0.0, 0.0]]]), (0.25, 0.5, 0.75)), 4)
    0.75
    """
    level = np.concatenate([[0.0], levels, [1.0]])
    weights = (level[2:] - level[:-2]) / 2
    return _mean(2 * (pinball(truth, quantiles, levels) * weights).sum(-1))


def crps_of_paths(truth: NDArray[Any], paths: NDArray[Any]) -> float:
    """Continuous ranked probability score of sampled paths (series, paths, horizon), each step by itself.

        mean |x - y| - 1/2 mean |x - x'|,   x and x' two of n samples, with n (n - 1) pairs, so without bias

    Source: Gneiting & Raftery 2007, equation 21.

    >>> crps_of_paths(np.array([[1.0]]), np.array([[[0.0], [2.0]]]))
    0.0
    """
    count = paths.shape[1]
    if paths.shape[::2] != truth.shape or count < 2:
        raise ArrayError(f"expected two paths or more (series, paths, horizon) for {truth.shape}, found {paths.shape}.")
    near = np.abs(paths - truth[:, None]).mean(1)
    ordered = np.sort(paths, axis=1)
    ranks = (2 * np.arange(1, count + 1) - count - 1)[:, None]
    apart = (ordered * ranks).sum(1) / (count * (count - 1))
    return _mean(near - apart)


def coverage(truth: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> float:
    """The share of what was measured that lies within intervals, ends included.

    >>> coverage(np.array([[1.0, 5.0, np.nan]]), np.zeros((1, 3)), np.full((1, 3), 2.0))
    0.5
    """
    inside = (truth >= low) & (truth <= high)
    return _mean(np.where(np.isnan(truth), np.nan, inside))


def width(low: NDArray[Any], high: NDArray[Any]) -> float:
    """Mean width of intervals, in the unit of the data: of two that cover alike the narrower says more."""
    return _mean(high - low)


def _errors(truth: NDArray[Any], point: NDArray[Any]) -> Floats:
    if truth.ndim != 2 or truth.shape != point.shape:
        raise ArrayError(f"expected truth and forecast (series, horizon), found {truth.shape} and {point.shape}.")
    return np.asarray(point - truth, np.float64)


def _of_series(values: Floats) -> Floats:
    """The mean of each row over what is known, (series,); NaN where nothing is."""
    known = ~np.isnan(values)
    often = known.sum(1)
    sums = np.where(known, values, 0.0).sum(1)
    return np.asarray(np.divide(sums, often, out=np.full(len(values), np.nan), where=often > 0))


def _mean(values: NDArray[Any]) -> float:
    known = ~np.isnan(values)
    return float(values[known].mean()) if known.any() else float("nan")
