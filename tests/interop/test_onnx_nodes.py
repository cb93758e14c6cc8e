from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from elman.baselines.onnx_layer import onnx_model
from elman.errors import DataError, UsageError
from elman.export import to_onnx
from elman.interop import Backwards, Bidirectional, from_onnx
from elman.nn import Recurrent
from tolerances import FLOAT32_RECURRENCE

TIME, BATCH, INPUTS, UNITS = 7, 3, 4, 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def arrays(operator: str, directions: int = 1, *, peephole: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    rows = GATES[operator] * UNITS
    shapes = {"W": (rows, INPUTS), "R": (rows, UNITS), "B": (2 * rows,)} | ({"P": (3 * UNITS,)} if peephole else {})
    # Small enough for functions without a bound.
    return {n: 0.5 * rng.standard_normal((directions, *shape), np.float32) for n, shape in shapes.items()}


def model(operator: str, given: dict[str, Any], **attributes: Any) -> onnx.ModelProto:
    """One node; ``given`` arrays become initializers, what is None becomes an input of the model."""
    inputs = ["X", *(n if n in given else "" for n in ("W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"))]
    while not inputs[-1]:
        inputs.pop()
    outputs = ["Y", "Y_h", "Y_c"][: 3 if operator == "LSTM" else 2]
    node = helper.make_node(operator, inputs, outputs, name="layer", hidden_size=UNITS, **attributes)
    free = {"X": TensorProto.FLOAT, "sequence_lens": TensorProto.INT32}
    free |= dict.fromkeys(("initial_h", "initial_c"), TensorProto.FLOAT)
    asked = ["X", *(name for name, array in given.items() if array is None)]
    graph = helper.make_graph(
        [node],
        "graph",
        [helper.make_tensor_value_info(name, free[name], None) for name in asked],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in given.items() if array is not None],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made


def run(made: onnx.ModelProto, **feeds: Any) -> list[np.ndarray]:
    """ONNX Runtime's Y as (batch, time, features), then its states (directions, batch, units)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs, *states = session.run(None, feeds)
    return [outputs.transpose(2, 0, 1, 3).reshape(outputs.shape[2], outputs.shape[0], -1), *states]


def by_equations(layer: nn.Module) -> None:
    """Let the equations themselves run; that compiled code agrees with them is tested for all cells at once."""
    for module in layer.modules():
        if isinstance(module, Recurrent):
            module.backend = "reference"


def check(made: onnx.ModelProto, lengths: list[int] | None = None, **feeds: Any) -> Any:
    """The layer of a model, after it gave the outputs and states of ONNX Runtime."""
    inputs = np.random.default_rng(1).standard_normal((TIME, BATCH, INPUTS)).astype(np.float32)
    expected = run(made, X=inputs, **feeds)
    (layer,) = from_onnx(made).values()
    by_equations(layer)
    given = None
    if "initial_h" in feeds:
        names = ("hidden_l0", "hidden_l0_reverse")
        given = {n: torch.from_numpy(value) for n, value in zip(names, feeds["initial_h"], strict=False)}
    lens = None if lengths is None else torch.tensor(lengths)
    outputs, state = layer(torch.from_numpy(inputs).transpose(0, 1), given, lengths=lens)
    reached = [outputs]
    for name in ("hidden", "cell")[: len(expected) - 1]:
        reached.append(torch.stack([value for key, value in state.items() if key.startswith(name)]))
    for ours, theirs in zip(reached, expected, strict=True):
        torch.testing.assert_close(
            ours.detach(), torch.from_numpy(theirs.copy()), atol=FLOAT32_RECURRENCE, rtol=FLOAT32_RECURRENCE
        )
    return layer


NODES: list[tuple[str, dict[str, Any], str]] = [
    ("RNN", {}, "rnn"),
    ("RNN", {"activations": ["Relu"]}, "rnn_relu"),
    ("RNN", {"activations": ["Relu"], "clip": 0.3}, "rnn with other activations"),
    ("GRU", {}, "gru_before"),
    ("GRU", {"linear_before_reset": 1}, "gru"),
    ("GRU", {"linear_before_reset": 1, "clip": 0.4}, "gru with other activations"),
    ("GRU", {"activations": ["HardSigmoid", "Softsign"]}, "gru_before with other activations"),
    ("LSTM", {}, "lstm"),
    ("LSTM", {"input_forget": 1}, "lstm_coupled"),
    ("LSTM", {"clip": 0.4, "input_forget": 1}, "lstm_coupled with other activations"),
    ("LSTM", {"clip": 0.4}, "lstm with other activations"),
    ("LSTM", {"activations": ["Sigmoid", "Tanh", "Relu"]}, "lstm with other activations"),
    # Alphas and betas are used up in the order of the functions that have them.
    (
        "LSTM",
        {
            "activations": ["HardSigmoid", "LeakyRelu", "Affine"],
            "activation_alpha": [0.25, 0.1, 0.5],
            "activation_beta": [0.5, 0.2],
        },
        "lstm with other activations",
    ),
]


@pytest.mark.parametrize(("operator", "attributes", "cell"), NODES, ids=str)
def test_a_node_computes_what_onnx_runtime_does(operator: str, attributes: dict[str, Any], cell: str) -> None:
    # Every direction has functions and numbers of its own.
    both = {name: value * 2 if isinstance(value, list) else value for name, value in attributes.items()}
    layer = check(model(operator, arrays(operator, 2), direction="bidirectional", **both))
    assert layer.cells[0].name == cell


@pytest.mark.parametrize("operator", GATES)
@pytest.mark.parametrize("direction", ["forward", "reverse"])
def test_one_direction(operator: str, direction: str) -> None:
    layer = check(model(operator, arrays(operator), direction=direction))
    assert isinstance(layer, Backwards if direction == "reverse" else Recurrent)


@pytest.mark.parametrize(
    "function",
    ["Relu", "Tanh", "Sigmoid", "LeakyRelu", "HardSigmoid", "Elu", "Softsign", "Softplus"],
)
def test_every_activation_with_its_defaults(function: str) -> None:
    check(model("RNN", arrays("RNN"), activations=[function]))


@pytest.mark.parametrize("function", ["Affine", "ScaledTanh", "ThresholdedRelu", "Elu", "HardSigmoid"])
def test_every_activation_with_numbers(function: str) -> None:
    check(model("RNN", arrays("RNN"), activations=[function], activation_alpha=[0.5], activation_beta=[0.25]))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_peepholes(direction: str) -> None:
    given = arrays("LSTM", 2 if direction == "bidirectional" else 1, peephole=True)
    layer = check(model("LSTM", given, direction=direction, clip=1.5))
    assert "peephole" in str(layer)


def test_directions_with_functions_of_their_own_are_two_layers() -> None:
    layer = check(model("RNN", arrays("RNN", 2), direction="bidirectional", activations=["Tanh", "Relu"]))
    assert isinstance(layer, Bidirectional)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_sequence_lens_are_lengths(direction: str) -> None:
    lengths = [7, 1, 4]
    given = arrays("GRU", 2 if direction == "bidirectional" else 1) | {"sequence_lens": None}
    made = model("GRU", given, direction=direction)
    check(made, lengths, sequence_lens=np.array(lengths, np.int32))


def test_without_biases() -> None:
    given = arrays("LSTM")
    del given["B"]
    layer = check(model("LSTM", given))
    assert not layer.cells[0].bias


def test_an_initial_state_that_is_part_of_the_model_is_the_layers() -> None:
    rng = np.random.default_rng(2)
    states = {
        n: np.repeat(rng.standard_normal((2, 1, UNITS)), BATCH, 1).astype("f") for n in ("initial_h", "initial_c")
    }
    layer = check(model("LSTM", arrays("LSTM", 2) | states, direction="bidirectional"))
    assert layer.learn_initial_state


def test_an_initial_state_that_is_given_is_the_argument_state() -> None:
    states = np.random.default_rng(2).standard_normal((2, BATCH, UNITS)).astype(np.float32)
    layer = check(model("GRU", arrays("GRU", 2) | {"initial_h": None}, direction="bidirectional"), initial_h=states)
    assert not layer.learn_initial_state


def test_initial_states_in_the_layout_with_the_batch_first() -> None:
    # ONNX Runtime does not run this layout: the same states are laid out both ways.
    rows = np.repeat(np.random.default_rng(2).standard_normal((1, 1, UNITS)), BATCH, 0).astype(np.float32)
    (one,) = from_onnx(model("RNN", arrays("RNN") | {"initial_h": rows}, layout=1)).values()
    (other,) = from_onnx(model("RNN", arrays("RNN") | {"initial_h": rows.swapaxes(0, 1)})).values()
    assert torch.equal(one.initial_hidden_l0, other.initial_hidden_l0)
    assert torch.equal(one.weight_hh_l0, other.weight_hh_l0)


def test_all_layers_of_a_file_by_name(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = nn.LSTM(INPUTS, UNITS, num_layers=2, bidirectional=True)
    onnx.save(onnx_model(theirs), tmp_path / "two.onnx")
    layers = from_onnx(tmp_path / "two.onnx")
    assert list(layers) == ["by_direction0", "by_direction1"]  # nodes without names are called by their outputs
    inputs = torch.randn(BATCH, TIME, INPUTS)
    outputs = inputs
    for layer in layers.values():
        outputs, _ = layer(outputs)
    expected, _ = theirs(inputs.transpose(0, 1))
    torch.testing.assert_close(outputs, expected.transpose(0, 1), atol=FLOAT32_RECURRENCE, rtol=FLOAT32_RECURRENCE)


@pytest.mark.parametrize("cell", ["rnn", "gru", "gru_before", "lstm_peephole", "lstm_coupled"])
def test_there_and_back(cell: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    layer = Recurrent(cell, INPUTS, UNITS)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    to_onnx(layer, tmp_path / "layer.onnx")
    (back,) = from_onnx(tmp_path / "layer.onnx").values()
    inputs = torch.randn(BATCH, TIME, INPUTS)
    torch.testing.assert_close(back(inputs)[0], layer(inputs)[0], rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)


def test_weights_in_constant_nodes() -> None:
    given = arrays("GRU")
    made = model("GRU", given)
    moved = made.graph.initializer.pop(0)
    made.graph.node.insert(0, helper.make_node("Constant", [], [moved.name], value=moved))
    (layer,) = from_onnx(made).values()
    (expected,) = from_onnx(model("GRU", given)).values()
    assert isinstance(layer, Recurrent)
    assert torch.equal(layer.weight_ih_l0, expected.weight_ih_l0)


@pytest.mark.parametrize(
    ("operator", "attributes", "reason"),
    [
        ("RNN", {"activations": ["Softmax"]}, "activation Softmax is not known"),
        ("RNN", {"activations": ["Affine"]}, "Affine needs activation_alpha"),
        ("RNN", {"activations": ["ThresholdedRelu"]}, "ThresholdedRelu needs activation_alpha"),
        ("RNN", {"direction": "sideways"}, "direction must be forward"),
        ("LSTM", {"output_sequence": 1}, "attribute output_sequence"),
        ("LSTM", {"input_forget": 1}, "both peepholes and input_forget"),
    ],
)
def test_what_cannot_be_exact_is_refused(operator: str, attributes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=f"node 'layer' .*{reason}"):
        from_onnx(model(operator, arrays(operator, peephole=operator == "LSTM"), **attributes))


def test_weights_that_the_model_computes_are_refused() -> None:
    given = arrays("GRU")
    made = model("GRU", given)
    del made.graph.initializer[0]
    with pytest.raises(UsageError, match="Fold the model's constants first"):
        from_onnx(made)


def test_what_a_node_must_have() -> None:
    made = model("GRU", arrays("GRU"))
    made.graph.node[0].input[2] = ""
    with pytest.raises(DataError, match=r"node 'layer' \(GRU\): its input R, the weights, is missing"):
        from_onnx(made)
    with pytest.raises(DataError, match="activations must name 2 functions, found Sigmoid"):
        from_onnx(model("GRU", arrays("GRU"), activations=["Sigmoid"]))
    with pytest.raises(DataError, match="the attribute clip must be of the type FLOAT, found STRING"):
        from_onnx(model("GRU", arrays("GRU"), clip="3"))
    with pytest.raises(UsageError, match=r"must be above 0, not -1\.0"):
        from_onnx(model("GRU", arrays("GRU"), clip=-1.0))
    made = model("GRU", arrays("GRU"))
    made.graph.initializer[0].raw_data = b"short"
    with pytest.raises(DataError, match="W: the array 'W' is damaged or incomplete"):
        from_onnx(made)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(UsageError, match=r"needs the package onnx: pip install 'elman\[export\]'"):
        from_onnx("model.onnx")


def test_states_that_differ_between_rows_are_refused() -> None:
    states = np.random.default_rng(2).standard_normal((1, BATCH, UNITS)).astype(np.float32)
    with pytest.raises(UsageError, match="initial_h differs between the rows of a batch"):
        from_onnx(model("RNN", arrays("RNN") | {"initial_h": states}))


@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        ("R", (1, 15, 4), "R has 15 rows and 4 columns"),
        ("W", (1, 14, 4), r"W must have the shape \(1, 15, any\)"),
        ("B", (1, 15), r"B must have the shape \(1, 30\)"),
        ("R", (15, 5), r"R must have the shape \(1, any, any\)"),
    ],
)
def test_arrays_that_do_not_fit(name: str, shape: tuple[int, ...], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        from_onnx(model("GRU", arrays("GRU") | {name: np.zeros(shape, np.float32)}))


def test_files_that_are_no_models(tmp_path: Path) -> None:
    whole = model("GRU", arrays("GRU")).SerializeToString()
    path = tmp_path / "model.onnx"
    with pytest.raises(DataError, match="is missing"):
        from_onnx(path)
    with pytest.raises(DataError, match="cannot be read"):
        from_onnx(tmp_path)
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises((DataError, UsageError)):
            from_onnx(path)
    path.write_bytes(b"no model " * 20)
    with pytest.raises(DataError, match=r"model\.onnx"):
        from_onnx(path)


@pytest.mark.parametrize("place", ["../secret", "{secret}", "gone"])
def test_weights_in_other_files_stay_within_the_folder(place: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(10_000))
    folder = tmp_path / "model"
    folder.mkdir()
    made = model("GRU", arrays("GRU"))
    onnx.external_data_helper.set_external_data(made.graph.initializer[0], place.format(secret=secret))
    made.graph.initializer[0].ClearField("raw_data")
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(DataError, match=r"model\.onnx: cannot be read as a whole ONNX model"):
        from_onnx(folder / "model.onnx")


def test_a_model_without_recurrent_nodes() -> None:
    graph = helper.make_graph([helper.make_node("Relu", ["X"], ["Y"])], "graph", [], [])
    with pytest.raises(DataError, match="no RNN, GRU or LSTM node in its main graph, only Relu"):
        from_onnx(helper.make_model(graph))
