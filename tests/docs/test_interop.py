from __future__ import annotations

import re
import shutil
from pathlib import Path

import onnx
import pytest
from torch import nn

from elman.baselines.onnx_layer import onnx_model

ROOT = Path(__file__).parents[2]


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(ROOT / "tests" / "vectors" / "keras-3.keras", tmp_path / "model.keras")
    onnx.save(onnx_model(nn.LSTM(8, 16, num_layers=2)), tmp_path / "model.onnx")
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "interop.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    scope: dict[str, object] = {}
    for code in blocks:
        exec(compile(code, "docs/interop.md", "exec"), scope)
    assert len(blocks) == 4
    assert "lstm, 3 -> 3" in capsys.readouterr().out
