from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from elman.errors import DataError, UsageError
from elman.interop import Backwards, Bidirectional, from_keras
from elman.nn import Recurrent
from interop.keras_by_hand import UNITS, arrays, layer, model, weights, write, write_h5
from tolerances import FLOAT32_STEP

VECTORS = Path(__file__).parents[1] / "vectors"
LAYERS = {
    "plain": "lstm",
    "after": "gru",
    "before": "gru_before with other activations",
    "relu": "rnn_relu",
    "backwards": "lstm with other activations",
    "both": "gru",
    "sum": "lstm",
    "stack": "lstm",
    "gated": "gru",
    "inner/gru": "gru",
}


def first_cell(module: Any) -> str:
    inner = next(inner for inner in module.modules() if isinstance(inner, Recurrent))
    return str(inner.cells[0].name)


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("version", [2, 3])
def test_every_layer_of_a_file_of_keras_computes_the_same(version: int, ending: str) -> None:
    found = from_keras(VECTORS / f"keras-{version}.{ending}")
    assert {name: first_cell(module) for name, module in found.items()} == LAYERS
    with np.load(VECTORS / f"keras-{version}.npz") as file:
        vectors = dict(file)
    for name, module in found.items():
        outer = name.split("/")[0]
        inputs = vectors["inner inputs" if outer == "inner" else "inputs"]
        for inner in module.modules():
            if isinstance(inner, Recurrent):
                inner.backend = "reference"
        outputs, _ = module(torch.from_numpy(inputs))
        torch.testing.assert_close(outputs.detach(), torch.from_numpy(vectors[outer]), **FLOAT32_STEP)


def one(tmp_path: Path, entry: dict[str, Any], **groups: list[np.ndarray]) -> Any:
    """The layer that a file with this one entry gives; ``cell`` is the group of its cell's arrays."""
    place = {"GRU": "gru", "SimpleRNN": "simple_rnn"}.get(entry["class_name"], entry["class_name"].lower())
    by_group = {f"layers/{place}/{name.replace('__', '/')}": values for name, values in groups.items()}
    (found,) = from_keras(write(tmp_path / "m.keras", model(entry), weights(by_group))).values()
    return found


def test_activations_by_the_version_of_keras(tmp_path: Path) -> None:
    config = model(layer(recurrent_activation="hard_sigmoid", activation="selu"))
    for version, slope in (("2.11.0", 0.2), ("3.0.5", 1 / 6)):
        data = weights({"layers/lstm/cell": arrays()})
        (found,) = from_keras(write(tmp_path / "m.keras", config, data, version)).values()
        assert isinstance(found, Recurrent)
        assert found.cells[0].gate == ("hard_sigmoid", slope, 0.5)
        assert found.cells[0].candidate == found.cells[0].output
        assert found.cells[0].output[0] == "selu"


@pytest.mark.parametrize("merge", ["mul", "ave", None])
def test_both_directions_with_a_layer_of_its_own_each(tmp_path: Path, merge: str | None) -> None:
    config = {
        "merge_mode": merge,
        "layer": layer("LSTM"),
        "backward_layer": layer("GRU", go_backwards=True, reset_after=False),
    }
    entry = {"class_name": "Bidirectional", "config": {"name": "both", **config}}
    found = one(tmp_path, entry, forward_layer__cell=arrays("LSTM"), backward_layer__cell=arrays("GRU"))
    assert isinstance(found, Bidirectional)
    assert found.merge == (merge or "concat")
    names = ["hidden_l0", "cell_l0", "hidden_l0_reverse"]
    assert list(found(torch.zeros(1, 2, 2))[1]) == names


def test_a_stack_of_cells_in_both_directions(tmp_path: Path) -> None:
    cells = [{"class_name": "GRUCell", "config": {"units": UNITS}}] * 2
    stack = layer("RNN", cell={"class_name": "StackedRNNCells", "config": {"cells": cells}})
    upper = [np.ones((3, 9), np.float32), *arrays("GRU")[1:]]
    groups = {
        f"{side}_layer__cell__cells__{name}": values
        for side in ("forward", "backward")
        for name, values in (("gru_cell", arrays("GRU")), ("gru_cell_1", upper))
    }
    found = one(tmp_path, layer("Bidirectional", layer=stack), **groups)
    inputs = torch.randn(2, 4, 2)
    forward, backward = found(inputs)[0].chunk(2, -1)
    # Both directions have the same weights here, and each runs through all of its cells by itself.
    torch.testing.assert_close(found(inputs.flip(1))[0].chunk(2, -1)[1].flip(1), forward, **FLOAT32_STEP)
    assert not torch.equal(forward, backward)


def test_a_backward_layer_that_is_not_described_is_like_the_forward_one(tmp_path: Path) -> None:
    entry = {"class_name": "Bidirectional", "config": {"name": "both", "layer": layer("SimpleRNN")}}
    found = one(tmp_path, entry, forward_layer__cell=arrays("SimpleRNN"), backward_layer__cell=arrays("SimpleRNN", 1))
    assert isinstance(found, Recurrent)
    assert np.array_equal(found.weight_ih_l0_reverse.detach(), arrays("SimpleRNN", 1)[0].T)


def test_masked_steps_are_lengths_and_the_last_output_is_the_state(tmp_path: Path) -> None:
    found = one(tmp_path, layer(return_sequences=False), cell=arrays())
    inputs = torch.randn(2, 4, 2)
    _, state = found(inputs, lengths=torch.tensor([4, 2]))
    outputs, _ = found(inputs[1:, :2])
    torch.testing.assert_close(state["hidden_l0"][1], outputs[0, -1], **FLOAT32_STEP)


def test_types_of_numbers(tmp_path: Path) -> None:
    double = [array.astype(np.float64) for array in arrays()]
    assert one(tmp_path, layer(), cell=double).weight_ih_l0.dtype == torch.float64
    half = [array.astype(np.float16) for array in arrays()]
    assert one(tmp_path, layer(), cell=half).weight_ih_l0.dtype == torch.float32


def test_the_oldest_forms(tmp_path: Path) -> None:
    kernels = dict(zip(("lstm_1/kernel:0", "lstm_1/recurrent_kernel:0", "lstm_1/bias:0"), arrays(), strict=True))
    listed = {"class_name": "Sequential", "config": [layer(name="lstm_1")]}  # Keras 2.0 to 2.2
    (found,) = from_keras(write_h5(tmp_path / "m.h5", listed, {"lstm_1": kernels}, "2.1.6")).values()
    assert np.array_equal(found.weight_ih_l0.detach(), arrays()[0].T)
    # Keras 2.12 gave every second number.
    groups = {
        f"_layer_checkpoint_dependencies/{name}/cell": arrays(seed=s) for s, name in enumerate(("lstm", "lstm_2"))
    }
    square = [array if array.shape[0] != 2 else np.concatenate([array, array[:1]]) for array in arrays(seed=1)]
    groups["_layer_checkpoint_dependencies/lstm_2/cell"] = square
    config = model(layer(name="one"), layer(name="two"))
    found_both = from_keras(write(tmp_path / "m.keras", config, weights(groups), "2.12.0"))
    assert np.array_equal(found_both["two"].weight_ih_l0.detach(), square[0].T)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (layer(activation="softmax"), "activation is softmax, which is not one of"),
        (
            layer(recurrent_activation={"class_name": "Mine"}),
            "recurrent_activation is an object or a function of your own",
        ),
        (layer("ConvLSTM2D"), "its products are convolutions"),
        (layer("RNN", cell={"class_name": "PeepholeLSTMCell", "config": {}}), "its cell PeepholeLSTMCell is none of"),
        (layer("Bidirectional", layer=layer("Attention")), "a layer Attention around a recurrent one, or within one"),
        (layer("TimeDistributed", layer=layer()), "a layer TimeDistributed around a recurrent one"),
        (layer("Bidirectional", layer=layer(), merge_mode="max"), "merge_mode='max' is not known"),
        (layer("Bidirectional", layer=layer(go_backwards=True)), "its forward layer must have go_backwards=False"),
        (
            layer("Bidirectional", layer=layer(), backward_layer=layer()),
            "its forward layer must .*, and its backward layer True",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_exact_is_refused(tmp_path: Path, entry: dict[str, Any], reason: str) -> None:
    groups = {name: arrays() for name in ("cell", "forward_layer__cell", "backward_layer__cell")}
    with pytest.raises(UsageError, match=rf"layer 'layer' \({entry['class_name']}\) cannot be taken: {reason}"):
        one(tmp_path, entry, **groups)


def test_cells_of_several_kinds_in_one_stack_are_refused(tmp_path: Path) -> None:
    cells = [{"class_name": f"{kind}Cell", "config": {"units": UNITS}} for kind in ("SimpleRNN", "LSTM")]
    entry = layer("RNN", cell={"class_name": "StackedRNNCells", "config": {"cells": cells}})
    upper = [np.zeros((3, 12), np.float32), *arrays()[1:]]
    with pytest.raises(UsageError, match=r"cells/lstm_cell computes otherwise than .*cells/simple_rnn_cell"):
        one(tmp_path, entry, cell__cells__simple_rnn_cell=arrays("SimpleRNN"), cell__cells__lstm_cell=upper)


@pytest.mark.parametrize(
    ("entry", "values", "reason"),
    [
        (layer(), arrays()[:2], "needs 3 arrays, the file has 2"),
        (layer(use_bias=False), arrays(), "needs 2 arrays, the file has 3"),
        (layer(units=4), arrays(), r"kernel must have the shape \(any, 16\), found \(2, 12\)"),
        (layer(), arrays("GRU"), r"kernel must have the shape \(any, 12\), found \(2, 9\)"),
        (layer("GRU", reset_after=True), arrays("GRU"), r"bias must have the shape \(2, 9\), found \(9,\)"),
        (layer(units="3"), arrays(), "units must be a whole number above 0, found '3'"),
        (layer("RNN"), arrays(), "does not say what is in it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_arrays_and_options_that_do_not_fit(
    tmp_path: Path, entry: dict[str, Any], values: list[np.ndarray], reason: str
) -> None:
    with pytest.raises(DataError, match=f"m.keras: layer 'layer' .*{reason}"):
        one(tmp_path, entry, cell=values)


def test_a_model_without_recurrent_layers(tmp_path: Path) -> None:
    path = write(tmp_path / "m.keras", model(layer("Dense"), layer("Dropout")), weights({}))
    with pytest.raises(DataError, match=r"no recurrent layer .*, only Dense, Dropout"):
        from_keras(path)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_layers_for_cudnn(kind: str, tmp_path: Path) -> None:
    """Compares with what Keras 2.15 makes of such weights; see tests/vectors/write_keras.py."""
    with np.load(VECTORS / "keras-cudnn.npz") as file:
        given, expected = ([file[f"{kind} {form} {index}"] for index in range(3)] for form in ("cudnn", "plain"))
    names = ("layer/kernel:0", "layer/recurrent_kernel:0", "layer/bias:0")
    (found, plain) = (
        next(iter(from_keras(write_h5(tmp_path / "m.h5", model(entry), {"layer": weights})).values()))
        for entry, weights in (
            (layer(f"CuDNN{kind}"), dict(zip(names, given, strict=True))),
            (layer(kind, reset_after=True), dict(zip(names, expected, strict=True))),
        )
    )
    assert isinstance(found, Recurrent)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(found.state_dict()[name], value, **FLOAT32_STEP)


def test_a_class_of_somebodys_own_is_left_out(tmp_path: Path) -> None:
    config = model({**layer(name="own"), "registered_name": "Custom>LSTM"}, layer(name="kerass"))
    groups = {"layers/lstm/cell": arrays(), "layers/lstm_1/cell": arrays(seed=1)}
    found = from_keras(write(tmp_path / "m.keras", config, weights(groups)))
    assert list(found) == ["kerass"]
    assert np.array_equal(found["kerass"].weight_ih_l0.detach(), arrays(seed=1)[0].T)


def test_go_backwards(tmp_path: Path) -> None:
    found = one(tmp_path, layer(go_backwards=True), cell=arrays())
    assert isinstance(found, Backwards)
    outputs, state = found(torch.randn(1, 4, 2))
    assert torch.equal(outputs[:, -1], state["hidden_l0"])
