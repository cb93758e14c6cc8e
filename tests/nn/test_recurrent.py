from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

from elman.cells import CELLS
from elman.cells.lstm import LSTMCell
from elman.errors import BackendError, DataError, SettingsError
from elman.nn import Recurrent
from tolerances import FLOAT32_GRADIENT, FLOAT32_RECURRENCE


def close(one: torch.Tensor, other: torch.Tensor, tolerance: float = FLOAT32_RECURRENCE) -> None:
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("backend", ["compiled", "torch", "reference"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("cell", "kind"), [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)])
def test_a_stack_is_torchs(cell: str, kind: Any, bidirectional: bool, backend: str) -> None:
    """Same names, outputs, final states and gradients as torch.nn's stack, at a size no kernel likes."""
    theirs = kind(10, 100, 2, batch_first=True, bidirectional=bidirectional)
    ours = Recurrent(cell, 10, 100, 2, bidirectional=bidirectional, backend=backend)
    ours.load_state_dict(theirs.state_dict())
    inputs = torch.randn(3, 6, 10, requires_grad=True)
    outputs, state = ours(inputs)
    expected, hx = theirs(inputs)
    close(outputs, expected)
    for name, part in zip(("hidden", "cell"), hx if isinstance(hx, tuple) else (hx,), strict=False):
        ours_in_order = [value for key, value in state.items() if key.startswith(name)]
        close(torch.stack(ours_in_order), part)
    weighing = torch.randn(outputs.shape)
    found = torch.autograd.grad((weighing * outputs).sum(), [inputs, *ours.parameters()])
    wanted = torch.autograd.grad((weighing * expected).sum(), [inputs, *theirs.parameters()])
    for one, other in zip(found, wanted, strict=True):
        close(one, other, FLOAT32_GRADIENT)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_stacks_with_any_sizes(cell: str) -> None:
    layer = Recurrent(cell, 3, [5, 4, 6], bidirectional=True, learn_initial_state=True)
    inputs = torch.randn(2, 7, 3)
    outputs, state = layer(inputs, lengths=torch.tensor([7, 4]), resets=torch.rand(2, 7) < 0.3)
    assert outputs.shape == (2, 7, layer.output_size) == (2, 7, 12)
    assert {name: value.shape[1] for name, value in state.items()} == layer.state_sizes
    assert not outputs[1, 4:].any()
    again, _ = layer(inputs, state)
    assert not torch.equal(again, outputs)


def test_all_states_come_for_every_layer() -> None:
    layer = Recurrent("lstm", 3, 5, 2)
    inputs = torch.randn(2, 7, 3)
    outputs, state, states = layer(inputs, all_states=True)
    assert states.keys() == state.keys() == layer.state_sizes.keys()
    assert torch.equal(states["hidden_l1"], outputs)
    assert torch.equal(states["cell_l0"][:, -1], state["cell_l0"])
    close(layer(inputs)[0], outputs)


def test_gradients_reach_given_and_learnt_initial_states() -> None:
    layer = Recurrent("lstm", 3, 5, learn_initial_state=True)
    inputs = torch.randn(2, 7, 3)
    assert layer.initial_hidden_l0.shape == (5,)
    layer(inputs)[0].sum().backward()
    assert layer.initial_cell_l0.grad.abs().min() > 0
    given = {name: torch.zeros(2, size, requires_grad=True) for name, size in layer.state_sizes.items()}
    layer(inputs, given)[0].sum().backward()
    assert given["cell_l0"].grad.abs().min() > 0


def test_resets_go_to_the_learnt_state_not_to_the_carried_one() -> None:
    layer = Recurrent("gru", 3, 5, learn_initial_state=True)
    nn.init.normal_(layer.initial_hidden_l0)
    inputs = torch.randn(2, 7, 3)
    carried = {"hidden_l0": torch.randn(2, 5)}
    resets = torch.zeros(2, 7, dtype=torch.bool)
    resets[0, 0] = True
    outputs, _ = layer(inputs, carried, resets=resets)
    close(outputs[0], layer(inputs)[0][0])
    close(outputs[1], layer(inputs, carried)[0][1])


@pytest.mark.parametrize("backend", ["compiled", "torch", "reference"])
def test_dropout_between_layers_acts_in_training_only(backend: str) -> None:
    for locked in (False, True):
        layer = Recurrent("gru", 3, 50, 2, dropout=0.5, locked_dropout=locked, backend=backend)
        inputs = torch.randn(2, 7, 3)
        assert not torch.equal(layer(inputs)[0], layer(inputs)[0])
        layer.eval()
        assert torch.equal(layer(inputs)[0], layer(inputs)[0])


def test_weight_drop_masks_the_recurrent_weights_once_per_call() -> None:
    layer = Recurrent("rnn", 3, 5, weight_drop=0.999)
    inputs = torch.randn(2, 7, 3)
    torch.manual_seed(0)
    outputs, _ = layer(inputs)
    # Nearly every recurrent weight is gone: each step sees its input alone.
    alone = torch.tanh(nn.functional.linear(inputs, layer.weight_ih_l0, layer.bias_ih_l0 + layer.bias_hh_l0))
    close(outputs, alone)
    assert not torch.allclose(layer.eval()(inputs)[0], alone)
    outputs.sum().backward()
    assert layer.weight_ih_l0.grad is not None


def test_a_seed_decides_the_weights() -> None:
    def weights() -> torch.Tensor:
        torch.manual_seed(5)
        return nn.utils.parameters_to_vector(Recurrent("lstm", 3, 5, 2).parameters())

    assert torch.equal(weights(), weights())


def test_memory_sets_chrono_biases() -> None:
    layer = Recurrent("lstm", 3, 200, memory=100)
    forget = layer.bias_ih_l0[200:400].detach()
    assert float(forget.min()) >= 0
    assert float(forget.max()) <= torch.log(torch.tensor(99.0))
    assert torch.equal(layer.bias_ih_l0[:200], -forget)


def test_a_callable_makes_the_cells() -> None:
    layer = Recurrent(LSTMCell, 3, 5, 2, projection_size=2, bidirectional=True)
    assert [cell.input_size for cell in layer.cells] == [3, 4]
    assert "weight_hr_l1_reverse" in layer.state_dict()


def test_live_weights_are_used() -> None:
    layer = Recurrent("gru", 3, 5)
    inputs = torch.randn(2, 7, 3)
    doubled = {name: 2 * value for name, value in layer.state_dict().items()}
    found = torch.func.functional_call(layer, doubled, (inputs,))[0]
    other = Recurrent("gru", 3, 5)
    other.load_state_dict(doubled)
    close(found, other(inputs)[0])
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):  # noqa: S301
        assert torch.equal(copied(inputs)[0], layer(inputs)[0])


def test_it_shows_itself() -> None:
    layer = Recurrent("lstm", 3, [5, 4], bidirectional=True)
    assert repr(layer).startswith("Recurrent(\n  lstm, 3 -> 5, 4, bidirectional, backend=auto")
    assert layer.why() == "compiled: machine code for this CPU, made of the equations of the cell lstm."


WRONG_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"cell": "lsmt"}, "There is no cell 'lsmt'.*Did you mean 'lstm'"),
    ({"num_layers": 0}, "num_layers must be at least 1"),
    ({"hidden_size": [5, 5], "num_layers": 3}, "hidden_size gives 2 layers, num_layers says 3"),
    ({"hidden_size": 0}, "hidden_size must be a whole number of at least 1"),
    ({"dropout": 1.0}, "dropout must be at least 0 and below 1"),
    ({"initial": "orthogonal"}, "There is no initialisation 'orthogonal'"),
    ({"projection": 3}, "has no option 'projection'. Did you mean 'projection_size'"),
]


@pytest.mark.parametrize(("options", "message"), WRONG_SETTINGS, ids=[str(options) for options, _ in WRONG_SETTINGS])
def test_wrong_settings_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Recurrent(**{"cell": "lstm", "input_size": 3, "hidden_size": 5} | options)


def test_a_backend_that_cannot_run_is_refused_at_once() -> None:
    with pytest.raises(BackendError, match="torch has no kernel for the cell gru_before"):
        Recurrent("gru_before", 3, 5, backend="torch")


WRONG_INPUTS: list[tuple[torch.Tensor, Any, str]] = [
    (torch.zeros(2, 7, 4), None, r"inputs must be \(batch, time, 3\), found the shape \(2, 7, 4\)"),
    (torch.zeros(7, 3), None, r"inputs must be \(batch, time, 3\)"),
    (torch.zeros(2, 7, 3, dtype=torch.float64), None, "inputs are torch.float64, the weights torch.float32"),
    (torch.zeros(2, 7, 3), {"hidden_l0": torch.zeros(1, 5)}, r"state\['hidden_l0'\] must be \(2, 5\), found \(1, 5\)"),
    (torch.zeros(2, 7, 3), {"hidden_l0": torch.zeros(2, 5)}, r"state\['cell_l0'\] must be \(2, 5\), found nothing"),
]


@pytest.mark.parametrize(("inputs", "state", "message"), WRONG_INPUTS, ids=[message for *_, message in WRONG_INPUTS])
def test_wrong_inputs_are_named(inputs: torch.Tensor, state: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Recurrent("lstm", 3, 5)(inputs, state)
