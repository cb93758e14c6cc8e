from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, make
from tolerances import ROUNDING


@pytest.mark.parametrize(("name", "function"), [("rnn", np.tanh), ("rnn_relu", lambda x: np.maximum(x, 0))])
def test_a_step_by_hand(name: str, function: object) -> None:
    params = {
        "weight_ih": np.array([[0.5], [-2.0]]),
        "weight_hh": np.array([[0.0, 1.0], [1.0, 0.0]]),
        "bias_ih": np.array([0.1, 0.0]),
        "bias_hh": np.array([0.0, 0.2]),
    }
    hidden = make(name, 1, 2).step(NumpyOps(), np.ones(1), {"hidden": np.array([0.3, 0.7])}, params)["hidden"]
    expected = function(np.array([0.5 + 0.7 + 0.1, -2 + 0.3 + 0.2]))  # type: ignore[operator]
    np.testing.assert_allclose(hidden, expected, rtol=ROUNDING, atol=ROUNDING)
