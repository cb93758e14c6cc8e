from __future__ import annotations

import pytest

from compiler import emulated
from compiler.sequences import Sequences
from compiler.test_schedule import Normed
from elman import cells
from elman.cells import Cell
from elman.compiler import compiled_cell
from elman.compiler.compiled_cell import CompiledCell
from elman.compiler.vector import Precision

pytestmark = pytest.mark.skipif(
    bool(emulated.MISSING), reason=f"code for ARM is not run: {' and '.join(emulated.MISSING)} missing"
)

CELLS: list[Cell] = [
    cells.make("lstm", 5, 7),
    cells.make("lstm", 3, 20, projection_size=9),
    cells.make("gru", 6, 18, heads=2),
    Normed(3, 8),
    cells.make("gated_delta", 3, 10, heads=2, key_size=5),
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_loops_for_arm_give_the_values_and_gradients_of_autograd(
    cell: Cell, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled_cell, "Loop", emulated.EmulatedLoop)
    Sequences(cell, [5, 4, 4, 1], precision).check(CompiledCell(cell, precision))


def test_what_the_emulated_processor_computes_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_cell, "Loop", emulated.EmulatedLoop)
    monkeypatch.setattr(emulated, "emulate", lambda object_file, words: None)
    cell = CELLS[0]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        Sequences(cell, [2, 1]).check(CompiledCell(cell, "float64"))
