"""Cells for which ONNX has an operator of the same equations: RNN, GRU and LSTM.

Runtimes have fast code for these. Their gates stand in another order than here, and their matrices have an axis in
front for the direction. Anything else is a Scan.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from elman.cells import Cell
from elman.cells.gru import GRUCell
from elman.cells.gru_before import GRUBeforeCell
from elman.cells.irnn import IRNNCell
from elman.cells.lstm import LSTMCell
from elman.cells.lstm_coupled import LSTMCoupledCell
from elman.cells.lstm_peephole import LSTMPeepholeCell
from elman.cells.modifiers import FastActivations
from elman.cells.rnn import ReluRNNCell, RNNCell
from elman.export.onnx.document import Array
from elman.export.onnx.sequence import Direction, Sequence


@dataclass(frozen=True)
class Operator:
    """How ONNX has a cell.

    Attributes:
        name: Of the operator.
        gates: Which gate block of the cell stands first, second, ... there.
        options: Attributes that make its equations the cell's.
        peepholes: Which block of the cell's peepholes stands first, second, ... there.
    """

    name: str
    gates: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    peepholes: tuple[int, ...] = ()


#: Cell -> its operator.
OPERATORS: dict[type[Cell], Operator] = {
    RNNCell: Operator("RNN", (0,), {"activations": ["Tanh"]}),
    IRNNCell: Operator("RNN", (0,), {"activations": ["Relu"]}),
    ReluRNNCell: Operator("RNN", (0,), {"activations": ["Relu"]}),
    GRUCell: Operator("GRU", (1, 0, 2), {"linear_before_reset": 1}),
    GRUBeforeCell: Operator("GRU", (1, 0, 2), {"linear_before_reset": 0}),
    LSTMCell: Operator("LSTM", (0, 3, 1, 2)),
    LSTMPeepholeCell: Operator("LSTM", (0, 3, 1, 2), peepholes=(0, 2, 1)),
    # What stands for the forget gate, which is 1 minus the input gate, is not read.
    LSTMCoupledCell: Operator("LSTM", (0, 2, 0, 1), {"input_forget": 1}),
}


def operator(cell: Cell, dtype: np.dtype[Any]) -> Operator | None:
    """The operator of a cell with its options, or None.

    There is none for float64, which runtimes do not run these operators in, and none for a cell's own options.
    """
    if isinstance(cell, FastActivations):
        cell = cell.cell
    if dtype != np.float32 or type(cell) not in OPERATORS:
        return None
    plain = type(cell)(cell.input_size, cell.hidden_size, cell.bias)
    return OPERATORS[type(cell)] if cell == plain else None


def write_operator(sequence: Sequence, layer: Direction, operator: Operator) -> tuple[str, dict[str, str]]:
    """Add a layer in one direction to a model; as `elman.export.onnx.scan.write_scan` does."""
    cell, params = layer.cell, layer.given
    document, axis = sequence.document, sequence.document.numbers(0)
    w, r, *biases = (
        _reordered(params.get(name, np.zeros(len(cell.gates) * cell.hidden_size)), len(cell.gates), operator.gates)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    before = [document.add("Unsqueeze", layer.state[name], axis) for name in cell.state_sizes]
    operands = [
        layer.rows["x"],
        document.weight(w[None], "W"),
        document.weight(r[None], "R"),
        document.weight(np.concatenate(biases)[None], "B"),
        sequence.lengths_int32,
        *before,
    ]
    if operator.peepholes:
        operands.append(document.weight(_reordered(params["peephole"], 3, operator.peepholes)[None], "P"))
    by_direction, *final = document.add_many(
        1 + len(before),
        operator.name,
        *operands,
        name=layer.name,
        hidden_size=cell.hidden_size,
        direction="reverse" if layer.reverse else "forward",
        **operator.options,
    )
    after = (document.add("Squeeze", value, axis) for value in final)
    outputs = document.add("Squeeze", by_direction, document.numbers(1))
    return outputs, dict(zip(cell.state_sizes, after, strict=True))


def _reordered(array: Array, count: int, order: tuple[int, ...]) -> Array:
    """The blocks of an array, so many, in another order."""
    blocks = np.split(array, count)
    return np.concatenate([blocks[index] for index in order])
