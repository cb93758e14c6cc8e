"""The examples of the guide to captions run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "caption.md").read_text(encoding="utf-8")


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL))
    few = "steps=5, hidden_size=16, embedding_size=8, threads=1"
    exec(compile(code.replace('max_time="2m"', few), "docs/caption.md", "exec"), {})
    assert capsys.readouterr().out.startswith("[")
    assert (tmp_path / "runs" / "halves" / "report" / "index.html").exists()
