from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elman.errors import DataError
from elman.runtime.answers import Answers, TagAnswers, in_order

#: Kind -> targets of training, one never seen there, and their numbers.
TARGETS: dict[str, tuple[list[Any], Any, Any]] = {
    "class": (["b", "a", "b"], "c", -1),
    "classes": ([frozenset("ab"), frozenset(), frozenset("b")], frozenset("bc"), [0, 1]),
    "tags": ([("O", "B"), ("O",)], ("B", "X", "O"), [0, -1, 1]),
    "numbers": ([np.array([1.0, 4.0]), np.array([3.0, 4.0])], np.array([5.0, 5.0]), [3, 1]),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_targets_become_numbers_and_come_back_from_a_description(kind: str) -> None:
    targets, unseen, expected = TARGETS[kind]
    answers = Answers.fit(kind, targets).with_temperature(2.0)
    assert np.array_equal(answers.encode(unseen), expected)
    loaded = Answers.load(answers.to_config())
    assert loaded.names == answers.names
    assert np.array_equal(loaded.encode(unseen), expected)
    scores = np.linspace(-1, 1, 2 * len(answers.names)).reshape(2, -1)
    np.testing.assert_allclose(loaded.outputs(scores), answers.outputs(scores))


def test_what_scores_say() -> None:
    classes = Answers.fit("class", TARGETS["class"][0])
    assert classes.said(np.array([0.1, 0.2])) == "b"
    np.testing.assert_allclose(classes.with_temperature(2).outputs(np.array([0.0, 2 * np.log(3)])), [0.25, 0.75])
    sets = Answers.fit("classes", TARGETS["classes"][0])
    assert sets.said(np.array([-1.0, 1.0])) == {"b"}
    assert sets.said(np.array([-1.0, -1.0])) == frozenset()
    numbers = Answers.fit("numbers", TARGETS["numbers"][0], ["x", "y"])
    assert numbers.names == ("x", "y")
    assert numbers.said(np.array([1.0, 0.0])).tolist() == [3.0, 4.0]


def test_a_chain_of_tags_is_read_as_a_whole() -> None:
    tags = Answers.fit("tags", [("a", "b")])
    assert isinstance(tags, TagAnswers)
    scores = np.array([[1.0, 0.0], [0.5, 0.0], [1.0, 0.0]], np.float32)
    assert tags.said(scores) == ("a", "a", "a")
    weights = {
        "head.transitions": np.array([[-9.0, 0.0], [0.0, -9.0]], np.float32),  # never twice
        "head.start": np.zeros(2, np.float32),
        "head.end": np.zeros(2, np.float32),
    }
    chain = tags.of_network(weights)
    assert chain.said(scores) == ("a", "b", "a")
    assert chain.outputs(scores).argmax(1).tolist() == [0, 1, 0]
    assert chain.said(np.zeros((0, 2), np.float32)) == ()
    assert tags.of_network({}) is tags


@pytest.mark.parametrize(
    ("kind", "targets", "message"),
    [
        ("class", ["a", "a"], "at least 2 classes .*'a' alone"),
        ("classes", [frozenset()], "at least one label"),
        ("tags", [("O", "O")], "at least 2 tags"),
        ("numbers", [np.array([np.nan])], "finite numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom")
def test_what_teaches_nothing_is_refused(kind: str, targets: list[Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Answers.fit(kind, targets)


DAMAGED: list[Any] = [
    {}, {"kind": "class"}, {"kind": "x", "names": []}, None, {"kind": "numbers", "names": ["a"], "temperature": 1},
]  # fmt: skip


@pytest.mark.parametrize("config", DAMAGED)
def test_a_damaged_description_says_so(config: Any) -> None:
    with pytest.raises(DataError, match="expected a description of answers"):
        Answers.load(config)


def test_numbers_are_ordered_as_numbers() -> None:
    assert in_order(["10", "-1", "2"]) == ("-1", "2", "10")
