"""Layers and networks of torch as what can be exported."""

from __future__ import annotations

import copy
import functools
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from elman.cells import Cell, make
from elman.errors import ExportError
from elman.export.onnx.document import Array
from elman.export.onnx.layers import Function, ImageLayers, InARow, LayerNorm, Layers, Linear, Part, ZeroBeyond
from elman.export.onnx.model import Model, Run, State, language_model
from elman.nn.cell_keys import parameter_names
from elman.nn.convolutional import Convolutional
from elman.nn.drop_in import GRU, LSTM, RNN
from elman.nn.dropout import LockedDropout
from elman.nn.language_model import LanguageModelNetwork
from elman.nn.recurrent import Recurrent
from elman.nn.stack import Residual, Stack
from elman.nn.unroll import suffixes

DropIn: TypeAlias = RNN | LSTM | GRU

DTYPES: dict[torch.dtype, np.dtype[Any]] = {torch.float32: np.dtype(np.float32), torch.float64: np.dtype(np.float64)}

#: Modules that work on every number by itself -> ONNX's operator.
FUNCTIONS = {nn.Tanh: "Tanh", nn.Sigmoid: "Sigmoid", nn.ReLU: "Relu"}

#: Modules that do nothing in evaluation.
NOTHING = (nn.Dropout, LockedDropout, nn.Identity)


def of_module(module: nn.Module) -> Model:
    """A layer or a network, in evaluation, computed by the cells' own equations.

    Raises `ExportError` for a module or a type of numbers that cannot be exported.
    """
    module = copy.deepcopy(module).cpu().eval()
    for layer in module.modules():
        if isinstance(layer, (Recurrent, DropIn)):
            layer.backend = "reference"
    dtype, run = _dtype(module), _running(module)
    if isinstance(module, LanguageModelNetwork):
        return Model(_language_model(module), run, symbols=True, dtype=dtype)
    part = _images(module) if isinstance(module, Convolutional) else _part(module)
    return Model(InARow(part, ZeroBeyond()) if isinstance(module, (Stack, Residual)) else part, run, dtype=dtype)


def _dtype(module: nn.Module) -> np.dtype[Any]:
    found = {parameter.dtype for parameter in module.parameters()}
    if len(found) != 1 or not found <= DTYPES.keys():
        names = ", ".join(sorted(str(each) for each in found)) or "none"
        raise ExportError(f"The weights must be float32 or float64, found {names}: convert the module with .float().")
    return DTYPES[found.pop()]


def _part(module: nn.Module) -> Part:
    """What a module is made of."""
    if isinstance(module, Recurrent):
        return _recurrent(module)
    if isinstance(module, DropIn):
        return Layers(module.cells, _params(module, module.cells), bidirectional=module.bidirectional)
    if isinstance(module, (Stack, Residual)):
        return InARow(*map(_part, module.layers), residual=isinstance(module, Residual))
    if isinstance(module, nn.Linear):
        return Linear(_array(module.weight), None if module.bias is None else _array(module.bias))
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        gain, shift = np.ones(module.normalized_shape), np.zeros(module.normalized_shape)
        gain = gain if module.weight is None else _array(module.weight)
        return LayerNorm(gain, shift if module.bias is None else _array(module.bias), module.eps)
    if isinstance(module, NOTHING):
        return InARow()
    if type(module) in FUNCTIONS:
        return Function(FUNCTIONS[type(module)])
    where = " within a stack" if isinstance(module, Convolutional) else ""
    raise ExportError(
        f"{type(module).__name__} cannot be exported{where}; what can is Recurrent, RNN, LSTM, GRU, ConvLSTM and "
        "ConvGRU of elman.nn, language models, and Stack and Residual of Recurrent, Linear, LayerNorm, dropout, Tanh, "
        "Sigmoid and ReLU."
    )


def _recurrent(module: Recurrent) -> Layers:
    """`Recurrent` in evaluation: no dropout, and zoneout as its expectation."""
    cells = tuple(module.step_options.around(cell, training=False) for cell in module.cells)
    step = next(module.parameters()).new_zeros(1, 1, 1)
    given: dict[str, Array] = {}
    for layer, cell in enumerate(cells):
        expected = module.step_options.extras(cell, step, training=False)
        for suffix in suffixes(layer, module.bidirectional):
            given |= {name + suffix: _array(value[0]) for name, value in expected.items()}
    learnt = module.state_sizes if module.learn_initial_state else ()
    initial = {name: _array(module.get_parameter(f"initial_{name}")) for name in learnt}
    return Layers(cells, _params(module, cells), initial, bidirectional=module.bidirectional, given=given)


def _images(module: Convolutional) -> ImageLayers:
    """Layers over images are those of the cell with the same equations, with kernels for matrices and one bias."""
    if _dtype(module) != np.float32:
        raise ExportError("ONNX Runtime has no convolutions in float64: convert the module with .float().")
    below = (module.input_channels, *module.channels)
    cells = tuple(make(module.cell, size, channels) for size, channels in zip(below, module.channels, strict=False))
    params: dict[str, Array] = {}
    for layer, cell in enumerate(cells):
        for name, parameter in cell.parameters().items():
            own = {"bias_ih": "bias"}.get(name, name) + f"_l{layer}"
            found = np.zeros(parameter.shape) if name == "bias_hh" else _array(getattr(module, own))
            params[f"{name}_l{layer}"] = found
    return ImageLayers(cells, params)


def _language_model(module: LanguageModelNetwork) -> Part:
    embedding = _array(module.embedding.weight)
    softmax = embedding if module.softmax.weight is None else _array(module.softmax.weight)
    return language_model(_recurrent(module.recurrent), embedding, softmax, _array(module.softmax.bias))


def _params(module: Recurrent | DropIn, cells: tuple[Cell, ...]) -> dict[str, Array]:
    # Not get_parameter: a parametrised weight is no parameter.
    return {
        name + suffix: _array(getattr(module, name + suffix))
        for layer, cell in enumerate(cells)
        for suffix in suffixes(layer, module.bidirectional)
        for name in parameter_names(cell)
    }


def _running(module: nn.Module) -> Run:
    """The module as what the exported file is compared with."""
    if isinstance(module, DropIn):
        return functools.partial(_run_drop_in, module)
    return functools.partial(_run, module)


@torch.no_grad()
def _run(module: nn.Module, inputs: Array, state: State | None, elapsed: Array | None) -> tuple[Array, State]:
    before = None if state is None else {name: torch.from_numpy(value) for name, value in state.items()}
    options = {} if elapsed is None else {"elapsed": torch.from_numpy(elapsed)}
    outputs, after, *_ = module(torch.from_numpy(inputs), before, **options)
    return _array(outputs), {name: _array(value) for name, value in after.items()}


@torch.no_grad()
def _run_drop_in(module: DropIn, inputs: Array, state: State | None, elapsed: Array | None) -> tuple[Array, State]:
    names = list(module.cells[0].state_sizes)
    places = [suffix for layer in range(module.num_layers) for suffix in suffixes(layer, module.bidirectional)]
    turned, hx = np.ascontiguousarray(inputs if module.batch_first else inputs.swapaxes(0, 1)), None
    if state is not None:
        parts = [torch.from_numpy(np.stack([state[name + place] for place in places])) for name in names]
        hx = parts[0] if len(parts) == 1 else tuple(parts)
    outputs, final = module(torch.from_numpy(turned), hx)
    after = zip(names, final if isinstance(final, tuple) else (final,), strict=True)
    found = {name + place: _array(value[index]) for name, value in after for index, place in enumerate(places)}
    return _array(outputs if module.batch_first else outputs.transpose(0, 1)), found


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().numpy()
    return array
