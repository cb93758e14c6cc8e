from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from elman.errors import UsageError
from elman.runtime.answers import Answers
from elman.runtime.label_model import Prediction
from elman.tasks import label_rows

CLASSES = Answers.fit("class", ["a", "b", "c"])


def test_a_class_has_its_probability_and_the_next_likeliest() -> None:
    said = Prediction(np.array([0.2, 0.7, 0.1]), "b")
    assert label_rows.row("x", said, CLASSES) == {"name": "x", "label": "b", "probability": 0.7}
    assert label_rows.row("x", said, CLASSES, 2)["label_2"] == "a"
    assert len(label_rows.row("x", said, CLASSES, 9)) == 7


def test_sets_tags_and_numbers_have_columns_of_their_own() -> None:
    sets = Answers.fit("classes", [frozenset("ab")])
    found = label_rows.row("x", Prediction(np.array([0.6, 0.9]), frozenset("ab")), sets)
    assert found == {"name": "x", "labels": ["b", "a"], "probabilities": [0.9, 0.6]}
    tags = Answers.fit("tags", [("O", "B")])
    found = label_rows.row("x", Prediction(np.array([[0.9, 0.1], [0.3, 0.7]]), ("B", "O")), tags)
    assert found == {"name": "x", "tags": ["B", "O"], "probability": [0.9, 0.7]}
    numbers = Answers.fit("numbers", [np.array([1.0, 2.0])], ["wind", "rain"])
    assert label_rows.row("x", Prediction(np.array([1.5, 1 / 3]), None), numbers)["rain"] == 0.333333
    one = Answers.fit("numbers", [np.array([1.0])])
    assert label_rows.row("x", Prediction(np.array([1.5]), None), one) == {"name": "x", "value": 1.5}


def test_rows_are_written_by_the_ending_of_the_name(tmp_path: Path) -> None:
    rows = [{"name": "a, b", "tags": ["B", "O"]}, {"name": "ü", "tags": []}]
    assert label_rows.write(tmp_path / "x.csv", rows) == 2
    assert (tmp_path / "x.csv").read_text(encoding="utf-8").split("\n")[:2] == ["name,tags", '"a, b",B O']
    label_rows.write(tmp_path / "x.jsonl", rows)
    lines = (tmp_path / "x.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == rows
    with pytest.raises(UsageError, match=r"written as \.csv or \.jsonl"):
        label_rows.write(tmp_path / "x.txt", rows)
