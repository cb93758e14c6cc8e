from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from elman.cells import NumpyOps, initialise, make
from tolerances import ROUNDING

OPS = NumpyOps()
#: N divides by sqrt(variance + 1e-5): inputs a thousand times as large are not normalised to quite the same.
EPSILON = 1e-4


def test_the_state_is_carried_as_it_is_and_read_normalised() -> None:
    """With gains of 0 and saturated biases the gates are open: the cell state counts, the output sees its norm."""
    cell = make("lstm_layer_norm", 1, 2)
    params = initialise(cell, np.random.default_rng(0))
    params |= {"gain_ih": np.zeros(8), "gain_hh": np.zeros(8), "bias_ih": np.repeat([1e3, 1e3, 1e3, 1e3], 2)}
    params |= {"gain_cell": np.full(2, 0.5), "bias_cell": np.full(2, 0.25)}
    state = {"hidden": np.zeros(2), "cell": np.array([-3.0, 5.0])}
    for count in (1, 2):
        state = cell.step(OPS, np.ones(1), state, params)
        np.testing.assert_allclose(state["cell"], [count - 3, count + 5], rtol=ROUNDING)
        expected = np.tanh(np.array([-1, 1]) * 4 / np.sqrt(16 + 1e-5) * 0.5 + 0.25)
        np.testing.assert_allclose(state["hidden"], expected, rtol=ROUNDING)


@pytest.mark.parametrize("name", ["lstm_layer_norm", "gru_layer_norm"])
def test_the_size_of_the_weights_does_not_matter(name: str) -> None:
    """What layer normalisation is for: scaling a whole product, or adding to all of it, changes nothing."""
    cell = make(name, 3, 50)
    rng = np.random.default_rng(0)
    params = initialise(cell, rng)
    state = {each: rng.standard_normal((2, size)) for each, size in cell.state_sizes.items()}
    x = rng.standard_normal((2, 3))
    one = cell.step(OPS, x, state, params)
    scaled = {each: 1e3 * params[each] for each in ("weight_ih", "weight_hh")}
    other = cell.step(OPS, x, state, params | scaled)
    for each in one:
        np.testing.assert_allclose(one[each], other[each], rtol=EPSILON, atol=EPSILON)


def test_products_are_normalised_over_all_gates_together() -> None:
    cell = make("lstm_layer_norm", 3, 4)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(parameter.shape) for name, parameter in cell.parameters().items()}
    state = {name: rng.standard_normal((2, 4)) for name in ("hidden", "cell")}
    x = rng.standard_normal((2, 3))
    weights = {name: torch.from_numpy(value) for name, value in params.items()}
    product = torch.from_numpy(x) @ weights["weight_ih"].T
    recurrent = torch.from_numpy(state["hidden"]) @ weights["weight_hh"].T
    gates = F.layer_norm(product, (16,)) * weights["gain_ih"] + F.layer_norm(recurrent, (16,)) * weights["gain_hh"]
    i, f, g, _ = (gates + weights["bias_ih"]).chunk(4, -1)
    expected = f.sigmoid() * torch.from_numpy(state["cell"]) + i.sigmoid() * g.tanh()
    np.testing.assert_allclose(cell.step(OPS, x, state, params)["cell"], expected, rtol=ROUNDING, atol=ROUNDING)
