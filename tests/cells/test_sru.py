from __future__ import annotations

import numpy as np
import pytest

from cells.scans import problem, sigmoid, step_by_step
from elman.cells import initialise, make
from tolerances import ROUNDING, SAMPLING

CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


@pytest.mark.parametrize("features", [3, 4])
@pytest.mark.parametrize("bias", [True, False])
def test_the_equations_of_the_paper(features: int, bias: bool) -> None:
    """Unit by unit, with the input itself on the highway where it has as many features as there are units."""
    cell = make("sru", features, 4, bias=bias)
    params, inputs, first = problem(cell)
    weight = params["weight_ih"].reshape(-1, 4, features)
    v_f, v_r = params["weight_ch"].reshape(2, 4)
    b_f, b_r = params["bias_ih"].reshape(2, 4) if bias else np.zeros((2, 4))
    found = step_by_step(cell, params, inputs, first)
    for unit in range(4):
        c = first["cell"][:, unit]
        for t, x in enumerate(inputs):
            f = sigmoid(x @ weight[1, unit] + v_f[unit] * c + b_f[unit])
            r = sigmoid(x @ weight[2, unit] + v_r[unit] * c + b_r[unit])
            c = f * c + (1 - f) * (x @ weight[0, unit])
            past = np.sqrt(1 + 2 * np.exp(0)) * x[:, unit] if features == 4 else x @ weight[3, unit]
            np.testing.assert_allclose(found["cell"][t, :, unit], c, **CLOSE)
            np.testing.assert_allclose(found["hidden"][t, :, unit], r * c + (1 - r) * past, **CLOSE)


@pytest.mark.parametrize("features", [300, 400])
def test_first_weights_keep_the_variance(features: int) -> None:
    """Of a product that of its input, of each share of a gate a half; three times as much on a highway of its own."""
    weights = initialise(make("sru", features, 400), np.random.default_rng(0))
    blocks = weights["weight_ih"].reshape(-1, 400, features)
    variances = features * (blocks**2).mean((1, 2))
    np.testing.assert_allclose(variances, [1, 0.5, 0.5, 3][: len(blocks)], rtol=SAMPLING)
    np.testing.assert_allclose((weights["weight_ch"] ** 2).mean(), 0.5, rtol=2 * SAMPLING)
    assert not weights["bias_ih"].any()


def test_a_known_memory_sets_the_bias_of_the_forget_gate() -> None:
    forget, reset = initialise(make("sru", 3, 50), np.random.default_rng(0), memory=100)["bias_ih"].reshape(2, 50)
    assert forget.min() >= 0
    assert forget.max() <= np.log(99)
    assert not reset.any()
