"""Parameters of Flax's recurrent cells as `elman.nn.Recurrent`.

A tree is a nested dictionary of NumPy or JAX arrays: what linen's ``init`` gives, or ``nnx.to_pure_dict`` of a state.
Kernels are (inputs, outputs). Which cell it is, the names tell:

    LSTMCell, linen OptimizedLSTMCell    ii, if, ig, io: kernel; hi, hf, hg, ho: kernel, bias       lstm
    nnx OptimizedLSTMCell                dense_i: kernel; dense_h: kernel, bias; gates i, f, g, o    lstm
    linen GRUCell                        ir, iz, in: kernel, bias; hr, hz: kernel; hn: kernel, bias  gru
    nnx GRUCell                          dense_i: kernel, bias; dense_h: kernel; gates r, z, n       gru
    linen SimpleCell                     i: kernel, bias; h: kernel                                  rnn
    nnx SimpleCell                       dense_i: kernel, bias; dense_h: kernel                      rnn
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from elman.cells import make
from elman.cells.activations import Function
from elman.errors import DataError, UsageError
from elman.interop.parts import Array, Part, shaped, stacked
from elman.nn import Recurrent

Tree: TypeAlias = Mapping[str, Any]

#: Letters of linen's gates in Elman's order, by cell.
_LINEN = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n")}

#: What stands around a cell's own entries.
_WRAPPERS = ("params", "cell")


def from_flax(tree: Tree, *, gate: Function = ("sigmoid",), activation: Function = ("tanh",)) -> Recurrent:
    """The cell, ``RNN`` or ``Bidirectional`` of a Flax model (linen or nnx) that ``tree`` is the parameters of.

    Args:
        tree: The part of the parameters that belongs to it, with or without ``cell``, or ``forward_rnn`` and
            ``backward_rnn``, around a cell's entries.
        gate: Its ``gate_fn``, which the parameters do not tell; see `elman.cells.activations.FUNCTIONS`.
        activation: Its ``activation_fn``.

    Two directions are joined on the features, which is the default of Flax's ``merge_fn``. Flax carries (c, h) of an
    LSTM; here they are ``cell_l0`` and ``hidden_l0``. Of a ``SimpleCell(residual=True)`` add the identity to the kernel
    of h first.

    Raises `DataError` for missing or ill-shaped arrays, and `UsageError` for a tree that is none of these cells.

    >>> rng = np.random.default_rng(0)
    >>> tree = {"cell": {"i": {"kernel": rng.random((2, 3)), "bias": np.ones(3)}, "h": {"kernel": rng.random((3, 3))}}}
    >>> from_flax(tree)
    Recurrent(
      rnn, 2 -> 3, backend=auto
      (dropout): Dropout(p=0.0, inplace=False)
    )
    """
    tree = _unwrapped(tree)
    if "forward_rnn" in tree or "backward_rnn" in tree:
        parts = [_part(_unwrapped(_entry(tree, name, "")), name) for name in ("forward_rnn", "backward_rnn")]
    else:
        parts = [_part(tree, "")]
    return stacked([[part.with_activations((gate, activation, activation)) for part in parts]])


def _unwrapped(tree: Tree) -> Tree:
    if not isinstance(tree, Mapping):
        raise UsageError(f"A nested dictionary of arrays is expected, found {type(tree).__name__}.")
    while wrapper := next((name for name in _WRAPPERS if name in tree), None):
        tree = _entry(tree, wrapper, "")
    return tree


def _part(tree: Tree, where: str) -> Part:
    if "dense_i" in tree:
        return _stacked_gates(tree, where)
    if "ii" in tree:
        return _single_gates("lstm", tree, where)
    if "ir" in tree:
        return _single_gates("gru", tree, where)
    if {"i", "h"} <= set(tree):
        return _built("rnn", _dense(tree, "i", where), _dense(tree, "h", where), where)
    raise UsageError(
        f"{where or 'The tree'} has the entries {', '.join(map(str, tree)) or 'none'}, which are not those of Flax's "
        "LSTMCell, OptimizedLSTMCell, GRUCell or SimpleCell. Pass the part of the tree that belongs to one of them."
    )


def _stacked_gates(tree: Tree, where: str) -> Part:
    from_input, from_hidden = _dense(tree, "dense_i", where), _dense(tree, "dense_h", where)
    rows, hidden = from_hidden[0].shape
    names = {4 * hidden: "lstm", 3 * hidden: "gru", hidden: "rnn"}
    if rows not in names:
        raise DataError(
            f"{_named(where, 'dense_h')}: kernel must have the shape (units, 4, 3 or 1 times units), "
            f"found {(hidden, rows)}."
        )
    return _built(names[rows], from_input, from_hidden, where)


def _single_gates(name: str, tree: Tree, where: str) -> Part:
    def joined(side: str) -> tuple[Array, Array]:
        # nnx writes if_, as Python's own word cannot be an attribute.
        entries = [f"{side}{gate}" for gate in _LINEN[name]]
        dense = [_dense(tree, f"{e}_" if e not in tree and f"{e}_" in tree else e, where) for e in entries]
        return np.concatenate([kernel for kernel, _ in dense]), np.concatenate([bias for _, bias in dense])

    return _built(name, joined("i"), joined("h"), where)


def _built(name: str, from_input: tuple[Array, Array], from_hidden: tuple[Array, Array], where: str) -> Part:
    weights = {"weight_ih": from_input[0], "weight_hh": from_hidden[0]}
    weights |= {"bias_ih": from_input[1], "bias_hh": from_hidden[1]}
    cell = make(name, from_input[0].shape[1], from_hidden[0].shape[1])
    return Part(where or "the tree", cell, weights)


def _dense(tree: Tree, name: str, where: str) -> tuple[Array, Array]:
    """A dense layer's kernel as (outputs, inputs), and its bias, zeros where it has none."""
    entries, named = _entry(tree, name, where), _named(where, name)
    if "kernel" not in entries:
        raise DataError(f"{named}: 'kernel' is missing.")
    kernel = shaped(entries["kernel"], (None, None), f"{named}: kernel").T
    if entries.get("bias") is None:
        return kernel, np.zeros(len(kernel), kernel.dtype)
    return kernel, shaped(entries["bias"], (len(kernel),), f"{named}: bias")


def _entry(tree: Tree, name: str, where: str) -> Tree:
    entry = tree.get(name)
    if not isinstance(entry, Mapping):
        raise DataError(f"{_named(where, name)} is missing, or no dictionary of arrays.")
    return entry


def _named(where: str, name: str) -> str:
    return f"{where}.{name}" if where else f"'{name}'"
