from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, initialise, make
from tolerances import ROUNDING


def test_every_unit_is_a_network_of_its_own() -> None:
    cell = make("indrnn", 3, 4)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    inputs, state = rng.standard_normal((6, 3)), {"hidden": np.zeros(4)}
    alone = [0.0] * 4
    for x in inputs:
        state = cell.step(NumpyOps(), x, state, params)
        for unit in range(4):
            net = sum(params["weight_ih"][unit, k] * x[k] for k in range(3)) + params["bias_ih"][unit]
            alone[unit] = max(0.0, net + params["weight_hh"][unit] * alone[unit])
    assert state["hidden"] == pytest.approx(alone, rel=ROUNDING)
    assert any(alone)


def test_no_unit_grows_by_more_than_two_over_the_memory() -> None:
    for memory, bound in ((0, 1.0), (50, 2 ** (1 / 50))):
        recurrent = initialise(make("indrnn", 1, 2000), np.random.default_rng(0), memory=memory)["weight_hh"]
        assert 0 <= recurrent.min() < 0.01 * bound
        assert 0.99 * bound < recurrent.max() <= bound
