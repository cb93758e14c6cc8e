"""Distributions of numbers as networks of forecasts tell them, in NumPy: quantiles, means and draws.

`elman.nn.heads.distributions.DistributionHead` says what the numbers mean; here they are (..., numbers) arrays, and
what comes out is in units of the window too. Quantiles and draws take the scale of the window for counts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

#: As in `elman.nn.heads.distributions`.
SMALLEST_SCALE, LEAST_FREEDOM = 1e-3, 2.0

#: The smallest mean and excess of a count.
SMALLEST_MEAN, SMALLEST_EXCESS = 1e-8, 1e-6


def quantiles(distribution: str, told: Array, levels: Sequence[float], scale: NDArray[Any] | float = 1.0) -> Array:
    """Quantiles (..., levels) of what is told (..., numbers); ``scale`` broadcasts against (...).

    >>> quantiles("normal", np.array([1.0, 0.0], np.float32), [0.5]).round(3)
    array([1.], dtype=float32)
    """
    from scipy import special, stats

    wanted = np.asarray(levels)
    if distribution == "negative-binomial":
        size, (mean, excess) = np.asarray(scale), _counts(told, scale)
        chance = 1 / (1 + excess * mean)
        found = stats.nbinom.ppf(wanted, 1 / excess[..., None], chance[..., None]) / size[..., None]
    else:
        z = (
            special.ndtri(wanted)
            if distribution == "normal"
            else special.stdtrit(_freedom(told)[..., None].astype(np.float64), wanted)
        )
        found = told[..., :1] + _deviation(told)[..., None] * z
    return np.asarray(found, np.float32)


def mean(distribution: str, told: Array, scale: NDArray[Any] | float = 1.0) -> Array:
    """The mean (...) of what is told."""
    if distribution == "negative-binomial":
        return np.asarray(_counts(told, scale)[0] / scale, np.float32)
    return told[..., 0]


def draw(distribution: str, told: Array, rng: np.random.Generator, scale: NDArray[Any] | float = 1.0) -> Array:
    """One value (...) of each."""
    if distribution == "negative-binomial":
        average, excess = _counts(told, scale)
        drawn = rng.poisson(rng.standard_gamma(1 / excess) * (excess * average))
        return np.asarray(drawn / scale, np.float32)
    z = rng.standard_normal(told.shape[:-1], np.float32)
    if distribution == "student-t":
        freedom = _freedom(told)
        z /= np.sqrt(rng.standard_gamma(freedom / 2, dtype=np.float32) * 2 / freedom)
    return told[..., 0] + _deviation(told) * z


def mean_of_quantiles(found: NDArray[Any], levels: Sequence[float]) -> NDArray[Any]:
    """The mean (...) of a distribution of which quantiles (..., levels) are known: the area under them.

    Between two levels quantiles are taken as a straight line, beyond the outermost as level.

    >>> round(float(mean_of_quantiles(np.array([1.0, 2.0, 6.0]), [0.1, 0.5, 0.9])), 6)
    2.9
    """
    edges = np.concatenate([[0.0], (np.array(levels[1:]) + np.array(levels[:-1])) / 2, [1.0]])
    return np.asarray(found @ np.diff(edges))


def _deviation(told: Array) -> Array:
    return np.asarray(np.logaddexp(np.float32(0), told[..., 1]) + np.float32(SMALLEST_SCALE), np.float32)


def _freedom(told: Array) -> Array:
    return np.asarray(LEAST_FREEDOM + np.logaddexp(np.float32(0), told[..., 2]), np.float32)


def _counts(told: Array, scale: NDArray[Any] | float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and excess of counts."""
    size = np.asarray(scale, np.float64)
    average = np.logaddexp(0, told[..., 0].astype(np.float64)) * size
    excess = np.logaddexp(0, told[..., 1].astype(np.float64)) / np.sqrt(size)
    return np.maximum(average, SMALLEST_MEAN), np.maximum(excess, SMALLEST_EXCESS)
