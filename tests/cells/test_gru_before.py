from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, make
from tolerances import ROUNDING

OPS = NumpyOps()


def test_the_reset_gate_acts_before_the_product() -> None:
    """Two units, of which one is reset: the candidate sees the other one only."""
    weight_hh = np.zeros((6, 2))
    weight_hh[4:] = [[1.0, 2.0], [3.0, 4.0]]
    params = {"weight_ih": np.zeros((6, 1)), "weight_hh": weight_hh, "bias_ih": np.array([-1e3, 1e3, -1e3, -1e3, 0, 0])}
    hidden = make("gru_before", 1, 2).step(OPS, np.zeros(1), {"hidden": np.array([0.5, 0.1])}, params)["hidden"]
    assert hidden == pytest.approx(np.tanh([0.2, 0.4]), rel=ROUNDING)


def test_it_is_the_gru_where_the_reset_gate_is_open() -> None:
    rng = np.random.default_rng(0)
    weight_ih, weight_hh = rng.standard_normal((12, 3)), rng.standard_normal((12, 4))
    bias = np.concatenate([np.full(4, 1e3), rng.standard_normal(8)])
    params = {"weight_ih": weight_ih, "weight_hh": weight_hh, "bias_ih": bias}
    x, state = rng.standard_normal((2, 3)), {"hidden": rng.standard_normal((2, 4))}
    before = make("gru_before", 3, 4).step(OPS, x, state, params)["hidden"]
    after = make("gru", 3, 4).step(OPS, x, state, params)["hidden"]
    np.testing.assert_allclose(before, after, rtol=ROUNDING, atol=ROUNDING)
