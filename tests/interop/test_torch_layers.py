from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import elman.nn
from elman.errors import DataError, UsageError
from elman.interop import from_torch, to_torch
from elman.nn import Recurrent
from tolerances import FLOAT32_STEP

# torch says so once per process for float32 on the CPU; it is right, and nothing to act on.
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {"num_layers": 2}),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    ("LSTM", {"bias": False}),
    ("LSTM", {"bidirectional": True, "num_layers": 2, "proj_size": 2, "batch_first": True}),
    ("GRU", {"num_layers": 2, "bidirectional": True, "dropout": 0.5}),
]
every_layer = pytest.mark.parametrize(("kind", "options"), LAYERS, ids=str)


def theirs(kind: str, options: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    return getattr(nn, kind)(3, 5, **options).eval()


@every_layer
def test_the_same_outputs_and_states(kind: str, options: dict[str, Any]) -> None:
    module = theirs(kind, options)
    inputs, lengths = torch.randn(2, 6, 3), torch.tensor([6, 4])
    packed = pack_padded_sequence(inputs, lengths, batch_first=True)
    packed_outputs, states = module(packed)
    expected, _ = pad_packed_sequence(packed_outputs, batch_first=True)
    outputs, state = from_torch(module)(inputs, lengths=lengths)
    torch.testing.assert_close(outputs, expected, **FLOAT32_STEP)
    for name, value in zip(("hidden", "cell"), states if kind == "LSTM" else (states,), strict=False):
        ours = torch.stack([v for key, v in state.items() if key.startswith(name)])
        torch.testing.assert_close(ours, value, **FLOAT32_STEP)


@every_layer
def test_there_and_back(kind: str, options: dict[str, Any]) -> None:
    module = theirs(kind, options)
    back = to_torch(from_torch(module))
    assert type(back) is type(module)
    # The layout of the arrays is the one thing that is not kept.
    assert back.extra_repr().replace(", batch_first=True", "") == module.extra_repr().replace(", batch_first=True", "")
    assert back.state_dict().keys() == module.state_dict().keys()
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in module.state_dict().items())


def test_a_state_dict_within_a_models() -> None:
    model = nn.Sequential(nn.Embedding(4, 3), nn.LSTM(3, 5, num_layers=2, proj_size=2), nn.Linear(2, 1))
    layer = from_torch(model.state_dict())
    inputs = torch.randn(2, 6, 3)
    torch.testing.assert_close(layer(inputs)[0], model[1](inputs.transpose(0, 1))[0].transpose(0, 1), **FLOAT32_STEP)


def test_the_nonlinearity_of_a_state_dict_is_said() -> None:
    module = theirs("RNN", {"nonlinearity": "relu"})
    assert from_torch(module.state_dict(), nonlinearity="relu").cells == from_torch(module).cells
    with pytest.raises(UsageError, match="nonlinearity must be 'tanh' or 'relu', not 'gelu'"):
        from_torch(module.state_dict(), nonlinearity="gelu")


@pytest.mark.parametrize("module", [nn.LSTMCell(3, 5), nn.GRUCell(3, 5, bias=False), nn.RNNCell(3, 5)], ids=str)
def test_cells(module: Any) -> None:
    x = torch.randn(2, 3)
    after = module(x)
    outputs, _ = from_torch(module)(x.unsqueeze(1))
    torch.testing.assert_close(outputs[:, 0], after[0] if isinstance(after, tuple) else after, **FLOAT32_STEP)


def test_the_weights_are_copied_with_their_type_and_computed_ones_as_they_are() -> None:
    module = weight_norm(theirs("GRU", {}).double(), "weight_hh_l0")
    layer = from_torch(module)
    assert layer.weight_hh_l0.dtype == torch.float64
    assert torch.equal(layer.weight_hh_l0, module.weight_hh_l0)
    assert layer.weight_ih_l0 is not module.weight_ih_l0


def test_half_precision_becomes_float32() -> None:
    assert from_torch(theirs("LSTM", {}).bfloat16()).weight_ih_l0.dtype == torch.float32


def test_the_users_random_numbers_stay_as_they_are() -> None:
    module = theirs("LSTM", {})
    before = torch.get_rng_state()
    from_torch(module)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_drop_ins_are_torchs() -> None:
    assert from_torch(elman.nn.LSTM(3, 5)).cells[0].name == "lstm"


def test_the_mode_is_kept() -> None:
    module = nn.GRU(3, 5, num_layers=2, dropout=0.3)
    layer = from_torch(module)
    assert layer.training
    assert layer.dropout.p == 0.3
    assert not from_torch(module.eval()).training


@pytest.mark.parametrize("source", [nn.Linear(3, 5), nn.Transformer, 3], ids=str)
def test_another_kind_of_module(source: Any) -> None:
    with pytest.raises(UsageError, match=r"from_torch takes torch\.nn's RNN, LSTM, GRU and their cells"):
        from_torch(source)


def test_state_dicts_that_are_not_of_one_layer() -> None:
    weights = theirs("LSTM", {}).state_dict()
    two = {prefix + name: value for prefix in ("a.", "b.") for name, value in weights.items()}
    with pytest.raises(DataError, match=r"names of one recurrent layer .*, found those of 'a\.', 'b\.'"):
        from_torch(two)
    with pytest.raises(DataError, match="found none"):
        from_torch({"weight": torch.zeros(2)})
    with pytest.raises(DataError, match="'weight_hh_l0' is missing"):
        from_torch({name: value for name, value in weights.items() if name != "weight_hh_l0"})
    with pytest.raises(DataError, match=r"'bias_hh_l0' must have the shape \(20,\), found \(3,\)"):
        from_torch({**weights, "bias_hh_l0": torch.zeros(3)})
    with pytest.raises(DataError, match="has 10 rows for 5 units"):
        from_torch({"weight_ih_l0": torch.zeros(10, 3), "weight_hh_l0": torch.zeros(10, 5)})
    above = {name.replace("_l0", "_l1"): value for name, value in theirs("LSTM", {}).state_dict().items()}
    with pytest.raises(DataError, match="layer l1 takes 3 features and has 5 units, which does not fit the 5 features"):
        from_torch(weights | above)
    with pytest.raises(DataError, match="'weight_ih_l1' is missing"):
        from_torch(weights | {name.replace("_l1", "_l2"): value for name, value in above.items()})
    with pytest.raises(UsageError, match="layer l1 computes otherwise than layer l0"):
        from_torch(weights | {name: value for name, value in above.items() if "weight" in name})


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (Recurrent("gru_before", 3, 5), "no layer of the cell gru_before, only of rnn, rnn_relu, lstm, gru"),
        (Recurrent("gru", 3, 6, heads=2), "no layer with a recurrent matrix in heads"),
        (Recurrent("lstm", 3, [5, 4]), "no layer with layers of different sizes"),
        (Recurrent("lstm", 3, 5, learn_initial_state=True), "no layer with a learnt initial state"),
        (Recurrent("lstm", 3, 5, zoneout={"cell": 0.1}), "no layer with zoneout"),
        (Recurrent("lstm", 3, 5, recurrent_dropout=0.1), "no layer with recurrent dropout"),
        (Recurrent("lstm", 3, 5, clip=3.0), "no layer with clipped states"),
        (Recurrent("lstm", 3, 5, weight_drop=0.1), "no layer with dropped weights"),
        (Recurrent("lstm", 3, 5, 2, dropout=0.1, locked_dropout=True), "no layer with locked dropout"),
    ],
    ids=str,
)
def test_what_torch_does_not_have(layer: Recurrent, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"torch\.nn has {reason}"):
        to_torch(layer)
