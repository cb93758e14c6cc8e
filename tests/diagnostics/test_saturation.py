from __future__ import annotations

import json

import pytest
import torch

from diagnostics.linear import of
from elman import plots
from elman.cells import CELLS
from elman.diagnostics.saturation import saturation
from elman.nn import Recurrent
from tolerances import ROUNDING


def test_shut_and_open_gates_are_found_by_name() -> None:
    layer = Recurrent("lstm", 2, 3)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        layer.bias_ih_l0[:3] = torch.tensor([-9.0, 0.0, 9.0])
        layer.bias_ih_l0[6:9] = torch.tensor([0.0, -9.0, 9.0])
    found = saturation(of(layer))
    gate, unit = found.functions["layer 1 input"], found.functions["layer 1 candidate"]
    assert (gate.low.tolist(), gate.high.tolist()) == ([1, 0, 0], [0, 0, 1])
    assert (unit.low.tolist(), unit.high.tolist()) == ([0, 1, 0], [0, 0, 1])
    assert gate.stuck.tolist() == [True, False, True]
    assert found.gates == pytest.approx(2 / 9)
    assert found.stuck == 4 + int(found.functions["layer 1 cell"].stuck.sum())


def test_a_fresh_network_is_not_stuck() -> None:
    torch.manual_seed(0)
    found = saturation(of(Recurrent("gru", 3, 16)))
    assert (found.stuck, list(found.functions)) == (0, ["layer 1 reset", "layer 1 update", "layer 1 candidate"])


def test_dead_rectified_units_are_stuck() -> None:
    layer = Recurrent("rnn_relu", 2, 4)
    with torch.no_grad():
        layer.bias_ih_l0.copy_(torch.tensor([-99.0, 1, 1, 1]))
    found = saturation(of(layer)).functions["layer 1 hidden"]
    assert found.kind == "relu"
    assert found.stuck[0]


def test_what_lies_at_the_bound_is_clipped() -> None:
    assert saturation(of(Recurrent("rnn", 3, 4, clip=1e-6))).clipped == {"hidden_l0": 1.0}
    assert saturation(of(Recurrent("rnn", 3, 4, clip=10.0))).clipped == {"hidden_l0": 0.0}
    assert saturation(of(Recurrent("rnn", 3, 4))).clipped == {}


@pytest.mark.parametrize(("heads", "name"), [(1, "update"), (2, "update 1")])
def test_spectral_radii_are_the_largest_eigenvalues_of_blocks(heads: int, name: str) -> None:
    layer = Recurrent("gru", 3, 4, heads=heads, initial="torch")
    found = saturation(of(layer)).radii[f"layer 1 {name}"]
    block = layer.weight_hh_l0.detach()[4:8] if heads == 1 else layer.weight_hh_l0.detach()[6:8]
    expected = float(torch.linalg.eigvals(block).abs().max())
    assert found == pytest.approx(expected, rel=1e6 * ROUNDING)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_can_be_looked_at(cell: str) -> None:
    found = saturation(of(Recurrent(cell, 3, 4, num_layers=2), time=8))
    for function in found.functions.values():
        assert ((function.low >= 0) & (function.high >= 0) & (function.low + function.high <= 1)).all()
    assert json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("cell", ["lstm", "lru"])
def test_it_is_told_and_drawn(cell: str) -> None:
    found = saturation(of(Recurrent(cell, 3, 4)))
    assert "of the values of gates" in str(found)
    assert plots.png(found.plot())
