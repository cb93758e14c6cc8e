from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps, initialise, make
from tolerances import ROUNDING


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_a_step_of_the_paper() -> None:
    """The gates i and f see the old cell state, o the new one."""
    cell = make("lstm_peephole", 3, 5)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    x, hidden, before = rng.standard_normal(3), rng.standard_normal(5), rng.standard_normal(5)
    net = params["weight_ih"] @ x + params["weight_hh"] @ hidden + params["bias_ih"] + params["bias_hh"]
    net_i, net_f, net_g, net_o = net.reshape(4, 5)
    p_i, p_f, p_o = params["peephole"].reshape(3, 5)
    after = sigmoid(net_f + p_f * before) * before + sigmoid(net_i + p_i * before) * np.tanh(net_g)
    found = cell.step(NumpyOps(), x, {"hidden": hidden, "cell": before}, params)
    np.testing.assert_allclose(found["cell"], after, rtol=ROUNDING, atol=ROUNDING)
    expected = sigmoid(net_o + p_o * after) * np.tanh(after)
    np.testing.assert_allclose(found["hidden"], expected, rtol=ROUNDING, atol=ROUNDING)


def test_a_fresh_one_is_the_lstm() -> None:
    cell, plain = make("lstm_peephole", 3, 5), make("lstm", 3, 5)
    rng = np.random.default_rng(0)
    params = initialise(cell, rng)
    state = {name: rng.standard_normal((2, 5)) for name in ("hidden", "cell")}
    x = rng.standard_normal((2, 3))
    found, expected = (each.step(NumpyOps(), x, state, params) for each in (cell, plain))
    assert all((found[name] == expected[name]).all() for name in expected)
