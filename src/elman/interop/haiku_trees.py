"""Parameters of Haiku's recurrent cores as `elman.nn.Recurrent`.

A tree is what ``hk.transform(...).init`` gives, with NumPy or JAX arrays: module -> name -> array.

    LSTM         NAME/linear: w (inputs + units, 4 units), b; gates i, g, f, o     lstm
    GRU          NAME: w_i, w_h, b; gates z, r, a                                  gru_before
    VanillaRNN   NAME/linear: w, b; NAME/linear_1: w, and b or not                 rnn_relu

Haiku adds 1 to the input of the LSTM's forget gate at every step, so it is added to the bias here. The z of its GRU is
the share of the new value where ours is that of the old one, so the weights of z change their sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from elman.cells import make
from elman.errors import DataError, UsageError, nearest
from elman.interop.parts import Array, Part, arranged, shaped, stacked
from elman.nn import Recurrent


def from_haiku(params: Mapping[str, Mapping[str, Any]], module: str) -> Recurrent:
    """One recurrent core of a Haiku model, ``hk.LSTM``, ``hk.GRU`` or ``hk.VanillaRNN``, with the same weights.

    Args:
        params: The whole tree, module -> name -> array.
        module: The core's name in it, without what follows: ``"lstm"`` for ``"lstm/linear"``.

    The core is run over (batch, time, features); its state after a step is the one of `Recurrent`, zeros at first as in
    ``initial_state``.

    Raises `DataError` where the tree has no such module or arrays that do not fit, and `UsageError` for a module that
    is none of the three.

    >>> rng = np.random.default_rng(0)
    >>> params = {"lstm/linear": {"w": rng.standard_normal((3 + 4, 16)), "b": np.zeros(16)}, "linear": {}}
    >>> from_haiku(params, "lstm").bias_ih_l0[4:8].detach()
    tensor([1., 1., 1., 1.], dtype=torch.float64)
    """
    entries = {
        name.removeprefix(module).lstrip("/"): arrays
        for name, arrays in params.items()
        if name == module or name.startswith(module + "/")
    }
    if not entries:
        known = sorted({name.rpartition("/")[0] or name for name in params})
        raise DataError(f"The tree has no module '{module}', only {', '.join(known)}.{nearest(module, known)}")
    if set(entries) == {"linear", "linear_1"}:
        part = _vanilla(module, entries["linear"], entries["linear_1"])
    elif "w_h" in set(entries.get("", ())):
        part = _gru(module, entries[""])
    elif set(entries) == {"linear"}:
        part = _lstm(module, entries["linear"])
    else:
        found = sorted(f"{module}/{name}".rstrip("/") for name in entries)
        raise UsageError(
            f"Module '{module}' is no hk.LSTM, hk.GRU or hk.VanillaRNN, its entries are {', '.join(found)}."
        )
    return stacked([[part]])


def _lstm(module: str, linear: Mapping[str, Any]) -> Part:
    where = f"module '{module}/linear'"
    weight = _array(linear, "w", (None, None), where).T
    rows, hidden = weight.shape[0], weight.shape[0] // 4
    inputs = weight.shape[1] - hidden
    if rows % 4 or inputs < 1:
        raise DataError(f"{where}: w must have the shape (inputs + units, 4 units), found {weight.T.shape}.")
    bias = _array(linear, "b", (rows,), where)
    cell = make("lstm", inputs, hidden)
    order = ("input", "candidate", "forget", "output")
    weight, bias = arranged(weight, order, cell.gates), arranged(bias, order, cell.gates)
    bias[hidden : 2 * hidden] += 1
    weights = {"weight_ih": weight[:, :inputs], "weight_hh": weight[:, inputs:]}
    return Part(where, cell, weights | {"bias_ih": bias, "bias_hh": np.zeros_like(bias)})


def _gru(module: str, arrays: Mapping[str, Any]) -> Part:
    where = f"module '{module}'"
    from_hidden = _array(arrays, "w_h", (None, None), where).T
    rows, hidden = from_hidden.shape
    if rows != 3 * hidden:
        raise DataError(f"{where}: w_h must have the shape (units, 3 units), found {from_hidden.T.shape}.")
    from_input = _array(arrays, "w_i", (None, rows), where).T
    bias = _array(arrays, "b", (rows,), where)
    cell = make("gru_before", from_input.shape[1], hidden)

    def turned(array: Array) -> Array:
        # 1 - sigmoid(a) is sigmoid(-a).
        signs = np.repeat(np.array([-1, 1, 1], array.dtype), hidden)
        return arranged((array.T * signs).T, ("update", "reset", "candidate"), cell.gates)

    weights = {"weight_ih": turned(from_input), "weight_hh": turned(from_hidden), "bias_ih": turned(bias)}
    return Part(where, cell, weights)


def _vanilla(module: str, from_input: Mapping[str, Any], from_hidden: Mapping[str, Any]) -> Part:
    one, other = f"module '{module}/linear'", f"module '{module}/linear_1'"
    weight = _array(from_input, "w", (None, None), one).T
    hidden, inputs = weight.shape
    weights = {
        "weight_ih": weight,
        "weight_hh": _array(from_hidden, "w", (hidden, hidden), other).T,
        "bias_ih": _array(from_input, "b", (hidden,), one),
        "bias_hh": np.zeros(hidden, weight.dtype),
    }
    if "b" in from_hidden:  # absent with double_bias=False
        weights["bias_hh"] = _array(from_hidden, "b", (hidden,), other)
    return Part(one, make("rnn_relu", inputs, hidden), weights)


def _array(arrays: Mapping[str, Any], name: str, shape: tuple[int | None, ...], where: str) -> Array:
    if not isinstance(arrays, Mapping):
        raise DataError(f"{where}: a dictionary of arrays is expected, found {type(arrays).__name__}.")
    if name not in arrays:
        raise DataError(f"{where}: '{name}' is missing, there is {', '.join(sorted(arrays)) or 'nothing'}.")
    return shaped(arrays[name], shape, f"{where}: {name}")
