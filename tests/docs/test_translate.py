"""The examples of the guide to translations run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "translate.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
    few = "steps=30, hidden_size=24, embedding_size=8, batch_tokens=64, dropout=0.0, threads=1"
    exec(compile(code.replace('max_time="5m"', few), "docs/translate.md", "exec"), {})
    assert (tmp_path / "runs" / "words" / "report" / "index.html").exists()
    assert len(capsys.readouterr().out.splitlines()) == 6
