from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from elman import LanguageModel
from elman.cells import Cell
from elman.errors import BundleError, DataError, ExportError, UsageError
from elman.export import to_onnx
from elman.nn import Recurrent
from elman.runtime import Bundle
from elman.runtime.model import Model
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


@pytest.mark.parametrize("cell", [Own, "cfc"])
def test_cells_with_their_weights_need_no_torch_module(cell: Any, tmp_path: Path) -> None:
    layer = Recurrent(cell, 3, 5, num_layers=2, learn_initial_state=True)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, 0, 0.5)
    files = {"layer": layer, "arrays": layer.to_numpy()}
    for name, model in files.items():
        assert to_onnx(model, tmp_path / name).difference < FLOAT32_RECURRENCE
    assert (tmp_path / "layer").read_bytes() == (tmp_path / "arrays").read_bytes()


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    ((cell, weights),) = Recurrent("gru", 3, 5).to_numpy()
    with pytest.raises(DataError, match=r"weight_ih must be \(15, 3\), found \(15, 2\)"):
        to_onnx([(cell, weights | {"weight_ih": weights["weight_ih"][:, :2]})], tmp_path / "x.onnx")


def test_models_that_no_file_can_hold_are_named(tmp_path: Path) -> None:
    class Translates(Model):
        called = "model that translates"

    Translates.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]
    with pytest.raises(ExportError, match="A model that translates cannot be exported: its folder runs without torch"):
        to_onnx(Bundle({}, Translates(), {}, {}), tmp_path / "x.onnx")  # type: ignore[abstract]


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
