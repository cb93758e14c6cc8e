"""Classifier and Regressor as scikit-learn sees them."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import labelled_examples
from elman.errors import ArrayError, SettingsError, UsageError
from elman.tasks import Classifier, Regressor, Tagger
from elman.tasks.estimator import NOT_CHECKED, SKIPPED_CHECKS, Estimator
from elman.tasks.labelled import Labelled

#: Networks that learn the tiny problems of the checks in a moment.
QUICK: dict[str, Any] = {
    "hidden_size": 8, "learning_rate": 0.05, "batch_size": 32, "bidirectional": False, "pooling": "last",
    "convolutions": "none", "dropout": 0.0, "augment": "none", "differences": False,
}  # fmt: skip

#: A row's places matter to the checks of regressors, which a bag of statistics beside the network tells it.
ESTIMATORS = [Classifier(epochs=8, bag=False, **QUICK), Regressor(epochs=8, bag=True, **QUICK)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_the_checks_of_scikit_learn(estimator: Estimator) -> None:
    results = check_estimator(estimator, expected_failed_checks=SKIPPED_CHECKS, on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert failed == {}
    assert set(SKIPPED_CHECKS) <= {result["check_name"] for result in results}


def test_what_is_not_checked_is_listed() -> None:
    kinds = {kind.__name__ for kind in Labelled.__subclasses__()}
    assert kinds - {type(each).__name__ for each in ESTIMATORS} == set(NOT_CHECKED)


def test_sequences_of_any_length_are_cross_validated_and_searched() -> None:
    found = labelled_examples.shapes(40)
    sequences, classes = [raw.values for raw in found.inputs], found.targets
    model = Classifier(**QUICK, epochs=6)
    assert cross_val_score(model, sequences, classes, cv=2).mean() > 0.8
    search = GridSearchCV(model, {"hidden_size": [2, 4]}, cv=2).fit(sequences, classes)
    assert search.best_params_["hidden_size"] in (2, 4)


def test_texts_go_through_a_pipeline() -> None:
    found = labelled_examples.texts(40)
    model = make_pipeline(
        FunctionTransformer(lambda texts: [text.upper() for text in texts]), Classifier(**QUICK, epochs=4, bag=True)
    )
    assert model.fit(found.inputs, found.targets).score(found.inputs, found.targets) > 0.8


def test_padded_arrays_come_with_lengths() -> None:
    found = labelled_examples.shapes(20)
    lengths = [len(raw.values) for raw in found.inputs]
    padded = np.full((20, max(lengths), 1), 99.0)
    for row, raw in zip(padded, found.inputs, strict=True):
        row[: len(raw.values)] = raw.values
    model = Classifier(**QUICK, epochs=2).fit(padded, found.targets, lengths=lengths)
    as_list = model.predict_proba([raw.values for raw in found.inputs])
    assert np.array_equal(model.predict_proba(padded, lengths=lengths), as_list)
    with pytest.raises(ArrayError, match="a length for each"):
        model.predict(padded, lengths=lengths[:3])


def test_rows_of_a_data_frame_are_sequences() -> None:
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(20, 4)), columns=list("abcd"))
    classes = np.array([3, 7] * 10)
    model = Classifier(**QUICK, epochs=1).fit(frame, classes)
    assert model.n_features_in_ == 4
    assert model.classes_.tolist() == [3, 7]
    assert set(model.predict(frame)) <= {3, 7}
    with pytest.raises(ArrayError, match="feature names should match"):
        model.predict(frame[["a", "b", "c"]])


def test_several_labels_come_as_sets() -> None:
    found = labelled_examples.sets(40)
    model = Classifier(**QUICK, epochs=4, multi_label=True).fit(found.inputs, found.targets)
    assert model.predict(found.inputs[:2])[0] <= {"good", "bad", "film"}
    assert model.predict_proba(found.inputs).shape == (40, 3)
    assert 0 <= model.score(found.inputs, found.targets) <= 1


def test_tags_come_for_every_step() -> None:
    found = labelled_examples.tags(40)
    model = Tagger(hidden_size=8, epochs=8, learning_rate=0.03, crf=True).fit(found.inputs, found.targets)
    tags = model.predict([["to", "boston"], ["a", "story"]])
    assert tags == [("O", "B-city"), ("O", "O")]
    for probabilities in model.predict_proba(found.inputs[:3]):
        np.testing.assert_allclose(probabilities.sum(1), 1)
    assert model.score(found.inputs, found.targets) > 0.9


def test_several_numbers_are_told_at_once() -> None:
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(rng.integers(3, 6), 2)) for _ in range(30)]
    numbers = np.array([[each.sum(), each.max()] for each in sequences])
    model = Regressor(**QUICK, epochs=2).fit(sequences, numbers)
    assert model.predict(sequences).shape == (30, 2)
    assert Regressor(**QUICK, epochs=2).fit(sequences, numbers[:, 0]).predict(sequences).shape == (30,)


def test_options_are_those_that_were_given() -> None:
    model = Classifier(hidden_size=5)
    assert repr(model) == "Classifier(hidden_size=5)"
    assert model.get_params()["hidden_size"] == 5
    assert model.get_params()["num_layers"] == "auto"
    assert clone(model.set_params(cell="gru")).settings.network.cell == "gru"
    assert is_classifier(model)
    assert is_regressor(Regressor())
    with pytest.raises(SettingsError, match="no option 'hiden_size'"):
        model.set_params(hiden_size=3)
    with pytest.raises(SettingsError, match="hidden_size must be at least 1"):
        Classifier(hidden_size=0)


def test_an_untrained_model_is_not_fitted_to_scikit_learn_either() -> None:
    with pytest.raises(NotFittedError) as caught:
        Classifier().predict(np.zeros((2, 3)))
    assert isinstance(caught.value, UsageError)


def test_a_trained_model_can_be_pickled() -> None:
    found = labelled_examples.shapes(20)
    model = Classifier(**QUICK, epochs=1).fit_examples(found)
    before = model.predict_proba(found)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(found), before)  # noqa: S301


@pytest.mark.parametrize(
    ("sequences", "targets", "message"),
    [
        ([np.zeros(3), "text"], ["a", "b"], "one kind, found Series, str"),
        ([np.zeros(3)] * 3, ["a", "b"], "3 sequences need as many targets, found 2"),
        ([np.zeros((2, 2, 2, 2))] * 2, ["a", "b"], "Reshape your data"),
        ([[1.0, np.inf]] * 2, ["a", "b"], "infinite number"),
        ([np.zeros(3)] * 2, ["a", "a"], "at least 2 classes"),
        ([np.zeros(3)] * 2, [0.5, 0.25], "Unknown label type"),
        ([], ["a", "b"], "found none"),
        (np.zeros((2, 3)), None, "requires y"),
        ([object()] * 2, ["a", "b"], "expected a text, words or numbers"),
    ],
)
def test_what_cannot_be_learnt_is_said(sequences: Any, targets: Any, message: str) -> None:
    with pytest.raises(ArrayError, match=message):
        Classifier().fit(sequences, targets)
