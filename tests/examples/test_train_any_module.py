from __future__ import annotations

import runpy
from pathlib import Path


def test_the_network_of_the_example_learns_to_remember() -> None:
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "train_any_module.py"))
    assert example["main"]().figures["accuracy"] > 0.95
