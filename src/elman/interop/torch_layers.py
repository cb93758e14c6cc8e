"""Layers of torch.nn as `elman.nn.Recurrent`, and back.

Names, layouts and gate orders are the same on both sides, so weights are copied as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from elman.cells import make
from elman.errors import DataError, UsageError
from elman.interop.parts import Part, shaped, stacked
from elman.nn import Recurrent
from elman.nn.unroll import suffixes

#: torch.nn's modules that run over time, and those that make a single step.
LAYERS = (nn.RNN, nn.LSTM, nn.GRU)
CELLS = (nn.RNNCell, nn.LSTMCell, nn.GRUCell)

#: Blocks of rows in ``weight_ih`` -> the cell.
_CELL_OF_BLOCKS = {4: "lstm", 3: "gru", 1: "rnn"}

_Arrays: TypeAlias = Mapping[str, Tensor]


def from_torch(source: nn.Module | Mapping[str, Any], *, nonlinearity: str = "tanh") -> Recurrent:
    """``torch.nn.RNN``, ``LSTM``, ``GRU`` or one of their ``...Cell``s as a `Recurrent` with the same weights.

    Args:
        source: The module, or its ``state_dict`` (also with a prefix before all names, as in a whole model's, of
            which it must be the only recurrent layer).
        nonlinearity: ``tanh`` or ``relu``, for the state_dict of an RNN, which does not say it.

    Layers, directions, ``proj_size``, ``bias`` and dropout between layers are kept. Arrays are (batch, time, features)
    on this side whatever ``batch_first`` says; ``h_n`` and ``c_n`` are ``hidden_l0``, ``cell_l0``, ... here. A
    ``...Cell`` becomes a layer of which one step is one call with one time step.

    Raises `UsageError` for another kind of module, and `DataError` for a state_dict without a recurrent layer, or with
    several, or with missing weights.

    >>> theirs = nn.LSTM(3, 5, num_layers=2, batch_first=True)
    >>> inputs = torch.randn(2, 7, 3)
    >>> torch.allclose(from_torch(theirs)(inputs)[0], theirs(inputs)[0], atol=1e-6)
    True
    """
    if isinstance(source, LAYERS):
        nonlinearity = "relu" if source.mode == "RNN_RELU" else "tanh"
        layer = _from_arrays(_arrays(source), nonlinearity)
        layer.dropout.p = source.dropout
        return layer.train(source.training)
    if isinstance(source, CELLS):
        arrays = {f"{name}_l0": value for name, value in _arrays(source).items()}
        return _from_arrays(arrays, getattr(source, "nonlinearity", "tanh")).train(source.training)
    if isinstance(source, Mapping):
        return _from_arrays(_only_layer(source), nonlinearity)
    raise UsageError(
        f"from_torch takes torch.nn's RNN, LSTM, GRU and their cells, or a state_dict, not {type(source).__name__}."
    )


def to_torch(layer: Recurrent) -> nn.RNNBase:
    """A `Recurrent` of the cells ``rnn``, ``rnn_relu``, ``lstm`` or ``gru`` as torch.nn's module, batch first.

    Raises `UsageError`, and says why, for what torch.nn does not have: other cells, layers of different sizes, a learnt
    initial state, and options that change the step.

    >>> layer = Recurrent("gru", 3, 5)
    >>> to_torch(layer)
    GRU(3, 5, batch_first=True)
    """
    cell = layer.cells[0]
    kinds: dict[str, tuple[Callable[..., nn.RNNBase], dict[str, Any]]] = {
        "rnn": (nn.RNN, {}),
        "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
        "lstm": (nn.LSTM, {"proj_size": getattr(cell, "projection_size", 0)}),
        "gru": (nn.GRU, {}),
    }
    if cell.name not in kinds:
        raise UsageError(f"torch.nn has no layer of the cell {cell.name}, only of {', '.join(kinds)}.")
    obstacle = _beyond_torch(layer)
    if obstacle:
        raise UsageError(f"torch.nn has no layer with {obstacle}.")
    kind, options = kinds[cell.name]
    theirs = kind(
        cell.input_size,
        cell.hidden_size,
        num_layers=len(layer.cells),
        bias=cell.bias,
        batch_first=True,
        dropout=layer.dropout.p if len(layer.cells) > 1 else 0.0,
        bidirectional=layer.bidirectional,
        **options,
    )
    weight = layer.get_parameter("weight_ih_l0")
    theirs.to(weight.device, weight.dtype).load_state_dict(layer.state_dict())
    return theirs.train(layer.training)


def _beyond_torch(layer: Recurrent) -> str:
    options = layer.step_options
    obstacles = {
        "a recurrent matrix in heads": getattr(layer.cells[0], "heads", 1) > 1,
        "layers of different sizes": len({cell.hidden_size for cell in layer.cells}) > 1,
        "a learnt initial state": layer.learn_initial_state,
        "dropped weights": bool(layer.weight_drop),
        "locked dropout": bool(layer.dropout.p) and not isinstance(layer.dropout, nn.Dropout),
        "zoneout": any(options.around(cell, training=False).extras for cell in layer.cells),
        "recurrent dropout": bool(options.recurrent_dropout),
        "dropped updates": bool(options.update_dropout),
        "clipped states": options.clip is not None,
    }
    return next((name for name, holds in obstacles.items() if holds), "")


def _arrays(module: nn.Module) -> _Arrays:
    # By name and not from the state_dict: under a parametrisation the weights are not in there.
    names = getattr(module, "_flat_weights_names", None) or [
        name for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if getattr(module, name, None) is not None
    ]
    return {name: getattr(module, name) for name in names}


def _only_layer(state_dict: Mapping[str, Any]) -> _Arrays:
    """The arrays of the one recurrent layer in a state_dict, without what stands before all of its names."""
    ending = "weight_ih_l0"
    prefixes = [name.removesuffix(ending) for name in state_dict if name.endswith(ending)]
    if len(prefixes) != 1:
        found = f"those of {', '.join(repr(prefix) for prefix in prefixes)}" if prefixes else "none"
        raise DataError(
            f"A state_dict must have the names of one recurrent layer ({ending}, weight_hh_l0, ...), found {found}."
        )
    names = re.compile(re.escape(prefixes[0]) + r"((?:weight|bias)_(?:ih|hh|hr)_l\d+(?:_reverse)?)")
    return {match[1]: state_dict[name] for name in state_dict if (match := names.fullmatch(name))}


def _from_arrays(arrays: _Arrays, nonlinearity: str) -> Recurrent:
    if nonlinearity not in ("tanh", "relu"):
        raise UsageError(f"nonlinearity must be 'tanh' or 'relu', not {nonlinearity!r}.")
    bidirectional = "weight_ih_l0_reverse" in arrays
    count = 1 + max(int(re.findall(r"_l(\d+)", name)[0]) for name in arrays)
    return stacked(
        [[_part(arrays, suffix, nonlinearity) for suffix in suffixes(k, bidirectional)] for k in range(count)]
    )


def _part(arrays: _Arrays, suffix: str, nonlinearity: str) -> Part:
    def array(name: str, *shape: int | None) -> Any:
        if name + suffix not in arrays:
            raise DataError(f"'{name}{suffix}' is missing among the weights of the layer.")
        values = torch.as_tensor(arrays[name + suffix]).detach().cpu()
        return shaped(values if values.dtype == torch.float64 else values.float(), shape, f"'{name}{suffix}'")

    weights = {"weight_ih": array("weight_ih", None, None), "weight_hh": array("weight_hh", None, None)}
    rows, outputs = weights["weight_hh"].shape
    if f"weight_hr{suffix}" in arrays:
        weights["weight_hr"] = array("weight_hr", outputs, None)
    for name in ("bias_ih", "bias_hh") if f"bias_ih{suffix}" in arrays else ():
        weights[name] = array(name, rows)
    hidden = weights["weight_hr"].shape[1] if "weight_hr" in weights else outputs
    if rows % hidden or rows // hidden not in _CELL_OF_BLOCKS:
        raise DataError(
            f"'weight_hh{suffix}' has {rows} rows for {hidden} units; an LSTM has 4 for each, a GRU 3 and an RNN 1."
        )
    name = _CELL_OF_BLOCKS[rows // hidden]
    if name == "rnn" and nonlinearity == "relu":
        name = "rnn_relu"
    options = {"projection_size": outputs} if "weight_hr" in weights else {}
    cell = make(name, weights["weight_ih"].shape[1], hidden, bias="bias_ih" in weights, **options)
    return Part(f"layer {suffix.strip('_')}", cell, weights)
