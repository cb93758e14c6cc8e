"""The examples of the guide to anomalies and gaps run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "anomalies.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
    few = 'steps=20, window=32, hidden_size=8, batch_size=4, precision="32", threads=1'
    exec(compile(code.replace('max_time="5m"', few), "docs/anomalies.md", "exec"), {})
    assert (tmp_path / "alarms.png").exists()
    assert "channel='heat'" in capsys.readouterr().out
