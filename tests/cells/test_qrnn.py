from __future__ import annotations

import numpy as np
import pytest

from cells.scans import parallel_scan, problem, sigmoid, step_by_step
from elman.cells import make
from elman.errors import SettingsError
from tolerances import ROUNDING

CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


@pytest.mark.parametrize("window", [1, 2])
def test_it_is_a_convolution_and_a_pool(window: int) -> None:
    cell = make("qrnn", 3, 4, window=window)
    params, inputs, first = problem(cell)
    seen = inputs @ params["weight_ih"].T + params["bias_ih"]
    if window == 2:
        seen += np.concatenate([first["input"][None], inputs[:-1]]) @ params["weight_ph"].T
    z, f, o = np.split(seen, 3, -1)
    cells = parallel_scan(sigmoid(f), (1 - sigmoid(f)) * np.tanh(z), first["cell"])
    found = step_by_step(cell, params, inputs, first)
    np.testing.assert_allclose(found["cell"], cells, **CLOSE)
    np.testing.assert_allclose(found["hidden"], sigmoid(o) * cells, **CLOSE)


def test_wider_windows_are_refused() -> None:
    with pytest.raises(SettingsError, match="window must be 1 or 2 inputs wide, not 3"):
        make("qrnn", 3, 4, window=3)
