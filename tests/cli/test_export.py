from __future__ import annotations

from pathlib import Path

import pytest

import small_models
from elman.cli.export import export
from elman.errors import UsageError


def test_the_file_lies_in_the_folder_unless_said_otherwise(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = small_models.bundle(tmp_path / "model")
    export(folder, "onnx")
    assert (folder / "model.onnx").exists()
    assert "gives under ONNX Runtime what the model gives" in capsys.readouterr().out
    export(folder, "onnx", tmp_path / "other.onnx")
    assert (tmp_path / "other.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


def test_an_unknown_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"exported to onnx, not to 'onix'. Did you mean 'onnx'"):
        export(tmp_path, "onix")
