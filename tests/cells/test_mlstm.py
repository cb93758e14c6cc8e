from __future__ import annotations

from typing import Any

import numpy as np

from cells.scans import problem, sigmoid, step_by_step
from elman.cells import initialise, make
from tolerances import ROUNDING

#: Sums of exponentials in two forms, over a dozen steps.
CLOSE = {"rtol": 1e3 * ROUNDING, "atol": 1e3 * ROUNDING}


def by_the_paper(cell: Any, params: Any, inputs: Any) -> Any:
    """Outputs by equations 19 to 27 of Beck et al. (2024): from zero states, without the stabiliser."""
    heads, keys, values = cell.heads, cell.key_size, cell.hidden_size // cell.heads
    batch = inputs.shape[1]
    memory, normaliser = np.zeros((batch, heads, values, keys)), np.zeros((batch, heads, keys))
    outputs = []
    for x in inputs:
        v, o = np.split(x @ params["weight_ih"].T + params["bias_ih"], 2, -1)
        q, k = np.split(x @ params["weight_keys"].T + params["bias_keys"], 2, -1)
        i, f = np.split(x @ params["weight_gates"].T + params["bias_gates"], 2, -1)
        q, k = q.reshape(batch, heads, keys), k.reshape(batch, heads, keys) / np.sqrt(keys)
        v, i, f = v.reshape(batch, heads, values), np.exp(i), sigmoid(f)
        memory = f[..., None, None] * memory + i[..., None, None] * v[..., :, None] * k[..., None, :]
        normaliser = f[..., None] * normaliser + i[..., None] * k
        size = np.maximum(abs((normaliser * q).sum(-1)), 1)
        read = (memory @ q[..., None])[..., 0] / size[..., None]
        outputs.append(sigmoid(o) * read.reshape(batch, -1))
    return np.stack(outputs)


def test_the_outputs_are_those_of_the_paper() -> None:
    cell = make("mlstm", 3, 8, heads=2, key_size=3)
    params, inputs, first = problem(cell)
    zeros = {name: np.zeros_like(value) for name, value in first.items()}
    found = step_by_step(cell, params, inputs, zeros)["hidden"]
    np.testing.assert_allclose(found, by_the_paper(cell, params, inputs), **CLOSE)


def test_large_input_gates_do_not_overflow() -> None:
    cell = make("mlstm", 1, 2)
    params, inputs, first = problem(cell)
    params["bias_gates"] = np.array([2e3, 0.0])
    with np.errstate(over="raise", invalid="raise"):
        found = step_by_step(cell, params, inputs, {name: np.zeros_like(value) for name, value in first.items()})
    assert np.isfinite(found["hidden"]).all()


def test_what_was_stored_first_outweighs_what_comes_with_smaller_gates() -> None:
    """e^40 of the first step is what it reads ever after, all forget gates open."""
    cell = make("mlstm", 1, 1)
    params = {name: np.zeros(parameter.shape) for name, parameter in cell.parameters().items()}
    params |= {"weight_ih": np.array([[1.0], [0.0]]), "bias_keys": np.ones(2), "bias_ih": np.array([0.0, 1e3])}
    params |= {"weight_gates": np.array([[40.0], [0.0]]), "bias_gates": np.array([0.0, 1e3])}
    zeros = {name: np.zeros((1, size)) for name, size in cell.state_sizes.items()}
    with np.errstate(over="ignore"):
        found = step_by_step(cell, params, np.array([1.0, 0.5, 0.0]).reshape(3, 1, 1), zeros)
    np.testing.assert_allclose(found["hidden"][:, 0, 0], 1, rtol=1e-8)


def test_forget_gates_begin_spread_over_the_heads() -> None:
    cell = make("mlstm", 3, 8, heads=4)
    weights = initialise(cell, np.random.default_rng(0))
    assert not weights["weight_gates"].any()
    assert weights["bias_gates"][4:].tolist() == [3, 4, 5, 6]
    steps = 1 / (1 - sigmoid(initialise(cell, np.random.default_rng(0), memory=402)["bias_gates"][4:]))
    np.testing.assert_allclose(steps, [52, 152, 252, 352])
