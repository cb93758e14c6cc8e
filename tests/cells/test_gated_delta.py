from __future__ import annotations

from typing import Any

import numpy as np

from cells.scans import problem, sigmoid, step_by_step
from elman.cells import initialise, make
from tolerances import ROUNDING

CLOSE = {"rtol": 1e2 * ROUNDING, "atol": 1e2 * ROUNDING}


def silu(x: Any) -> Any:
    return x * sigmoid(x)


def normalised(x: Any) -> Any:
    return x / np.sqrt((x * x).sum(-1, keepdims=True) + 1e-6)


def by_the_paper(cell: Any, params: Any, inputs: Any, first: Any) -> dict[str, Any]:
    """Outputs and memory by equation 10 of Yang, Kautz & Hatamizadeh (2024), S of (values, keys) for each head."""
    heads, keys, values = cell.heads, cell.key_size, cell.hidden_size // cell.heads
    batch = inputs.shape[1]
    memory = first["memory"].reshape(batch, heads, keys, values).swapaxes(-1, -2)
    found: dict[str, Any] = {"hidden": [], "memory": []}
    for x in inputs:
        v, gate = np.split(silu(x @ params["weight_ih"].T + params["bias_ih"]), 2, -1)
        q, k = np.split(silu(x @ params["weight_keys"].T + params["bias_keys"]), 2, -1)
        a, b = np.split(x @ params["weight_gates"].T + params["bias_gates"], 2, -1)
        q, k = (normalised(each.reshape(batch, heads, keys)) for each in (q, k))
        v = v.reshape(batch, heads, values)
        alpha = np.exp(-np.exp(params["rate"]) * np.log1p(np.exp(a)))[..., None, None]
        beta = sigmoid(b)[..., None, None]
        turn = np.eye(keys) - beta * k[..., :, None] * k[..., None, :]
        memory = memory @ (alpha * turn) + beta * v[..., :, None] * k[..., None, :]
        read = (memory @ q[..., None])[..., 0]
        read = read / np.sqrt((read * read).mean(-1, keepdims=True) + 1e-5)
        found["hidden"].append(read.reshape(batch, -1) * params["gain"] * gate)
        found["memory"].append(memory.swapaxes(-1, -2).reshape(batch, -1))
    return {name: np.stack(each) for name, each in found.items()}


def test_the_outputs_are_those_of_the_paper() -> None:
    cell = make("gated_delta", 3, 8, heads=2, key_size=3)
    params, inputs, first = problem(cell)
    found = step_by_step(cell, params, inputs, first)
    for name, expected in by_the_paper(cell, params, inputs, first).items():
        np.testing.assert_allclose(found[name], expected, **CLOSE)


def test_a_key_gives_what_was_stored_last_under_it() -> None:
    """With beta = 1 and no decay, storing again replaces; an outer product alone would have added up."""
    cell = make("gated_delta", 2, 1)
    params = {name: np.zeros(parameter.shape) for name, parameter in cell.parameters().items()}
    params |= {"weight_ih": np.array([[1.0, 0.0], [0.0, 0.0]]), "bias_keys": np.full(2, 5.0)}
    params |= {"bias_gates": np.array([-50.0, 50.0])}
    values = [[3.0, 0.0], [2.0, 0.0], [4.0, 0.0]]
    found = step_by_step(
        cell, params, np.array(values)[:, None], {"hidden": np.zeros((1, 1)), "memory": np.zeros((1, 1))}
    )
    np.testing.assert_allclose(found["memory"][:, 0, 0], silu(np.array([3.0, 2.0, 4.0])), rtol=1e-6)


def test_the_decays_begin_as_the_authors_have_them() -> None:
    rng = np.random.default_rng(0)
    cell = make("gated_delta", 3, 64, heads=64)
    weights = initialise(cell, rng)
    span = np.log1p(np.exp(weights["bias_gates"][:64]))
    assert ((span >= 0.001) & (span <= 0.1)).all()
    assert ((np.exp(weights["rate"]) >= 1) & (np.exp(weights["rate"]) <= 16)).all()
    weights = initialise(make("gated_delta", 3, 4, heads=2), rng, memory=41)
    steps = 1 / (np.exp(weights["rate"]) * np.log1p(np.exp(weights["bias_gates"][:2])))
    np.testing.assert_allclose(steps, [11, 31])
