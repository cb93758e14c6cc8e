from __future__ import annotations

import numpy as np
import pytest

from elman.errors import DataError
from elman.metrics import reliability, temperature
from elman.metrics.calibration import COLDEST

RNG = np.random.default_rng(0)


def test_a_hand_worked_diagram() -> None:
    found = reliability(np.array([0.25, 0.25, 0.75, 1.0]), np.array([0, 1, 1, 1]), bins=2)
    assert found.counts.tolist() == [2, 2]
    assert found.right.tolist() == [0.5, 1.0]
    assert found.error == pytest.approx((2 * 0.25 + 2 * 0.125) / 4)
    assert found.intervals[1] == pytest.approx((0.3424, 1), abs=1e-3)


def test_empty_ranges_are_nan_and_do_not_count() -> None:
    found = reliability(np.array([0.95]), np.array([1]))
    assert np.isnan(found.right[:9]).all()
    assert np.isnan(found.intervals[:9]).all()
    assert found.error == pytest.approx(0.05)


@pytest.mark.parametrize("true", [0.5, 1.0, 2.5])
def test_the_temperature_of_labels_drawn_with_one_is_found(true: float) -> None:
    scores = RNG.normal(0, 2, (20_000, 4))
    drawn = (scores / true + RNG.gumbel(size=scores.shape)).argmax(1)
    assert temperature(scores, drawn) == pytest.approx(true, rel=0.05)


def test_the_temperature_of_a_sigmoid() -> None:
    scores = RNG.normal(0, 3, (5000, 3))
    truth = RNG.random(scores.shape) < 1 / (1 + np.exp(-scores / 2))
    assert temperature(scores, truth, "sigmoid") == pytest.approx(2, rel=0.1)


def test_a_model_that_is_always_right_is_not_made_infinitely_sure() -> None:
    found = temperature(np.array([[3.0, 0.0], [0.0, 3.0]] * 10), np.array([0, 1] * 10))
    assert found > COLDEST
    assert 0.8 < 1 / (1 + np.exp(-3 / found)) < 0.97  # 21 of 22


def test_unknown_labels_are_left_out() -> None:
    scores = np.array([[3.0, 0.0], [0.0, 3.0], [0.0, 9.0]])
    assert temperature(scores, np.array([0, 1, -1])) == temperature(scores[:2], np.array([0, 1]))
    assert temperature(scores, np.array([-1, -1, -1])) == 1


def test_nothing_to_compare() -> None:
    with pytest.raises(DataError, match="at least one probability"):
        reliability(np.zeros(0), np.zeros(0))
