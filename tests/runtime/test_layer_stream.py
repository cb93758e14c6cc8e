from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.cells import make
from elman.errors import DataError, UsageError
from elman.nn import Recurrent
from elman.runtime import LayerStream
from elman.runtime.backends import BACKENDS
from tolerances import NUMPY_AGAINST_TORCH

TIME = 11


def layer(cell: str = "lstm", **options: Any) -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(cell, 3, 5, 2, **options).eval()


def inputs() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((TIME, 3)).astype(np.float32)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", ["lstm", "jordan", "lstm_batch_norm", "phased_lstm"])
def test_any_cuts_give_what_the_layer_gives(cell: str, backend: str) -> None:
    module, x = layer(cell), inputs()
    stream = LayerStream(module.to_numpy(), backend=backend)
    found = np.concatenate([stream.push(piece) for piece in np.split(x, [1, 1, 4, 9])])
    with torch.no_grad():
        expected, state = module(torch.from_numpy(x)[None])
    np.testing.assert_allclose(found, expected[0], **NUMPY_AGAINST_TORCH)
    assert set(stream.state) == set(state)
    for name, value in state.items():
        np.testing.assert_allclose(stream.state[name], value, **NUMPY_AGAINST_TORCH)


def test_the_time_between_steps_is_taken() -> None:
    module, x = layer("phased_lstm"), inputs()
    elapsed = np.linspace(0.1, 3, TIME).astype(np.float32)
    stream = LayerStream(module.to_numpy())
    found = np.concatenate([stream.push(x[:4], elapsed=elapsed[:4]), stream.push(x[4:], elapsed=elapsed[4:])])
    with torch.no_grad():
        expected = module(torch.from_numpy(x)[None], elapsed=torch.from_numpy(elapsed)[None])[0]
    np.testing.assert_allclose(found, expected[0], **NUMPY_AGAINST_TORCH)


def test_a_learnt_initial_state_is_where_it_begins() -> None:
    module = layer(learn_initial_state=True)
    torch.nn.init.normal_(module.initial_cell_l1)
    stream = LayerStream(module.to_numpy())
    np.testing.assert_array_equal(stream.state["cell_l1"][0], module.initial_cell_l1.detach())
    first = stream.push(inputs())
    stream.reset()
    np.testing.assert_array_equal(stream.push(inputs()), first)


def test_forks_and_states_are_their_own() -> None:
    stream = LayerStream(layer().to_numpy())
    stream.push(inputs()[:5])
    other, kept = stream.fork(), stream.state
    one = stream.push(inputs()[5:])
    np.testing.assert_array_equal(other.push(inputs()[5:]), one)
    stream.state = kept
    np.testing.assert_array_equal(stream.push(inputs()[5:]), one)


def test_it_says_what_runs() -> None:
    assert LayerStream(layer().to_numpy()).explain().startswith("compiled: machine code for this processor")


def test_what_does_not_fit_is_named() -> None:
    (cell, weights), _ = layer().to_numpy()
    with pytest.raises(DataError, match=r"weight bias_hh must be \(20,\), found nothing"):
        LayerStream([(cell, {name: value for name, value in weights.items() if name != "bias_hh"})])
    with pytest.raises(DataError, match=r"weight weight_ih must be \(20, 3\), found \(20, 5\)"):
        LayerStream([(cell, weights | {"weight_ih": weights["weight_hh"]})])
    with pytest.raises(DataError, match="The cell lstm takes 3 inputs, the one below it gives 5"):
        LayerStream([(cell, weights)] * 2)
    with pytest.raises(UsageError, match="lstm with zoneout needs zoneout hidden, zoneout cell at every step"):
        LayerStream(layer(zoneout=0.1).to_numpy())
    with pytest.raises(UsageError, match="A bidirectional layer needs the whole sequence"):
        layer(bidirectional=True).to_numpy()
    stream = LayerStream([(cell, weights)])
    with pytest.raises(DataError, match=r"inputs must be \(time, 3\), found the shape \(3,\)"):
        stream.push(np.zeros(3))
    with pytest.raises(DataError, match=r"elapsed must be \(2,\), .* for a cell that uses it; found \(2,\)"):
        stream.push(np.zeros((2, 3)), elapsed=np.ones(2))
    with pytest.raises(DataError, match="The state of these layers is"):
        stream.state = {"hidden_l0": np.zeros((1, 5), np.float32)}


def test_numbers_of_steps_may_be_zero() -> None:
    cell = make("jordan", 3, 5, output_units=2)
    stream = LayerStream([(cell, {name: np.ones(each.shape) for name, each in cell.parameters().items()})])
    assert stream.push(np.zeros((0, 3))).shape == (0, 2)
