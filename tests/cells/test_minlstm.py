from __future__ import annotations

import numpy as np

from cells.scans import parallel_scan, problem, sigmoid, step_by_step
from elman.cells import make
from tolerances import ROUNDING

CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


def test_the_states_are_those_of_a_parallel_scan() -> None:
    cell = make("minlstm", 3, 4)
    params, inputs, first = problem(cell)
    forget, write, candidate = np.split(inputs @ params["weight_ih"].T + params["bias_ih"], 3, -1)
    candidate = np.where(candidate >= 0, candidate + 0.5, sigmoid(candidate))
    total = sigmoid(forget) + sigmoid(write)
    expected = parallel_scan(sigmoid(forget) / total, sigmoid(write) / total * candidate, first["hidden"])
    np.testing.assert_allclose(step_by_step(cell, params, inputs, first)["hidden"], expected, **CLOSE)


def test_gates_that_are_equal_take_the_mean_however_far_they_are_open() -> None:
    cell = make("minlstm", 1, 1)
    for bias in (-5.0, 0.0, 5.0):
        params = {"weight_ih": np.zeros((3, 1)), "bias_ih": np.array([bias, bias, 1.5])}
        after = step_by_step(cell, params, np.ones((1, 1, 1)), {"hidden": np.array([[4.0]])})
        np.testing.assert_allclose(after["hidden"], [[[3.0]]], **CLOSE)
