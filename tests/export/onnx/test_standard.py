from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from contracts.cells import weights
from contracts.test_onnx import exported
from elman.cells import CELLS, make
from elman.cells.modifiers import Clipped, FastActivations
from elman.export import to_onnx
from elman.export.onnx.standard import OPERATORS, operator
from elman.interop import from_onnx
from elman.nn import Recurrent

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


@pytest.mark.parametrize("cell", OPERATORS)
def test_a_cell_with_an_operator_is_no_scan(cell: type) -> None:
    made = cell(3, 5)
    kinds = {node.op_type for node in onnx.load_from_string(exported(made, weights(made), np.float32)).graph.node}
    assert OPERATORS[cell].name in kinds
    assert "Scan" not in kinds


def test_which_cells_have_one() -> None:
    found = {name for name in CELLS if operator(make(name, 3, 5), FLOAT32)}
    assert found == {"rnn", "rnn_relu", "irnn", "lstm", "lstm_peephole", "lstm_coupled", "gru", "gru_before"}


def test_options_that_the_operator_does_not_have_are_left_to_a_scan() -> None:
    assert operator(make("lstm", 3, 5, bias=False), FLOAT32)
    assert operator(make("lstm", 3, 5, projection_size=2), FLOAT32) is None
    assert operator(Clipped(make("lstm", 3, 5), 1.0), FLOAT32) is None
    assert operator(FastActivations(make("lstm", 3, 5)), FLOAT32), "the equations are the same"
    assert operator(make("lstm", 3, 5), FLOAT64) is None, "runtimes have it in float32 only"


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_what_is_written_can_be_read_again(cell: str, tmp_path: Path) -> None:
    layer = Recurrent(cell, 3, 5, num_layers=2)
    to_onnx(layer, tmp_path / "layer.onnx")
    read = from_onnx(tmp_path / "layer.onnx")
    assert list(read) == [f"{cell}_l0", f"{cell}_l1"]
    for number, one in enumerate(read.values()):
        for name, value in one.named_parameters():
            assert torch.equal(value, layer.get_parameter(name.replace("_l0", f"_l{number}")))
