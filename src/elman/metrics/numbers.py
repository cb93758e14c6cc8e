"""How close numbers come: errors of one or several at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.metrics.intervals import Floats, bootstrap


def rmse(truth: NDArray[Any], given: NDArray[Any]) -> Floats:
    """Root mean squared error of each column, (n, outputs) -> (outputs,), in the unit of the data.

    >>> rmse(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]])).round(3)
    array([1.414])
    """
    return np.asarray(np.sqrt((_checked(truth, given) ** 2).mean(0)))


def mae(truth: NDArray[Any], given: NDArray[Any]) -> Floats:
    """Mean absolute error of each column, (outputs,), in the unit of the data.

    >>> mae(np.array([[1.0], [2.0]]), np.array([[1.0], [4.0]]))
    array([1.])
    """
    return np.asarray(np.abs(_checked(truth, given)).mean(0))


def r2(truth: NDArray[Any], given: NDArray[Any]) -> Floats:
    """The share of the variance that is explained, of each column, (outputs,): 1 is exact, 0 as good as the mean.

    NaN where a column of the truth is constant.

    >>> r2(np.array([[1.0], [2.0], [3.0]]), np.array([[1.0], [2.0], [3.0]]))
    array([1.])
    """
    squares = (_checked(truth, given) ** 2).sum(0)
    spread = ((truth - truth.mean(0)) ** 2).sum(0)
    return np.asarray(np.divide(spread - squares, spread, out=np.full(len(spread), np.nan), where=spread > 0))


def rmse_interval(truth: NDArray[Any], given: NDArray[Any]) -> tuple[float, float]:
    """The 95% interval of the mean of the columns' root mean squared errors."""
    squares = _checked(truth, given) ** 2
    rows = np.concatenate([squares, np.ones((len(squares), 1))], axis=1)
    return bootstrap(rows, lambda sums: np.sqrt(sums[:, :-1] / sums[:, -1:]).mean(1))


def _checked(truth: NDArray[Any], given: NDArray[Any]) -> Floats:
    if truth.ndim != 2 or truth.shape != given.shape or not len(truth):
        raise DataError(
            f"expected as many numbers as there are to compare with, (n, outputs), found {given.shape} for "
            f"{truth.shape}."
        )
    return np.asarray(given - truth, np.float64)
