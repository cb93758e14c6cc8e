from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cells.scans import problem, sigmoid, step_by_step
from elman.cells import initialise, make
from elman.errors import SettingsError
from tolerances import ROUNDING

CLOSE = {"rtol": 1e2 * ROUNDING, "atol": 1e2 * ROUNDING}


def by_the_paper(cell: Any, params: Any, inputs: Any, first: Any) -> dict[str, Any]:
    """The time mixing of Peng et al. (2025), section 4, row vectors and the state of (values, keys) as there."""
    heads, size, batch = cell.heads, cell.hidden_size // cell.heads, inputs.shape[1]
    mix = dict(zip("rwkvag", np.split(params["mix"], 6), strict=True))
    weight = dict(zip("rkv", np.split(params["weight_ih"], 3), strict=True))
    down = dict(zip("wag", np.split(params["weight_down"], 3), strict=True))
    up = dict(zip("wag", np.split(params["weight_up"], 3), strict=True))
    bias_w, bias_a = np.split(params["bias_up"], 2)
    before, state = first["previous"], first["memory"].reshape(batch, heads, size, size).swapaxes(-1, -2)
    found: dict[str, Any] = {"hidden": [], "memory": [], "previous": []}

    def by_head(x: Any) -> Any:
        return x.reshape(batch, heads, size)

    for x in inputs:
        shifted = {name: x + (before - x) * share for name, share in mix.items()}
        r, k, v = (shifted[name] @ weight[name].T for name in "rkv")
        d = np.tanh(shifted["w"] @ down["w"].T) @ up["w"].T + bias_w
        w = np.exp(-np.exp(-0.5) * sigmoid(d))
        a = sigmoid(shifted["a"] @ down["a"].T @ up["a"].T + bias_a)
        g = sigmoid(shifted["g"] @ down["g"].T) @ up["g"].T
        removal = by_head(k * params["removal"])
        removal = removal / np.sqrt((removal**2).sum(-1, keepdims=True) + 1e-6)
        k = k * (1 + (a - 1) * params["replacement"])
        r, w, k, v, a = (by_head(each) for each in (r, w, k, v, a))
        transition = w[..., None] * np.eye(size) - removal[..., :, None] * (a * removal)[..., None, :]
        state = state @ transition + v[..., :, None] * k[..., None, :]
        read = (state @ r[..., None])[..., 0]
        read = read - read.mean(-1, keepdims=True)
        read = read / np.sqrt((read**2).mean(-1, keepdims=True) + size * 1e-5)
        p = read.reshape(batch, -1) * params["gain"] + params["shift"]
        bonus = (r * by_head(np.broadcast_to(params["bonus"], (batch, cell.hidden_size))) * k).sum(-1, keepdims=True)
        p = p + (bonus * v).reshape(batch, -1)
        found["hidden"].append((g * p) @ params["weight_ho"].T)
        found["memory"].append(state.swapaxes(-1, -2).reshape(batch, -1))
        found["previous"].append(x)
        before = x
    return {name: np.stack(each) for name, each in found.items()}


def test_the_states_are_those_of_the_paper() -> None:
    cell = make("rwkv7", 3, 8, heads=2, rank=2)
    params, inputs, first = problem(cell)
    found = step_by_step(cell, params, inputs, first)
    for name, expected in by_the_paper(cell, params, inputs, first).items():
        np.testing.assert_allclose(found[name], expected, **CLOSE)


def test_decays_begin_spread_over_the_units() -> None:
    cell, rng = make("rwkv7", 3, 8), np.random.default_rng(0)

    def steps(weights: Any) -> Any:
        return 1 / (np.exp(-0.5) * sigmoid(weights["bias_up"][:8]))

    usual = steps(initialise(cell, rng))
    assert (np.diff(usual) < 0).all()
    assert usual[0] > 100 > 20 > usual[-1]
    np.testing.assert_allclose(steps(initialise(cell, rng, memory=18)), np.arange(3, 18, 2))


def test_the_rank_must_be_possible() -> None:
    with pytest.raises(SettingsError, match="rank must be a whole number of at least 1, not 0"):
        make("rwkv7", 3, 8, rank=0)
