from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import small_models
from elman.errors import ExportError
from elman.export import to_onnx
from elman.export.onnx import parity
from elman.export.onnx.layers import Function, InARow
from elman.export.onnx.model import Model
from elman.runtime import Bundle


def wrong(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let every file put one of ONNX's functions behind the logits."""
    content = Model.content

    def spoilt(model: Model) -> bytes:
        part = InARow(model.part, Function(name))
        return content(Model(part, model.run, symbols=model.symbols, dtype=model.dtype))

    monkeypatch.setattr(Model, "content", spoilt)


@pytest.mark.parametrize("function", ["Neg", "Log"])
def test_a_file_that_gives_something_else_is_not_kept(
    function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_models.bundle(tmp_path / "model")
    file = tmp_path / "model.onnx"
    file.write_bytes(b"as before")
    wrong(monkeypatch, function)
    with pytest.raises(ExportError, match="another result than the model"):
        to_onnx(folder, file)
    assert file.read_bytes() == b"as before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["model", "model.onnx"]


def test_a_file_that_the_runtime_refuses_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "content", lambda model: b"no model")
    with pytest.raises(ExportError, match="ONNX Runtime refuses the file"):
        to_onnx(small_models.bundle(tmp_path / "model"), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_file_that_fails_when_it_runs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = np.array([[1_000_000]])
    monkeypatch.setattr(parity, "_random_inputs", lambda *_: symbols)
    with pytest.raises(ExportError, match="ONNX Runtime refuses the file"):
        to_onnx(small_models.bundle(tmp_path / "model"), tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_what_is_no_number_is_no_agreement() -> None:
    numbers, broken = np.ones((2, 3)), np.array([[1.0, np.nan, 1], [1, 1, 1]])
    assert parity.difference(numbers, numbers + 1) == 0.5
    for found, expected in [(numbers, broken), (broken, numbers), (broken, broken), (numbers, numbers[:1])]:
        assert parity.difference(found, expected) == np.inf


def test_the_recorded_input_is_among_what_is_compared(tmp_path: Path) -> None:
    bundle = Bundle.read(small_models.bundle(tmp_path / "model"))
    from elman.export.onnx import _describe

    (sample,) = _describe(bundle).samples
    assert sample.tolist() == [bundle.sample["symbols"]]


def test_without_the_runtime_it_is_said_that_nothing_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "installed", lambda: False)
    exported = to_onnx(small_models.bundle(tmp_path / "model"), tmp_path / "model.onnx")
    assert exported.difference is None
    assert "not checked" in str(exported)
    assert "pip install 'elman[export]'" in str(exported)
    assert exported.path.exists()


def test_whether_the_runtime_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parity.installed()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert not parity.installed()
    assert "onnxruntime" in sys.modules
