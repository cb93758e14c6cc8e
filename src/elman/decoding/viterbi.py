"""The best sequence of labels by the Viterbi algorithm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError


def viterbi(
    scores: ArrayLike,
    transitions: ArrayLike,
    start: ArrayLike,
    end: ArrayLike,
    *,
    lengths: Sequence[int] | None = None,
) -> list[NDArray[np.int64]]:
    """The labels y that maximise start[y_1] + sum_t scores[t, y_t] + sum_t transitions[y_{t-1}, y_t] + end[y_T].

    Args:
        scores: Of every label at every step, (batch, time, labels).
        transitions: Of one label after another, (from, to).
        start: Of every label at the first step, (labels,).
        end: Of every label at the last step, (labels,).
        lengths: Steps of every row, from 1 to time; all when not given.

    Returns:
        For every row its labels, as many as it has steps. Of equally good ones the smaller label wins, at the last step
        first.

    Raises:
        DataError: A shape or a length does not fit, or a score is NaN.

    Source: Viterbi, IEEE Transactions on Information Theory 13, 1967.

    >>> never_twice = [[-9.0, 0.0], [0.0, -9.0]]
    >>> viterbi([[[1.0, 0.0], [1.0, 0.0], [2.0, 0.0]]], never_twice, [0, 0], [0, 0])
    [array([0, 1, 0])]
    """
    values = [np.asarray(value, np.float64) for value in (scores, transitions, start, end)]
    labels = values[0].shape[-1] if values[0].ndim else 0
    expected = [(*values[0].shape[:2], labels), (labels, labels), (labels,), (labels,)]
    if values[0].ndim != 3 or [value.shape for value in values] != expected:
        raise DataError(
            "viterbi takes scores (batch, time, labels), transitions (labels, labels), start and end (labels,), found "
            f"the shapes {', '.join(str(value.shape) for value in values)}."
        )
    batch, time = values[0].shape[:2]
    steps = [time] * batch if lengths is None else list(lengths)
    if len(steps) != batch or not all(1 <= length <= time for length in steps):
        raise DataError(f"lengths must be {batch} whole numbers from 1 to {time}, found {steps}.")
    return [_best(row[:length], *values[1:]) for row, length in zip(values[0], steps, strict=True)]


def _best(
    scores: NDArray[np.float64],
    transitions: NDArray[np.float64],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The best labels of one row, scores (time, labels)."""
    if np.isnan(scores).any():
        raise DataError("expected scores to choose from, found NaN. The weights may be damaged.")
    before = np.zeros(scores.shape, np.int64)
    best = start + scores[0]
    for t in range(1, len(scores)):
        each = best[:, None] + transitions
        before[t] = each.argmax(0)
        best = each.max(0) + scores[t]
    labels = np.empty(len(scores), np.int64)
    labels[-1] = (best + end).argmax()
    for t in range(len(scores) - 1, 0, -1):
        labels[t - 1] = before[t, labels[t]]
    return labels
