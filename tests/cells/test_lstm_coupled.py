from __future__ import annotations

import numpy as np

from elman.cells import NumpyOps, make
from tolerances import ROUNDING


def test_it_is_an_lstm_whose_forget_gate_is_what_the_input_gate_leaves() -> None:
    """1 - sigmoid(i) is sigmoid(-i), so the LSTM with negated input weights at its forget gate is the same."""
    coupled, lstm = make("lstm_coupled", 3, 5), make("lstm", 3, 5)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in coupled.parameters().items()}
    uncoupled = {name: np.concatenate([value[:5], -value[:5], value[5:]]) for name, value in params.items()}
    state = {name: rng.standard_normal((2, 5)) for name in ("hidden", "cell")}
    x = rng.standard_normal((2, 3))
    found = coupled.step(NumpyOps(), x, state, params)
    for name, expected in lstm.step(NumpyOps(), x, state, uncoupled).items():
        np.testing.assert_allclose(found[name], expected, rtol=ROUNDING, atol=ROUNDING)
