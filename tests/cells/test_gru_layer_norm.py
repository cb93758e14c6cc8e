from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps, make
from tolerances import ROUNDING

OPS = NumpyOps()


def test_it_is_the_gru_on_products_that_are_normal_already() -> None:
    """Without input, weights that give a product of mean 0 and variance 1 - 1e-5 leave nothing to normalise."""
    plain, normed = make("gru", 1, 2), make("gru_layer_norm", 1, 2)
    rng = np.random.default_rng(0)
    unit = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]) * np.sqrt(1 - 1e-5)
    params = {"weight_ih": np.zeros((6, 1)), "weight_hh": np.stack([unit, np.zeros(6)], 1)}
    params |= {"bias_ih": rng.standard_normal(6), "bias_hh": rng.standard_normal(6)}
    state = {"hidden": np.array([1.0, 0.3])}
    gains = {"gain_ih": np.ones(6), "gain_hh": np.ones(6)}
    found = normed.step(OPS, np.ones(1), state, params | gains)["hidden"]
    expected = plain.step(OPS, np.ones(1), state, params)["hidden"]
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)
