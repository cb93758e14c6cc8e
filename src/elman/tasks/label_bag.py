"""A bag of features beside a recurrent network: each learns by itself, then both are weighed on held-out sequences.

Learnt together, the network soon explains the training sequences alone and the bag stays weak, or the other way round.
Apart, their mistakes differ, and the sum is better than either. With r and b the scores of the two:

    scores = u r + v b,    u and v those of the lowest loss on held-out sequences.

Source: Mesnil, Mikolov, Ranzato & Bengio, "Ensemble of generative and discriminative techniques for sentiment analysis
of movie reviews", ICLR workshop 2015.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from elman.runtime.answers import Answers
from elman.runtime.backends import Array

#: Inverse strengths of the penalty to choose from.
PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0)

#: Numbers (sequences x features x outputs) that one step of the optimiser may go through in about a second.
MANY = 2e8

#: Steps of the optimiser at least and at most: a good model before its optimum is good enough.
FEWEST, MOST = 30, 200

#: Factors of either score to choose from.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
SCALES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)

#: The factors where nothing is held out.
EVEN = (0.7, 0.7)

#: Features of sequences, (sequences, features), sparse.
Rows: TypeAlias = Any
Scores: TypeAlias = NDArray[np.floating[Any]]


@final
@dataclass(frozen=True)
class LinearBag:
    """Scores of a bag by themselves.

    Attributes:
        weight: (outputs, features).
        bias: (outputs,).
    """

    weight: Array
    bias: Array

    @classmethod
    def fit(
        cls, answers: Answers, rows: Rows, targets: NDArray[Any], held_out: tuple[Rows, NDArray[Any]] | None
    ) -> LinearBag:
        """Fit to the encoded ``targets`` of training ``rows``; the penalty is chosen on ``held_out`` ones."""
        if held_out is None:
            return cls._fitted(answers, rows, targets, PENALTIES[len(PENALTIES) // 2])
        seen, truth = held_out
        found = [cls._fitted(answers, rows, targets, penalty) for penalty in PENALTIES]
        return min(found, key=lambda bag: loss_of(answers, bag.scores(seen), truth))

    @classmethod
    def _fitted(cls, answers: Answers, rows: Rows, targets: NDArray[Any], penalty: float) -> LinearBag:
        outputs, features = len(answers.names), rows.shape[1]
        weight, bias = np.zeros((outputs, features), np.float32), np.zeros(outputs, np.float32)
        if answers.head == "linear":
            known = np.isfinite(targets).all(1)
            ridge = Ridge(alpha=0.01 * known.sum() / penalty, solver="lsqr", tol=1e-6).fit(rows[known], targets[known])
            weight[:], bias[:] = np.reshape(ridge.coef_, weight.shape), ridge.intercept_
        elif answers.head == "sigmoid":
            for number, column in enumerate((targets > 0.5).T):
                if column.all() or not column.any():
                    bias[number] = 8.0 if column.all() else -8.0
                else:
                    weight[number], bias[number] = _logistic(rows, column, penalty)
        else:
            known = np.flatnonzero(targets >= 0)
            model = _logistic_model(rows[known], targets[known], penalty)
            if len(model.classes_) == 2:
                halves = np.array([[-0.5], [0.5]], np.float32)
                weight[model.classes_], bias[model.classes_] = halves * model.coef_, halves[:, 0] * model.intercept_
            else:
                weight[model.classes_], bias[model.classes_] = model.coef_, model.intercept_
        return cls(weight, bias)

    def scores(self, rows: Rows) -> Scores:
        """Scores of each sequence, (sequences, outputs)."""
        return np.asarray(rows @ self.weight.T + self.bias, np.float64)


def loss_of(answers: Answers, scores: Scores, truth: NDArray[Any]) -> float:
    """Mean loss of scores (n, outputs) for encoded targets: that by which networks of these answers learn."""
    if answers.head == "linear":
        return float(np.nanmean((scores - truth) ** 2))
    if answers.head == "sigmoid":
        return float((np.logaddexp(0, scores) - scores * truth).mean())
    known = np.flatnonzero(truth >= 0)
    of_known = scores[known]
    return float((np.logaddexp.reduce(of_known, 1) - of_known[np.arange(len(known)), truth[known]]).mean())


def weigh(answers: Answers, recurrent: Scores, bag: Scores, truth: NDArray[Any]) -> tuple[float, float]:
    """The factors of the recurrent part's and the bag's scores that give the lowest loss.

    >>> from elman.runtime.answers import ClassAnswers
    >>> sure, wrong = np.array([[2.0, 0.0], [0.0, 2.0]]), np.zeros((2, 2))
    >>> u, v = weigh(ClassAnswers(("a", "b")), sure, wrong, np.array([0, 1]))
    >>> u > 0
    True
    """
    scales = (1.0,) if answers.head == "linear" else SCALES
    pairs = [(scale * share, scale * (1 - share)) for scale, share in product(scales, SHARES)]
    return min(pairs, key=lambda pair: loss_of(answers, pair[0] * recurrent + pair[1] * bag, truth))


def _logistic(rows: Rows, belongs: NDArray[np.bool_], penalty: float) -> tuple[Any, Any]:
    model = _logistic_model(rows, belongs, penalty)
    return model.coef_[0], model.intercept_[0]


def _logistic_model(rows: Rows, targets: NDArray[Any], penalty: float) -> Any:
    steps = int(np.clip(MANY * MOST / (rows.nnz * len(np.unique(targets)) + 1) / 5, FEWEST, MOST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=penalty, max_iter=steps).fit(rows, targets)
