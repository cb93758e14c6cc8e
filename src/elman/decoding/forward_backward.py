"""The probability of every label at every step of a chain, by the forward-backward algorithm."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError


def marginals(scores: ArrayLike, transitions: ArrayLike, start: ArrayLike, end: ArrayLike) -> NDArray[np.float64]:
    """p(y_t = k), where p(y) is in proportion to exp of the score of y.

    The score is start[y_1] + sum_t scores[t, y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_T], as in
    `elman.decoding.viterbi.viterbi`, which finds the likeliest y as a whole.

    Args:
        scores: Of every label at every step, (time, labels).
        transitions: Of one label after another, (from, to).
        start: Of every label at the first step, (labels,).
        end: Of every label at the last step, (labels,).

    Returns:
        (time, labels); each step sums to 1.

    Raises:
        DataError: A shape does not fit.

    Source: Rabiner, "A tutorial on hidden Markov models", Proceedings of the IEEE 77, 1989, section III.

    >>> marginals([[0.0, 0.0], [0.0, np.log(3)]], np.zeros((2, 2)), [0, 0], [0, 0]).round(2).tolist()
    [[0.5, 0.5], [0.25, 0.75]]
    """
    at_steps, between, first, last = (np.asarray(value, np.float64) for value in (scores, transitions, start, end))
    labels = at_steps.shape[-1] if at_steps.ndim == 2 else 0
    if (between.shape, first.shape, last.shape) != ((labels, labels), (labels,), (labels,)):
        raise DataError(
            "marginals take scores (time, labels), transitions (labels, labels), start and end (labels,), found the "
            f"shapes {at_steps.shape}, {between.shape}, {first.shape} and {last.shape}."
        )
    before, after = np.empty(at_steps.shape), np.empty(at_steps.shape)
    for t in range(len(at_steps)):
        before[t] = at_steps[t] + (first if t == 0 else _log_sum(before[t - 1][:, None] + between, 0))
    for t in reversed(range(len(at_steps))):
        later = last if t == len(at_steps) - 1 else _log_sum(between + (at_steps[t + 1] + after[t + 1]), 1)
        after[t] = later
    together = before + after
    powers = np.exp(together - together.max(-1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def _log_sum(values: NDArray[Any], axis: int) -> NDArray[np.float64]:
    """Log sum exp along an axis."""
    largest = values.max(axis, keepdims=True)
    return np.asarray(np.log(np.exp(values - largest).sum(axis)) + largest.squeeze(axis))
