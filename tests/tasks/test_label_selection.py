from __future__ import annotations

import numpy as np
import pytest

from elman.runtime.answers import Answers
from elman.tasks.label_selection import held_out_score

RIGHT, WRONG = np.array([0.0, 1.0]), np.array([1.0, 0.0])


def test_one_error_less_counts_more_than_any_loss_and_the_loss_decides_among_equals() -> None:
    answers, truth = Answers.fit("class", ["a", "b"]), ["b", "b"]
    all_right = held_out_score(answers, [RIGHT, RIGHT], truth, 1e9)
    one_wrong = held_out_score(answers, [RIGHT, WRONG], truth, 0.1)
    assert all_right.value < held_out_score(answers, [RIGHT, WRONG], truth, 0.05).value < one_wrong.value
    assert one_wrong.figures == {"accuracy": 0.5}
    assert held_out_score(answers, [RIGHT, WRONG], truth, float("inf")).value > one_wrong.value


def test_tags_are_counted_in_spans_where_they_mark_some() -> None:
    spans = Answers.fit("tags", [("B-x", "O")])
    found = held_out_score(spans, [np.stack([WRONG, RIGHT])], [("B-x", "O")], 0.5)
    assert found.figures == {"F1 of spans": 1.0}
    plain = Answers.fit("tags", [("N", "V")])
    assert held_out_score(plain, [np.stack([RIGHT, RIGHT])], [("N", "V")], 0.5).figures == {"accuracy": 0.5}


def test_sets_are_counted_in_labels_and_numbers_by_their_loss() -> None:
    sets = Answers.fit("classes", [frozenset("ab")])
    assert held_out_score(sets, [np.array([1.0, -1.0])], [frozenset("ab")], 0.5).figures["micro-F1"] == pytest.approx(
        2 / 3
    )
    numbers = Answers.fit("numbers", [np.array([0.0]), np.array([2.0])])
    found = held_out_score(numbers, [np.array([0.0])], [np.array([4.0])], 0.25)
    assert (found.value, found.figures) == (0.25, {"RMSE": 3.0})
