from __future__ import annotations

import runpy
from pathlib import Path

from tolerances import FLOAT32_RECURRENCE


def test_the_cell_learns_streams_and_is_exported() -> None:
    found = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "own_cell.py"))["main"]()
    assert found["loss"] < 0.02
    assert found["stream"] < FLOAT32_RECURRENCE
    assert found["onnx"] < FLOAT32_RECURRENCE
