from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, make
from elman.errors import SettingsError
from tolerances import ROUNDING


def test_open_gates_add_up_and_closed_gates_keep() -> None:
    """With saturated gates the cell state is a counter, then a store."""
    cell = make("lstm", 1, 1)
    params = {"weight_ih": np.array([[0.0], [0], [1e3], [0]]), "weight_hh": np.zeros((4, 1)), "bias_hh": np.zeros(4)}
    state, x = {"hidden": np.zeros(1), "cell": np.zeros(1)}, np.ones(1)
    for count in range(1, 4):
        state = cell.step(NumpyOps(), x, state, params | {"bias_ih": np.array([1e3, 1e3, 0, 1e3])})
        assert state["cell"] == pytest.approx(count, rel=ROUNDING)
        assert state["hidden"] == pytest.approx(np.tanh(count), rel=ROUNDING)
    state = cell.step(NumpyOps(), x, state, params | {"bias_ih": np.array([-1e3, 1e3, 0, -1e3])})
    assert (state["cell"], state["hidden"]) == (pytest.approx(3, rel=ROUNDING), 0)


@pytest.mark.parametrize("size", [-1, 5, 6])
def test_a_projection_is_smaller_than_the_hidden_size(size: int) -> None:
    with pytest.raises(SettingsError, match="projection_size must be 0"):
        make("lstm", 3, 5, projection_size=size)
