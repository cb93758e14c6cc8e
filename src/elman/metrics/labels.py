"""How well labels are given: one per sequence, several, or one at every step.

Labels are numbers from 0; a truth of -1 is a label that the model has never seen: whatever is given there is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.metrics.intervals import Floats, bootstrap

Ints = NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Counts:
    """How often each label was given where it belongs, given where it does not, and missed: (..., labels) each.

    >>> counts = Counts.of_classes(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), labels=2)
    >>> counts.precision.round(3), counts.recall, counts.f1.round(3)
    (array([1.   , 0.667]), array([0.5, 1. ]), array([0.667, 0.8  ]))
    """

    hits: Floats
    false_alarms: Floats
    misses: Floats

    @classmethod
    def of_classes(cls, truth: Ints, given: Ints, labels: int) -> Counts:
        """From one label each, (n,)."""
        right = truth == given
        return cls(
            np.bincount(given[right], minlength=labels).astype(np.float64),
            np.bincount(given[~right], minlength=labels).astype(np.float64),
            np.bincount(truth[~right & (truth >= 0)], minlength=labels).astype(np.float64),
        )

    @classmethod
    def of_sets(cls, truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> Counts:
        """From several labels each, (n, labels)."""
        return cls.of_each_set(truth, given).summed()

    @classmethod
    def of_each_set(cls, truth: NDArray[np.bool_], given: NDArray[np.bool_]) -> Counts:
        """As `of_sets`, for each sequence by itself, (n, labels)."""
        parts = (truth & given, ~truth & given, truth & ~given)
        return cls(*(part.astype(np.float64) for part in parts))

    def summed(self) -> Counts:
        """Over all sequences."""
        return Counts(self.hits.sum(0), self.false_alarms.sum(0), self.misses.sum(0))

    @property
    def support(self) -> Ints:
        """How often each label belongs."""
        return (self.hits + self.misses).astype(np.int64)

    @property
    def precision(self) -> Floats:
        """Hits / given: how often a label is right where it is given; 0 where it never is."""
        return _share(self.hits, self.hits + self.false_alarms)

    @property
    def recall(self) -> Floats:
        """Hits / belonging: how often a label is given where it belongs; 0 where it never does."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> Floats:
        """The harmonic mean of precision and recall, 2 hits / (2 hits + false alarms + misses)."""
        return _share(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)

    @property
    def macro_f1(self) -> Any:
        """The mean of the F1 of the labels that occur, in truth or as given: each counts the same."""
        occurs = self.hits + self.false_alarms + self.misses > 0
        return _share((self.f1 * occurs).sum(-1), occurs.sum(-1).astype(np.float64))

    @property
    def micro_f1(self) -> Any:
        """F1 of all labels together: each occurrence counts the same."""
        together = Counts(self.hits.sum(-1), self.false_alarms.sum(-1), self.misses.sum(-1))
        return together.f1


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)


def accuracy(truth: Ints, given: Ints) -> float:
    """The share of labels that are right; raises `DataError` for none.

    >>> accuracy(np.array([0, 1, -1]), np.array([0, 0, 1])) == 1 / 3
    True
    """
    if not len(truth):
        raise DataError("expected at least one label to score, found 0.")
    return float((truth == given).mean())


def confusion(truth: Ints, given: Ints, labels: int) -> Ints:
    """How often label i (row) was given as label j (column), (labels, labels); labels never seen are left out.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), labels=2).tolist()
    [[1, 1], [0, 1]]
    """
    known = truth >= 0
    return np.bincount(truth[known] * labels + given[known], minlength=labels**2).reshape(labels, labels)


def matthews(matrix: NDArray[Any]) -> float:
    """The Matthews correlation of a confusion matrix: 1 where all is right, 0 where it is as good as chance.

        (c s - sum_k p_k t_k) / sqrt((s^2 - sum_k p_k^2) (s^2 - sum_k t_k^2))

    with c right of s, label k given p_k times and true t_k times; 0 where one label alone is given or true.

    Source: Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.

    >>> matthews(np.array([[3, 1], [1, 3]]))
    0.5
    """
    counts = matrix.astype(np.float64)
    given, true, total = counts.sum(0), counts.sum(1), counts.sum()
    spread = (total**2 - (given**2).sum()) * (total**2 - (true**2).sum())
    return float((np.trace(counts) * total - given @ true) / np.sqrt(spread)) if spread > 0 else 0.0


def macro_f1_interval(truth: Ints, given: Ints, labels: int) -> tuple[float, float]:
    """The 95% interval of the macro-F1 of one label each."""
    # Sequences with the same pair of labels are alike: as many rows as pairs occur.
    pairs, counts = np.unique(np.stack([truth, given]), axis=1, return_counts=True)
    each = [Counts.of_classes(pairs[0, [i]], pairs[1, [i]], labels) for i in range(pairs.shape[1])]
    rows = np.stack([np.concatenate([row.hits, row.false_alarms, row.misses]) for row in each])
    return bootstrap(rows, lambda sums: _counts_of(sums).macro_f1, counts=counts)


def f1_interval(each: Counts, average: str) -> tuple[float, float]:
    """The 95% interval of the ``macro`` or ``micro`` F1, from the counts of each sequence, (n, labels)."""
    rows = np.concatenate([each.hits, each.false_alarms, each.misses], axis=1)
    return bootstrap(rows, lambda sums: getattr(_counts_of(sums), f"{average}_f1"))


def _counts_of(sums: Floats) -> Counts:
    return Counts(*np.split(sums, 3, axis=-1))
