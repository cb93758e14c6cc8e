from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps, make
from tolerances import ROUNDING


def test_it_is_the_gru_whose_reset_gate_is_open() -> None:
    """With a bias of 1000 the GRU's reset gate is 1, and what is left are an update gate and a candidate."""
    cell, gru = make("ugrnn", 3, 5), make("gru", 3, 5)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    opened = {name: np.concatenate([np.zeros_like(value[:5]), value]) for name, value in params.items()}
    opened["bias_ih"][:5] = 1e3
    x, state = rng.standard_normal((2, 3)), {"hidden": rng.standard_normal((2, 5))}
    found = cell.step(NumpyOps(), x, state, params)["hidden"]
    expected = gru.step(NumpyOps(), x, state, opened)["hidden"]
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)
