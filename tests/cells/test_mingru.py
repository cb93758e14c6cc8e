from __future__ import annotations

import numpy as np

from cells.scans import parallel_scan, problem, sigmoid, step_by_step
from elman.cells import NumpyOps, make
from elman.cells.mingru import positive
from tolerances import ROUNDING

CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


def test_the_states_are_those_of_a_parallel_scan() -> None:
    cell = make("mingru", 3, 4)
    params, inputs, first = problem(cell)
    update, candidate = np.split(inputs @ params["weight_ih"].T + params["bias_ih"], 2, -1)
    candidate = np.where(candidate >= 0, candidate + 0.5, sigmoid(candidate))
    expected = parallel_scan(1 - sigmoid(update), sigmoid(update) * candidate, first["hidden"])
    np.testing.assert_allclose(step_by_step(cell, params, inputs, first)["hidden"], expected, **CLOSE)


def test_candidates_are_above_zero_and_grow() -> None:
    values = positive(NumpyOps(), np.linspace(-30, 30, 1001))
    assert values.min() > 0
    assert np.diff(values).min() > 0
    np.testing.assert_allclose(np.diff(values).max(), 60 / 1000, **CLOSE)


def test_an_update_gate_that_is_shut_keeps_the_state() -> None:
    cell = make("mingru", 1, 2)
    params = {"weight_ih": np.zeros((4, 1)), "bias_ih": np.array([-1e3, 1e3, 0.0, 2.0])}
    after = cell.step(NumpyOps(), np.ones(1), {"hidden": np.array([-3.0, -3.0])}, params)
    np.testing.assert_allclose(after["hidden"], [-3, 2.5], **CLOSE)
