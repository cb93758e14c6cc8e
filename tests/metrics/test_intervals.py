from __future__ import annotations

import numpy as np
import pytest

from elman.errors import DataError
from elman.metrics import bootstrap, wilson


def test_a_published_interval() -> None:
    # Brown, Cai & DasGupta, "Interval estimation for a binomial proportion" (2001): 0 of 10 gives 0 to 0.2775.
    assert wilson(0, 10) == pytest.approx((0, 0.2775), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1), abs=1e-4)


def test_the_interval_holds_the_true_share_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    intervals = [wilson(int(right), 50) for right in rng.binomial(50, 0.8, 2000)]
    assert 0.92 < np.mean([low <= 0.8 <= high for low, high in intervals]) < 0.98


def test_the_bootstrap_of_a_mean_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    rows = np.column_stack([values, np.ones(400)])
    low, high = bootstrap(rows, lambda sums: sums[:, 0] / sums[:, 1])
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05)


def test_rows_that_stand_for_several_give_the_same() -> None:
    def share(sums: np.ndarray) -> np.ndarray:
        return sums[:, 0] / sums[:, 1]

    one_by_one = bootstrap(np.array([[1.0, 1]] * 60 + [[0.0, 1]] * 40), share)
    together = bootstrap(np.array([[1.0, 1], [0.0, 1]]), share, counts=np.array([60, 40]))
    assert together == pytest.approx(one_by_one, abs=0.02)


def test_nothing_to_score() -> None:
    with pytest.raises(DataError, match="at least one sequence"):
        wilson(0, 0)
    with pytest.raises(DataError, match="at least one sequence"):
        bootstrap(np.zeros((0, 2)), lambda sums: sums[:, 0])
