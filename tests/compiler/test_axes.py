"""Matrices as memory: how often they are read and written, and by which loops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from compiler.sequences import Sequences
from elman.cells import Cell, Parameter
from elman.compiler import adjoint, trace
from elman.compiler.compiled_cell import CompiledCell
from elman.compiler.machine import Host
from elman.compiler.schedule import schedule_training


@dataclass(frozen=True)
class Delta(Cell):
    """A matrix for each head that is read by keys, corrected, and read by queries (the delta rule)."""

    name: ClassVar[str] = "delta"
    gates: ClassVar[tuple[str, ...]] = ("query", "key")

    heads: int = 1
    keys: int = 1

    @property
    def state_sizes(self) -> dict[str, int]:
        return {"hidden": self.hidden_size, "memory": self.keys * self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        return {
            "weight_ih": Parameter((2 * self.heads * self.keys, self.input_size), self.gates, "input"),
            "weight_iv": Parameter((self.hidden_size, self.input_size), ("value",), "input"),
        }

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        heads, rows, columns = self.heads, self.heads * self.keys, self.hidden_size // self.heads
        q, k = ops.split(ops.linear(x, params["weight_ih"]), 2)
        v, k = ops.linear(x, params["weight_iv"]), ops.expand(k, rows, columns)
        known = ops.fold(state["memory"] * k, heads, self.keys)
        memory = state["memory"] + k * ops.expand(ops.sigmoid(v - known), heads, self.keys)
        return {"hidden": ops.fold(memory * ops.expand(q, rows, columns), heads, self.keys), "memory": memory}


#: One head and several; rows shorter than a vector, of many blocks of vectors, of blocks and a rest.
SIZES = [(5, 1, 4), (6, 2, 3), (4, 4, 2), (40, 1, 16), (66, 2, 7), (75, 1, 3)]


@pytest.mark.parametrize(("hidden", "heads", "keys"), SIZES)
def test_rows_of_any_length_are_right(hidden: int, heads: int, keys: int, host: Host) -> None:
    cell = Delta(3, hidden, heads=heads, keys=keys)
    Sequences(cell, [3, 2, 2, 1]).check(CompiledCell(cell, "float64", host))


def test_a_matrix_is_written_once_a_step_and_what_is_expanded_never() -> None:
    cell = Delta(3, 32, heads=2, keys=8)
    step = trace(cell)
    ahead, back = schedule_training(step, adjoint(step))
    wide = cell.state_sizes["memory"]
    assert [place for place in ahead.rows if ahead.graph.nodes[place].width == wide] == [step.outputs["memory after"]]
    assert [place for place in back.rows if back.graph.nodes[place].width == wide] == [back.graph.outputs["d memory"]]
    assert not [place for place in ahead.saved if step.nodes[place].width == wide]


def test_loops_run_over_heads_rows_and_columns() -> None:
    loop = CompiledCell(Delta(3, 32, heads=2, keys=8))._loop("infer", 1)
    axes = [group.axes for groups in loop.kernel.stages for group in groups if len(group.axes) > 1]
    assert axes == [(2, 8, 16)] * 2
