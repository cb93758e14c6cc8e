"""The examples of the guide to labels run."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

import labelled_examples as made
from elman.baselines import feed_forward

GUIDE = (Path(__file__).parents[2] / "docs" / "labels.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_the_python_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(feed_forward, "MOST", 1)
    for name in ("reviews.csv", "other.csv"):
        examples = made.texts(40)
        with Path(name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows(zip(examples.inputs, examples.targets or (), strict=True))
    code = "".join(BLOCKS)
    assert 'max_time="5m"' in code
    scope: dict[str, object] = {}
    exec(compile(code.replace('max_time="5m"', "epochs=2, hidden_size=16"), "docs/labels.md", "exec"), scope)
    assert (tmp_path / "runs" / "reviews" / "report" / "index.html").is_file()
