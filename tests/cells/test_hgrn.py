from __future__ import annotations

import numpy as np

from cells.scans import parallel_scan, problem, sigmoid, step_by_step
from elman.cells import initialise, make
from tolerances import ROUNDING

CLOSE = {"rtol": ROUNDING, "atol": ROUNDING}


def test_the_states_are_those_of_a_parallel_scan() -> None:
    cell = make("hgrn", 3, 4)
    params, inputs, first = problem(cell)
    c, f, o = np.split(inputs @ params["weight_ih"].T + params["bias_ih"], 3, -1)
    bound = sigmoid(params["lower_bound"])
    keep = bound + (1 - bound) * sigmoid(f)
    cells = parallel_scan(keep, (1 - keep) * c * sigmoid(c), first["cell"])
    found = step_by_step(cell, params, inputs, first)
    np.testing.assert_allclose(found["cell"], cells, **CLOSE)
    np.testing.assert_allclose(found["hidden"], sigmoid(o) * cells, **CLOSE)


def test_no_input_makes_a_unit_forget_faster_than_its_bound() -> None:
    cell = make("hgrn", 1, 3)
    params = {name: np.zeros(parameter.shape) for name, parameter in cell.parameters().items()}
    params |= {"lower_bound": np.log([1.0, 3.0, 9.0]), "bias_ih": np.repeat([0, -1e3, 0], 3)}
    with np.errstate(over="ignore"):
        found = step_by_step(cell, params, np.zeros((2, 1, 1)), {"hidden": np.zeros((1, 3)), "cell": np.ones((1, 3))})
    np.testing.assert_allclose(found["cell"][:, 0], [[0.5, 0.75, 0.9], [0.25, 0.5625, 0.81]], **CLOSE)


def test_the_bounds_are_spread_over_the_units() -> None:
    rng = np.random.default_rng(0)
    spread = sigmoid(initialise(make("hgrn", 3, 4), rng)["lower_bound"])
    np.testing.assert_allclose(spread, [0.125, 0.375, 0.625, 0.875], **CLOSE)
    steps = 1 / (1 - sigmoid(initialise(make("hgrn", 3, 4), rng, memory=402)["lower_bound"]))
    np.testing.assert_allclose(steps, [51, 151, 251, 351], rtol=1e3 * ROUNDING)
