from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import ArrayError
from elman.metrics.forecast import (
    absolute_error,
    coverage,
    crps,
    crps_of_paths,
    mase,
    pinball,
    rse,
    seasonal_change,
    smape,
    squared_error,
    width,
)
from tolerances import ROUNDING, SAMPLING

nan = float("nan")
TRUTH = np.array([[10.0, 20.0], [5.0, nan]])
POINT = np.array([[12.0, 16.0], [5.0, 99.0]])


def test_errors_leave_out_what_was_not_measured() -> None:
    assert squared_error(TRUTH, POINT) == pytest.approx((4 + 16 + 0) / 3)
    assert absolute_error(TRUTH, POINT) == pytest.approx((2 + 4 + 0) / 3)


def test_smape_is_a_mean_over_series() -> None:
    first = 200 * (2 / 22 + 4 / 36) / 2
    assert smape(TRUTH, POINT) == pytest.approx(first / 2)
    assert smape(np.zeros((1, 1)), np.zeros((1, 1))) == 0
    assert smape(np.zeros((1, 1)), np.ones((1, 1))) == 200


def test_mase_is_in_units_of_the_history_of_each_series() -> None:
    histories = [np.array([1.0, 2.0, 3.0, 5.0]), np.array([0.0, 4.0, 0.0, 4.0])]
    # Season 2: |3-1|, |5-2| -> 2.5 and 0: the second history has no unit.
    assert seasonal_change(histories[0], 2) == 2.5
    assert mase(TRUTH, POINT, histories, 2) == (pytest.approx(3 / 2.5), 1)
    assert mase(TRUTH, POINT, histories, 1) == (pytest.approx((3 / (4 / 3) + 0) / 2), 0)


def test_a_history_shorter_than_a_season_has_no_unit() -> None:
    assert np.isnan(mase(TRUTH[:1], POINT[:1], [np.array([1.0])], 12)[0])
    with pytest.raises(ArrayError, match="each of 2 series"):
        mase(TRUTH, POINT, [], 1)


def test_rse_of_the_mean_is_one() -> None:
    truth = np.array([[1.0, 2.0, 3.0]])
    assert rse(truth, np.full((1, 3), 2.0)) == pytest.approx(1)
    assert rse(truth, np.array([[2.0, 2.0, 3.0]])) == pytest.approx(np.sqrt(1 / 2))
    assert np.isnan(rse(np.ones((1, 2)), np.ones((1, 2))))


def test_pinball_by_hand() -> None:
    # The truth 3 is 2 above the 0.1 quantile 1, and 1 below the 0.9 quantile 4.
    losses = pinball(np.array([[3.0, nan]]), np.array([[[1.0, 4.0], [0.0, 0.0]]]), (0.1, 0.9))
    np.testing.assert_allclose(losses[0], [[0.2, 0.1], [nan, nan]])


def test_crps_of_many_quantiles_is_that_of_the_distribution() -> None:
    # The standard normal at its mean: 2 phi(0) - 1 / sqrt(pi).
    from scipy.stats import norm

    levels = tuple((np.arange(200) + 0.5) / 200)
    exact = 2 * norm.pdf(0) - 1 / np.sqrt(np.pi)
    assert crps(np.zeros((1, 1)), norm.ppf(levels)[None, None], levels) == pytest.approx(exact, rel=0.01)
    paths = np.random.default_rng(0).normal(size=(1, 4000, 1))
    assert crps_of_paths(np.zeros((1, 1)), paths) == pytest.approx(exact, rel=SAMPLING)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6), st.floats(-5, 5))
def test_crps_of_paths_is_that_of_all_pairs(samples: list[float], truth: float) -> None:
    pairs = [abs(a - b) for i, a in enumerate(samples) for j, b in enumerate(samples) if i != j]
    expected = np.mean([abs(a - truth) for a in samples]) - np.mean(pairs) / 2
    found = crps_of_paths(np.array([[truth]]), np.array(samples)[None, :, None])
    assert found == pytest.approx(expected, abs=ROUNDING)


def test_coverage_counts_the_ends() -> None:
    low, high = np.zeros((2, 2)), np.full((2, 2), 10.0)
    assert coverage(TRUTH, low, high) == pytest.approx(2 / 3)
    assert width(low, high) == 10


def test_shapes_must_agree() -> None:
    with pytest.raises(ArrayError, match=r"\(2, 2\) and \(2, 1\)"):
        squared_error(TRUTH, POINT[:, :1])
    with pytest.raises(ArrayError, match=r"\(2, 2, 1\)"):
        pinball(TRUTH, POINT[..., None], (0.1, 0.9))
    with pytest.raises(ArrayError, match="two paths"):
        crps_of_paths(TRUTH, np.zeros((2, 1, 2)))
