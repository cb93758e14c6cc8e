from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from elman import LanguageModel
from elman.cells import Cell
from elman.errors import BundleError, ExportError, UsageError
from elman.export import to_onnx
from elman.nn import Recurrent
from tolerances import FLOAT32_RECURRENCE


@dataclass(frozen=True)
class Own(Cell):
    """A user's cell: a leaky mean that a gate opens."""

    name: ClassVar[str] = "own"
    gates: ClassVar[tuple[str, ...]] = ("keep", "new")

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> dict[str, Any]:
        from_input = ops.linear(x, params["weight_ih"], params["bias_ih"])
        keep, new = ops.split(from_input + ops.linear(state["hidden"], params["weight_hh"], params["bias_hh"]), 2)
        keep = ops.sigmoid(keep)
        return {"hidden": keep * state["hidden"] + (1 - keep) * ops.tanh(new)}


def test_a_cell_of_ones_own(tmp_path: Path) -> None:
    exported = to_onnx(Recurrent(Own, 3, 5, num_layers=2), tmp_path / "own.onnx")
    assert exported.difference < FLOAT32_RECURRENCE
    assert "own.onnx: gives under ONNX Runtime what the model gives, to " in str(exported)


def test_missing_folders_are_made(tmp_path: Path) -> None:
    assert to_onnx(Recurrent("rnn", 3, 5), tmp_path / "a" / "b.onnx").path.exists()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is a folder; the name of a file is needed"):
        to_onnx(Recurrent("rnn", 3, 5), tmp_path)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="A int cannot be exported"):
        to_onnx(3, tmp_path / "x.onnx")
    with pytest.raises(BundleError, match="is not a folder"):
        to_onnx(tmp_path / "nothing", tmp_path / "x.onnx")
    with pytest.raises(UsageError, match="has not been trained"):
        to_onnx(LanguageModel(), tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())
