from __future__ import annotations

import runpy
from pathlib import Path

from tolerances import FLOAT32_RECURRENCE


def test_the_stream_of_the_example_gives_what_the_layer_gives() -> None:
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "stream_onnx.py"))
    assert example["main"]() < FLOAT32_RECURRENCE
