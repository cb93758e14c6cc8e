from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import onnx_files
from elman.errors import ExportError
from elman.export import to_onnx
from elman.nn import GRU, LSTM, RNN, ConvGRU, ConvLSTM, LockedDropout, Recurrent, Residual, Stack
from elman.nn.language_model import LanguageModelNetwork
from tolerances import FLOAT32_RECURRENCE

OPTIONS = {"zoneout": 0.1, "clip": 0.6, "dropout": 0.3, "recurrent_dropout": 0.2, "weight_drop": 0.1}

MODULES = {
    "a layer": lambda: Recurrent("lstm", 3, 5),
    "layers of several sizes": lambda: Recurrent("gru_before", 3, (5, 4)),
    "both directions": lambda: Recurrent("lstm", 3, 5, num_layers=2, bidirectional=True),
    "both directions of a Scan": lambda: Recurrent("gru_layer_norm", 3, 5, num_layers=2, bidirectional=True),
    "all options": lambda: Recurrent("lstm", 3, 5, 2, bidirectional=True, learn_initial_state=True, **OPTIONS),
    "fast activations": lambda: Recurrent("lstm_layer_norm", 3, 5, activations="fast"),
    "the time between steps": lambda: Recurrent("cfc", 3, 5, num_layers=2, bidirectional=True),
    "torch's LSTM": lambda: LSTM(3, 5, 2, bidirectional=True, proj_size=2),
    "torch's GRU": lambda: GRU(3, 5, 2, batch_first=True, bidirectional=True),
    "torch's RNN": lambda: RNN(3, 5, nonlinearity="relu"),
    "a language model": lambda: LanguageModelNetwork(11, cell="gru", embedding_size=4, hidden_sizes=(6, 5)),
    "a language model of cells that use the time between steps": lambda: LanguageModelNetwork(
        11, cell="cfc", embedding_size=4, hidden_sizes=(6, 5)
    ),
    "tied weights": lambda: LanguageModelNetwork(
        11, embedding_size=4, hidden_sizes=(6, 4), tie_weights=True, learn_initial_state=True
    ),
    "a stack": lambda: Stack(
        nn.Linear(3, 8),
        Residual(nn.LayerNorm(8), Recurrent("lstm", 8, 4, bidirectional=True), LockedDropout(0.1)),
        Recurrent("ugrnn", 8, 5, num_layers=2),
        nn.Tanh(),
        nn.Linear(5, 2, bias=False),
    ),
    "a residual block": lambda: Residual(nn.LayerNorm(3, elementwise_affine=False), Recurrent("gru", 3, 3)),
    "a stack of cells that use the time between steps": lambda: Stack(Recurrent("cfc", 3, 5, bidirectional=True)),
}  # fmt: skip

IMAGES = {
    "an LSTM over images": lambda: ConvLSTM(2, [4, 3], kernel_size=3),
    "a GRU over images": lambda: ConvGRU(2, 3, kernel_size=5, num_layers=2),
}


def made(name: str) -> nn.Module:
    """A module with weights that are not small, biases and first states too."""
    torch.manual_seed(0)
    module = (MODULES | IMAGES)[name]()
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0, 0.5)
    return module


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_file_gives_what_the_module_gives(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    exported = to_onnx(made(name).to(dtype), tmp_path / "layer.onnx")
    assert exported.difference is not None
    assert exported.difference < FLOAT32_RECURRENCE


@pytest.mark.parametrize("name", IMAGES)
def test_layers_over_images(name: str, tmp_path: Path) -> None:
    exported = to_onnx(made(name), tmp_path / "layer.onnx")
    assert exported.difference < FLOAT32_RECURRENCE
    graph = onnx.load(tmp_path / "layer.onnx").graph
    sizes = {each.name: [size.dim_param or size.dim_value for size in each.type.tensor_type.shape.dim]
             for each in [*graph.input, *graph.output]}  # fmt: skip
    assert sizes["inputs"] == ["batch", "time", 2, "height", "width"]
    assert sizes["outputs"] == ["batch", "time", 3, "height", "width"]
    assert sizes["hidden_l1"] == sizes["hidden_l1_after"] == ["batch", 3, "height", "width"]


def test_lengths_mask_rows_as_the_layer_does(tmp_path: Path) -> None:
    layer = Recurrent("lstm", 3, 5, num_layers=2, bidirectional=True)
    inputs, lengths = torch.randn(3, 6, 3), torch.tensor([6, 1, 4])
    inputs[1, 1:] = float("nan")
    to_onnx(layer, tmp_path / "layer.onnx")
    found = onnx_files.run(tmp_path / "layer.onnx", {"inputs": inputs.numpy(), "lengths": lengths.numpy()})
    with torch.no_grad():
        outputs, state = layer(inputs, lengths=lengths)
    for name, expected in {"outputs": outputs, **{f"{name}_after": value for name, value in state.items()}}.items():
        np.testing.assert_allclose(found[name], expected, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)


def test_the_states_of_a_stack_have_its_names(tmp_path: Path) -> None:
    stack = made("a stack")
    to_onnx(stack, tmp_path / "stack.onnx")
    model = onnx.load(tmp_path / "stack.onnx")
    properties = {each.key: each.value for each in model.metadata_props}
    assert properties["states"].split() == list(stack.state_sizes)
    assert properties["cells"] == "lstm, ugrnn, ugrnn"


def test_the_module_stays_as_it_is(tmp_path: Path) -> None:
    layer = Recurrent("gru", 3, 5, dropout=0.5, num_layers=2)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    to_onnx(layer, tmp_path / "layer.onnx")
    assert layer.training
    assert layer.backend == "auto"
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_weights_made_of_others_are_those_that_count(tmp_path: Path) -> None:
    layer = parametrizations.weight_norm(Recurrent("rnn", 3, 5), "weight_hh_l0")
    assert to_onnx(layer, tmp_path / "layer.onnx").difference < FLOAT32_RECURRENCE


def test_what_cannot_be_exported_is_named(tmp_path: Path) -> None:
    for module, sentence in {
        nn.Conv1d(3, 5, 1): "Conv1d cannot be exported",
        Stack(nn.Linear(3, 5), nn.Softplus()): "Softplus cannot be exported",
        Stack(nn.Linear(3, 5)): "no recurrent layer",
        Stack(ConvLSTM(2, 3)): "ConvLSTM cannot be exported within a stack",
        ConvLSTM(2, 3).double(): "no convolutions in float64",
        Recurrent("rnn", 3, 5).bfloat16(): "must be float32 or float64, found torch.bfloat16",
    }.items():
        with pytest.raises(ExportError, match=sentence):
            to_onnx(module, tmp_path / "layer.onnx")
    assert not list(tmp_path.iterdir())
