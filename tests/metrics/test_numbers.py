from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from elman.errors import DataError
from elman.metrics import mae, numbers, r2, rmse
from tolerances import ROUNDING

RNG = np.random.default_rng(0)


def test_errors_are_those_of_scikit_learn() -> None:
    truth, given = RNG.normal(size=(50, 2)), RNG.normal(size=(50, 2))
    expected = reference.mean_squared_error(truth, given, multioutput="raw_values") ** 0.5
    np.testing.assert_allclose(rmse(truth, given), expected, rtol=ROUNDING)
    expected = reference.mean_absolute_error(truth, given, multioutput="raw_values")
    np.testing.assert_allclose(mae(truth, given), expected, rtol=ROUNDING)
    expected = reference.r2_score(truth, given, multioutput="raw_values")
    np.testing.assert_allclose(r2(truth, given), expected, rtol=1e-9)


def test_a_constant_cannot_be_explained() -> None:
    assert np.isnan(r2(np.ones((3, 1)), np.zeros((3, 1)))).all()


def test_the_error_lies_within_its_interval() -> None:
    truth = RNG.normal(size=(300, 1))
    given = truth + RNG.normal(0, 0.5, truth.shape)
    low, high = numbers.rmse_interval(truth, given)
    assert low < float(rmse(truth, given)[0]) < high
    assert high - low < 0.12


def test_as_many_numbers() -> None:
    with pytest.raises(DataError, match=r"found \(2, 1\) for \(3, 1\)"):
        rmse(np.zeros((3, 1)), np.zeros((2, 1)))
