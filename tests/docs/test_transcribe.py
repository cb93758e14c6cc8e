"""The examples of the guide to transcripts run."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

GUIDE = (Path(__file__).parents[2] / "docs" / "transcribe.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("clips", "new"):
        rows = [("path", "text")]
        for number in range(12):
            soundfile.write(f"{name}{number}.wav", 0.1 * rng.normal(size=4000), 8000)
            rows.append((f"{name}{number}.wav", "on off"[: 2 + number % 5].strip()))
        with Path(f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    code = "".join(BLOCKS)
    assert 'max_time="5m"' in code
    quick = "epochs=1, hidden_size=8, num_layers=1, mels=8"
    exec(compile(code.replace('max_time="5m"', quick), "docs/transcribe.md", "exec"), {})
    assert (tmp_path / "runs" / "clips" / "report" / "index.html").is_file()
