from __future__ import annotations

import numpy as np
import pytest

from cells.scans import parallel_scan, problem, sigmoid, step_by_step
from elman.cells import initialise, make
from tolerances import ROUNDING, SAMPLING

CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


@pytest.mark.parametrize("features", [3, 4])
@pytest.mark.parametrize("bias", [True, False])
def test_the_states_are_those_of_a_parallel_scan(features: int, bias: bool) -> None:
    cell = make("rg_lru", features, 4, bias=bias)
    params, inputs, first = problem(cell)
    weight = params["weight_ih"].reshape(-1, 4, features)
    b_a, b_x = params["bias_ih"].reshape(2, 4) if bias else np.zeros((2, 4))
    gate, write = sigmoid(inputs @ weight[0].T + b_a), sigmoid(inputs @ weight[1].T + b_x)
    value = inputs if features == 4 else inputs @ weight[2].T
    keep = sigmoid(params["decay"]) ** (8 * gate)
    expected = parallel_scan(keep, np.sqrt(1 - keep**2) * write * value, first["hidden"])
    np.testing.assert_allclose(step_by_step(cell, params, inputs, first)["hidden"], expected, **CLOSE)


def test_first_rates_are_those_of_the_paper() -> None:
    weights = initialise(make("rg_lru", 200, 1000), np.random.default_rng(0))
    kept = sigmoid(weights["decay"]) ** 8
    assert 0.9 <= kept.min() < kept.max() <= 0.999
    assert kept.mean() == pytest.approx((0.9 + 0.999) / 2, rel=SAMPLING)
    assert 200 * (weights["weight_ih"] ** 2).mean() == pytest.approx(1, rel=SAMPLING)


def test_a_known_memory_spreads_the_time_scales() -> None:
    decay = initialise(make("rg_lru", 2, 300), np.random.default_rng(0), memory=1000)["decay"]
    steps = -1 / (8 * np.log(sigmoid(decay)))
    assert 1 <= steps.min() < steps.max() <= 999
    assert steps.mean() == pytest.approx(500, rel=2 * SAMPLING)
