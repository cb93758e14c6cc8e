"""A linear model of rows of features, for any answer: logistic regression, or ridge regression for numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
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

#: Features of sequences or steps, (rows, features), sparse.
Rows: TypeAlias = Any
Scores: TypeAlias = NDArray[np.floating[Any]]


@final
@dataclass(frozen=True)
class LinearModel:
    """Scores that are sums of features, each times its weight.

    Attributes:
        weight: (outputs, features).
        bias: (outputs,).
    """

    weight: Array
    bias: Array

    @classmethod
    def fit(
        cls,
        answers: Answers,
        rows: Rows,
        targets: NDArray[Any],
        held_out: tuple[Rows, NDArray[Any]] | None,
        penalties: Sequence[float] = PENALTIES,
    ) -> LinearModel:
        """Fit to the encoded ``targets`` of training ``rows``.

        Of the ``penalties`` the best for the ``held_out`` rows and targets is taken, or the middle one without any.
        """
        if held_out is None or len(penalties) == 1:
            return cls._fitted(answers, rows, targets, penalties[len(penalties) // 2])
        seen, truth = held_out
        found = [cls._fitted(answers, rows, targets, penalty) for penalty in penalties]
        return min(found, key=lambda model: loss_of(answers, model.scores(seen), truth))

    @classmethod
    def _fitted(cls, answers: Answers, rows: Rows, targets: NDArray[Any], penalty: float) -> LinearModel:
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
        """Scores of each row, (rows, outputs)."""
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


def _logistic(rows: Rows, belongs: NDArray[np.bool_], penalty: float) -> tuple[Any, Any]:
    model = _logistic_model(rows, belongs, penalty)
    return model.coef_[0], model.intercept_[0]


def _logistic_model(rows: Rows, targets: NDArray[Any], penalty: float) -> Any:
    steps = int(np.clip(MANY * MOST / (rows.nnz * len(np.unique(targets)) + 1) / 5, FEWEST, MOST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=penalty, max_iter=steps).fit(rows, targets)
