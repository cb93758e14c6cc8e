from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.special import log_softmax

from elman.baselines.linear import LinearModel, loss_of
from elman.runtime.answers import Answers, ClassAnswers, NumberAnswers, SetAnswers

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(60, 5))
WEIGHT = RNG.normal(size=(5, 3))
SCORES = ROWS @ WEIGHT

CASES: dict[str, tuple[Answers, Any]] = {
    "two classes": (ClassAnswers(("a", "b")), (SCORES[:, 0] > 0).astype(np.int64)),
    "three classes": (ClassAnswers(("a", "b", "c")), SCORES.argmax(1)),
    "sets": (SetAnswers(("a", "b", "c")), (SCORES > 0).astype(np.float32)),
    "numbers": (NumberAnswers(("a", "b", "c"), mean=(0.0,) * 3, deviation=(1.0,) * 3), SCORES.astype(np.float32)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bag_by_itself_learns_what_is_linear(name: str) -> None:
    answers, targets = CASES[name]
    rows = csr_matrix(ROWS[:40])
    fitted = LinearModel.fit(answers, rows, targets[:40], (csr_matrix(ROWS[40:]), targets[40:]))
    scores = fitted.scores(csr_matrix(ROWS[40:]))
    assert scores.shape == (20, len(answers.names))
    untrained = loss_of(answers, np.zeros_like(scores), targets[40:])
    assert loss_of(answers, scores, targets[40:]) < untrained / 2


def test_labels_that_all_or_none_have_need_no_model() -> None:
    targets = np.stack([np.ones(60), np.zeros(60), SCORES[:, 0] > 0], 1)
    scores = LinearModel.fit(SetAnswers(("all", "none", "some")), csr_matrix(ROWS), targets, None).scores(ROWS)
    assert (scores[:, 0] > 1).all()
    assert (scores[:, 1] < -1).all()


def test_loss_of_classes_is_cross_entropy_of_those_that_are_known() -> None:
    truth = np.array([0, -1, 2])
    expected = -log_softmax(SCORES[:3], 1)[[0, 2], [0, 2]].mean()
    assert loss_of(ClassAnswers(("a", "b", "c")), SCORES[:3], truth) == pytest.approx(expected)
