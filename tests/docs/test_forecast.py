"""The examples of the guide to forecasts run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "forecast.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_python_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = "".join(BLOCKS)
    assert 'max_time="1m"' in code
    exec(compile(code.replace('max_time="1m"', "steps=5, hidden_size=8"), "docs/forecast.md", "exec"), {})
    assert Path("next.png").stat().st_size > 1000
    assert "linear map" in capsys.readouterr().out
