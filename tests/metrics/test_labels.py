from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from elman.errors import DataError
from elman.metrics import labels
from elman.metrics.labels import Counts
from tolerances import ROUNDING

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 5])
def test_figures_of_classes_are_those_of_scikit_learn(classes: int) -> None:
    truth, given = RNG.integers(0, classes, 200), RNG.integers(0, classes, 200)
    counts = Counts.of_classes(truth, given, classes)
    assert counts.macro_f1 == pytest.approx(reference.f1_score(truth, given, average="macro"), rel=ROUNDING)
    assert counts.micro_f1 == pytest.approx(reference.f1_score(truth, given, average="micro"), rel=ROUNDING)
    precision, recall, f1, support = reference.precision_recall_fscore_support(truth, given)
    np.testing.assert_allclose([counts.precision, counts.recall, counts.f1], [precision, recall, f1], rtol=ROUNDING)
    assert counts.support.tolist() == support.tolist()
    assert labels.accuracy(truth, given) == reference.accuracy_score(truth, given)
    matrix = labels.confusion(truth, given, classes)
    assert matrix.tolist() == reference.confusion_matrix(truth, given).tolist()
    assert labels.matthews(matrix) == pytest.approx(reference.matthews_corrcoef(truth, given), rel=1e-9)


def test_figures_of_sets_are_those_of_scikit_learn() -> None:
    truth, given = RNG.random((100, 6)) < 0.3, RNG.random((100, 6)) < 0.4
    counts = Counts.of_sets(truth, given)
    for average, value in (("macro", counts.macro_f1), ("micro", counts.micro_f1)):
        assert value == pytest.approx(reference.f1_score(truth, given, average=average), rel=ROUNDING)


def test_labels_that_do_not_occur_do_not_count_in_the_macro_mean() -> None:
    truth, given = np.array([0, 0, 1]), np.array([0, 0, 1])
    assert Counts.of_classes(truth, given, labels=9).macro_f1 == 1


def test_an_unknown_label_is_a_mistake_and_no_row() -> None:
    truth, given = np.array([-1, 0]), np.array([0, 0])
    counts = Counts.of_classes(truth, given, labels=2)
    assert counts.false_alarms.tolist() == [1, 0]
    assert counts.misses.tolist() == [0, 0]
    assert labels.confusion(truth, given, 2).tolist() == [[1, 0], [0, 0]]
    assert labels.accuracy(truth, given) == 0.5


def test_one_label_alone_has_no_correlation() -> None:
    assert labels.matthews(np.array([[5, 0], [5, 0]])) == 0


def test_the_macro_f1_lies_within_its_interval() -> None:
    truth = RNG.integers(0, 3, 300)
    given = np.where(RNG.random(300) < 0.7, truth, RNG.integers(0, 3, 300))
    low, high = labels.macro_f1_interval(truth, given, 3)
    assert low < Counts.of_classes(truth, given, 3).macro_f1 < high
    assert 0.05 < high - low < 0.15


def test_the_f1_of_sets_lies_within_its_interval() -> None:
    truth = RNG.random((300, 4)) < 0.3
    given = truth ^ (RNG.random(truth.shape) < 0.1)
    each = Counts.of_each_set(truth, given)
    for average in ("macro", "micro"):
        low, high = labels.f1_interval(each, average)
        assert low < getattr(each.summed(), f"{average}_f1") < high


def test_nothing_to_score() -> None:
    with pytest.raises(DataError, match="at least one label"):
        labels.accuracy(np.zeros(0, np.int64), np.zeros(0, np.int64))
