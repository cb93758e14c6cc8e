from __future__ import annotations

import numpy as np
import pytest

import labelled_examples as made
from elman.baselines.bag_of_features import BagOfFeatures
from elman.codecs.registry import codec_for
from elman.data.examples import Examples
from elman.errors import DataError
from elman.runtime.answers import Answers
from elman.settings import InputSettings


def fitted(kind: str, train: Examples, valid: Examples) -> BagOfFeatures:
    assert train.targets is not None
    codec = codec_for(train.kind, train.inputs, InputSettings())
    return BagOfFeatures.fit(Answers.fit(kind, train.targets), train, valid, codec)


def test_classes_of_sentences() -> None:
    test = made.texts(40, 2)
    outputs = fitted("class", made.texts(80), made.texts(20, 1)).outputs(test)
    assert outputs.shape == (40, 2)
    np.testing.assert_allclose(outputs.sum(1), 1)
    assert [["bad", "good"][row.argmax()] for row in outputs] == list(test.targets or ())


def test_sets_of_labels() -> None:
    test = made.sets(40, 2)
    bag = fitted("classes", made.sets(120), made.sets(20, 1))
    found = bag.outputs(test) > 0.5
    names = ("bad", "film", "good")
    expected = [[name in target for name in names] for target in test.targets or ()]  # type: ignore[operator]
    assert (found == np.array(expected)).mean() > 0.95


def test_a_label_of_all_sequences_needs_no_model() -> None:
    every = made.texts(30)
    train = Examples("text", every.inputs, [frozenset(["x", str(t)]) for t in every.targets or ()], every.names)
    bag = fitted("classes", train, train.take([]))
    assert (bag.outputs(train)[:, 2] > 0.99).all()


def test_tags_of_steps_by_those_around() -> None:
    test = made.tags(20, 2)
    outputs = fitted("tags", made.tags(40), made.tags(10, 1)).outputs(test)
    names = ("B-city", "I-city", "O")
    assert [tuple(names[tag] for tag in row.argmax(1)) for row in outputs] == list(test.targets or ())


@pytest.mark.parametrize("gaps", [False, True])
def test_series_of_one_length_are_read_as_they_stand(gaps: bool) -> None:
    train, test = made.numbers(300, gaps=gaps), made.numbers(50, 1, gaps=gaps)
    outputs = fitted("numbers", train, made.numbers(50, 2, gaps=gaps)).outputs(test)
    truth = np.stack([np.asarray(target) for target in test.targets or ()])
    assert np.std(outputs - truth) < (0.5 if gaps else 0.15) * np.std(truth)


def test_a_class_of_one_sequence_alone_still_has_a_probability() -> None:
    train = made.texts(30)
    targets = ["rare", *(train.targets or ())[1:]]
    bag = fitted("class", Examples("text", train.inputs, targets, train.names), made.texts(5, 1))
    assert bag.outputs(train).shape == (30, 3)


def test_a_bag_that_was_fitted_already_is_taken_as_it_is() -> None:
    train, valid = made.texts(60), made.texts(20, 1)
    once = fitted("class", train, valid)
    answers = Answers.fit("class", train.targets or ())
    codec = codec_for("text", train.inputs, InputSettings())
    known = (once._features._bag, once._model)  # type: ignore[attr-defined]
    again = BagOfFeatures.fit(answers, train, valid, codec, known)
    assert again._model is once._model
    assert (again.outputs(valid) == once.outputs(valid)).all()


def test_nothing_to_learn_from() -> None:
    train = made.texts(4)
    codec = codec_for("text", train.inputs, InputSettings())
    with pytest.raises(DataError, match="found none"):
        BagOfFeatures.fit(Answers.fit("class", ["a", "b"]), train.take([]), train, codec)
