from __future__ import annotations

import numpy as np
import pytest

from elman.errors import ArrayError, DataError
from elman.metrics.conformal import FEWEST_OF_A_STEP, Conformal
from elman.metrics.forecast import coverage

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
RNG = np.random.default_rng(0)


def drawn(count: int, horizon: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Truths that spread with the step ahead and to the right, and quantiles that know nothing of it."""
    spread = np.arange(1, horizon + 1)
    truth = RNG.gamma(2.0, size=(count, horizon)) * spread
    return truth, np.tile(np.array([1.5, 1.8, 2.0, 2.2, 2.5]), (count, horizon, 1))


def test_intervals_hold_what_they_say_after_it() -> None:
    conformal = Conformal.fit(*drawn(1000), LEVELS)
    truth, quantiles = drawn(1000)
    found = conformal(quantiles)
    assert conformal.stretch.shape == (3, 5)
    for step in range(3):
        for low, high, share in ((0, 4, 0.8), (1, 3, 0.5)):
            held = coverage(truth[:, [step]], found[:, [step], low], found[:, [step], high])
            assert held == pytest.approx(share, abs=0.06)


def test_the_median_is_in_the_middle_and_quantiles_rise() -> None:
    conformal = Conformal.fit(*drawn(1000), LEVELS)
    truth, quantiles = drawn(1000)
    found = conformal(quantiles)
    assert np.mean(truth < found[..., 2]) == pytest.approx(0.5, abs=0.05)
    assert (np.diff(found, axis=-1) >= 0).all()


def test_few_held_out_numbers_make_all_steps_alike() -> None:
    conformal = Conformal.fit(*drawn(FEWEST_OF_A_STEP - 1), LEVELS)
    assert len(conformal.stretch) == 1
    assert conformal(np.zeros((2, 7, 5))).shape == (2, 7, 5)


def test_by_hand_with_one_more_than_there_is() -> None:
    # Nine truths 1..9 around 5, at distance 1: the 0.9 quantile is the ceil(0.9 * 10) = 9th of them, 9.
    truth = np.arange(1.0, 10.0)[:, None]
    conformal = Conformal.fit(truth, np.tile([-1.0, 0.0, 1.0], (9, 1, 1)), (0.1, 0.5, 0.9))
    assert conformal.shift.tolist() == [2.5]
    assert conformal.stretch.tolist() == [[4.0, 1.0, 4.0]]
    assert conformal(np.array([[[-2.0, 0.0, 2.0]]])).tolist() == [[[2.0, 10.0, 18.0]]]
    assert "4.00 times as wide" in conformal.describe()


def test_good_intervals_stay() -> None:
    truth = RNG.normal(size=(4000, 1))
    quantiles = np.tile([-1.2816, 0.0, 1.2816], (4000, 1, 1))
    assert "leaves them" in Conformal.fit(truth, quantiles, (0.1, 0.5, 0.9)).describe()


def test_unknown_truths_count_nowhere() -> None:
    truth, quantiles = drawn(300)
    gappy = np.concatenate([truth, np.full((50, 3), np.nan)])
    np.testing.assert_array_equal(
        Conformal.fit(gappy, np.concatenate([quantiles, quantiles[:50]]), LEVELS).stretch,
        Conformal.fit(truth, quantiles, LEVELS).stretch,
    )


def test_it_is_kept() -> None:
    conformal = Conformal.fit(*drawn(300), LEVELS)
    again = Conformal.from_config(conformal.to_config())
    np.testing.assert_array_equal(again.stretch, conformal.stretch)
    with pytest.raises(DataError, match="calibrated"):
        Conformal.from_config({"levels": [0.5]})


def test_what_cannot_be_learnt_from() -> None:
    truth, quantiles = drawn(10)
    with pytest.raises(ArrayError, match="median"):
        Conformal.fit(truth, quantiles[..., :2], (0.1, 0.9))
    with pytest.raises(ArrayError, match="found none"):
        Conformal.fit(np.full_like(truth, np.nan), quantiles, LEVELS)
