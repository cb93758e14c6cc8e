from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, make
from tolerances import ROUNDING


def test_a_step_by_hand() -> None:
    """One unit: r = z = 1/2, and the bias b_hn = 2 stands inside the reset product."""
    params = {
        "weight_ih": np.array([[0.0], [0], [0.5]]),
        "weight_hh": np.array([[0.0], [0], [1]]),
        "bias_ih": np.zeros(3),
        "bias_hh": np.array([0.0, 0, 2]),
    }
    hidden = make("gru", 1, 1).step(NumpyOps(), np.ones(1), {"hidden": np.full(1, 0.4)}, params)["hidden"]
    assert hidden == pytest.approx(0.5 * np.tanh(0.5 + 0.5 * (0.4 + 2)) + 0.5 * 0.4, rel=ROUNDING)
