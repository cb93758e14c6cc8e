from __future__ import annotations

import numpy as np
import pytest

from elman.cells import NumpyOps, initialise, make
from elman.errors import SettingsError
from tolerances import ROUNDING, SAMPLING


@pytest.mark.parametrize("gated", [False, True])
def test_steps_of_the_paper(gated: bool) -> None:
    cell = make("antisymmetric", 3, 5, gated=gated, step_size=0.3, diffusion=0.2)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    turn = params["weight_hh"] - params["weight_hh"].T - 0.2 * np.eye(5)
    weight, weight_z = (*np.split(params["weight_ih"], 2), None)[:2] if gated else (params["weight_ih"], None)
    state, hidden = {"hidden": np.zeros(5)}, np.zeros(5)
    for _ in range(5):
        x = rng.standard_normal(3)
        state = cell.step(NumpyOps(), x, state, params)
        candidate = np.tanh(turn @ hidden + weight @ x + params["bias_ih"][:5])
        gate = 1 / (1 + np.exp(-(turn @ hidden + weight_z @ x + params["bias_ih"][5:]))) if gated else 1
        hidden = hidden + 0.3 * gate * candidate
        np.testing.assert_allclose(state["hidden"], hidden, rtol=10 * ROUNDING, atol=10 * ROUNDING)


def test_a_fresh_network_neither_forgets_nor_explodes() -> None:
    """The way back over 100 steps, a product of Jacobians, keeps the length of every gradient about as it is."""
    cell = make("antisymmetric", 1, 20, step_size=0.01, diffusion=0.0)
    params = initialise(cell, np.random.default_rng(0))
    state, small, way = {"hidden": np.zeros(20)}, 1e-6, np.eye(20)
    for _ in range(100):
        x = np.zeros((20, 1))
        sides = [
            cell.step(NumpyOps(), x, {"hidden": state["hidden"] + sign * small * np.eye(20)}, params)["hidden"]
            for sign in (1, -1)
        ]
        way = way @ (sides[0] - sides[1]) / (2 * small)
        state = cell.step(NumpyOps(), np.zeros(1), state, params)
    lengths = np.linalg.svd(way, compute_uv=False)
    assert 0.9 < lengths.min() <= lengths.max() < 1.1


def test_both_matrices_begin_with_the_variance_of_the_paper() -> None:
    params = initialise(make("antisymmetric", 40, 60, gated=True), np.random.default_rng(0))
    assert abs(params["weight_ih"].std() * 40**0.5 - 1) < SAMPLING
    assert abs(params["weight_hh"].std() * 60**0.5 - 1) < SAMPLING
    assert not params["bias_ih"].any()


@pytest.mark.parametrize("options", [{"step_size": 0.0}, {"diffusion": -0.1}])
def test_a_step_has_a_length(options: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="step_size must be above 0 and diffusion 0 or more"):
        make("antisymmetric", 2, 3, **options)
