from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from elman.training.search import Numbers, OneOf, SearchResult, Trial
from elman.training.search_report import lines, write_report

RANGES = {"hidden_size": Numbers(8, 64, log=True), "pooling": OneOf(("mean", "max"))}
TRIALS = [
    Trial(0, {}, 0.3, {"accuracy": 0.7, "loss": 0.5}, 2.0, "complete"),
    Trial(1, {"hidden_size": 16, "pooling": "mean"}, 0.1, {"accuracy": 0.9}, 3.0, "complete"),
    Trial(2, {"hidden_size": 60, "pooling": "max"}, 0.2, {"accuracy": 0.8}, 1.0, "pruned"),
    Trial(3, {"hidden_size": 8, "pooling": "max"}, None, {}, 1.0, "failed"),
]
RESULT = SearchResult(TRIALS, {"hidden_size": 0.75, "pooling": 0.25})


def test_lines_for_the_terminal() -> None:
    assert lines(RESULT) == [
        "4 trials, 1 ended early, 1 could not be trained; the best",
        "     2  hidden_size 16, pooling mean: accuracy 0.9",
        "     1  as chosen without a search: accuracy 0.7  loss 0.5",
        "What mattered (share of the differences): hidden_size 75%, pooling 25%",
    ]


def test_page_table_and_best_settings(tmp_path: Path) -> None:
    page = write_report(RESULT, RANGES, tmp_path, about="classify <reviews>")
    html = page.read_text(encoding="utf-8")
    assert html.count("<img") == 3
    assert "classify &lt;reviews&gt;" in html
    home = tmp_path / "search"
    assert yaml.safe_load((home / "best.yaml").read_text(encoding="utf-8")) == TRIALS[1].options
    with (home / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["complete", "complete", "pruned", "failed"]
    assert rows[1]["pooling"] == "mean"
    assert json.loads((home / "search.json").read_text(encoding="utf-8"))["best"] == 1
    assert {file.name for file in (home / "pictures").iterdir()} >= {"course.png", "importance.svg", "values.png"}


@pytest.mark.parametrize("trials", [[], TRIALS[3:], TRIALS[:1], TRIALS[2:3]])
def test_few_trials_have_a_page_too(trials: list[Trial], tmp_path: Path) -> None:
    assert write_report(SearchResult(trials), RANGES, tmp_path).is_file()
    assert lines(SearchResult(trials))
