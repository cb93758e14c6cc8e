from __future__ import annotations

import numpy as np
import pytest

from elman.data.examples import Examples
from elman.errors import DataError
from elman.tasks.label_figures import SCORERS, Part


def part(targets: list[object], outputs: object, **more: object) -> Part:
    names = [f"row {number + 1}" for number in range(len(targets))]
    return Part(Examples("text", ["some text"] * len(targets), targets, names), outputs, **more)  # type: ignore[arg-type]


def test_classes() -> None:
    scorer = SCORERS["class"](["a", "b"])
    found = part(["a", "a", "b", "c"], np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.99, 0.01]]))
    figures = scorer.figures(found)
    assert figures["accuracy"] == 0.5
    assert figures["unknown_label"] == 1
    assert figures["log_loss"] == pytest.approx(-np.log([0.9, 0.2, 0.6]).mean())
    assert figures["macro_f1"] == pytest.approx((2 * 1 / 4 + 2 * 1 / 3) / 2)
    low, high = figures["accuracy_95"]  # type: ignore[misc]
    assert low < 0.5 < high
    worst = scorer.mistakes(found)
    assert [(each.name, each.truth, each.given) for each in worst] == [("row 4", "c", "a"), ("row 2", "a", "b")]
    assert (worst[0].of_truth, worst[1].of_truth) == (None, 0.2)
    assert scorer.confusion(found).tolist() == [[1, 1], [0, 1]]  # type: ignore[union-attr]


def test_sets_of_labels() -> None:
    scorer = SCORERS["classes"](["a", "b"])
    found = part([frozenset("a"), frozenset("ab"), frozenset("c")], np.array([[0.9, 0.6], [0.7, 0.8], [0.1, 0.2]]))
    figures = scorer.figures(found)
    # 3 hits, 1 false alarm (b in the first row), 1 miss (c, never seen).
    assert figures["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert figures["recall"] == 0.75
    assert figures["all_right"] == pytest.approx(1 / 3)
    (worst,) = scorer.mistakes(found)
    assert (worst.truth, worst.given, worst.probability) == ("not b", "b", 0.6)


def test_tags_that_mark_spans() -> None:
    scorer = SCORERS["tags"](["B-x", "I-x", "O"])
    outputs = [np.array([[0.8, 0.1, 0.1], [0.1, 0.7, 0.2], [0.1, 0.1, 0.8]]), np.array([[0.2, 0.1, 0.7]])]
    found = part([("B-x", "I-x", "O"), ("B-x",)], outputs)
    figures = scorer.figures(found)
    assert scorer.main == "span_f1"
    assert figures["span_f1"] == pytest.approx(2 / 3)
    assert (figures["accuracy"], figures["all_right"], figures["spans"], figures["steps"]) == (0.75, 0.5, 2, 4)
    (worst,) = scorer.mistakes(found)
    assert (worst.name, worst.truth, worst.given, worst.of_truth) == ("row 2, step 1", "B-x", "O", 0.2)
    assert scorer.confusion(found) is None
    assert [row.label for row in scorer.rows(found)] == ["x"]  # type: ignore[union-attr]


def test_tags_that_were_chosen_together() -> None:
    scorer = SCORERS["tags"](["NOUN", "VERB"])
    found = part([("VERB",)], [np.array([[0.6, 0.4]])], given=[("VERB",)])
    assert scorer.figures(found)["accuracy"] == 1
    assert scorer.main == "accuracy"
    assert scorer.confusion(found).tolist() == [[0, 0], [0, 1]]  # type: ignore[union-attr]


def test_as_many_tags_as_steps() -> None:
    with pytest.raises(DataError, match="row 1: has 2 tags but the model gave 1"):
        SCORERS["tags"](["a", "b"]).figures(part([("a", "b")], [np.array([[1.0, 0.0]])]))


def test_numbers() -> None:
    scorer = SCORERS["numbers"](["u", "v"])
    truth = [np.array([0.0, 10.0]), np.array([2.0, 30.0])]
    found = part(truth, np.array([[0.0, 14.0], [1.0, 30.0]]))
    figures = scorer.figures(found)
    assert figures["rmse"] == pytest.approx((np.sqrt(0.5) + np.sqrt(8)) / 2)
    assert figures["mae"] == pytest.approx((0.5 + 2) / 2)
    # Off by one standard deviation of u, and by four tenths of one of v.
    assert [each.name for each in scorer.mistakes(found)] == ["row 2 (u)", "row 1 (v)"]
    assert scorer.reliability(found) is None


@pytest.mark.parametrize("kind", ["class", "classes", "tags", "numbers"])
def test_a_score_needs_truth(kind: str) -> None:
    examples = Examples("text", ["x"], None, ["row 1"])
    with pytest.raises(DataError, match="needs sequences with their truth"):
        SCORERS[kind](["a", "b"]).figures(Part(examples, np.zeros((1, 2))))


def test_outputs_that_do_not_fit() -> None:
    with pytest.raises(DataError, match=r"the shape \(1, 2\), found \(1, 3\)"):
        SCORERS["class"](["a", "b"]).figures(part(["a"], np.zeros((1, 3))))
