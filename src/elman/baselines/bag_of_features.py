"""A bag of features with a linear model on it: what is known of a sequence when the order of its steps is forgotten.

For classes and labels logistic regression, for numbers ridge regression, on `elman.codecs.bag.Bag`; series of one
length are read as they stand as well, step by step. For a tag at every step the features are those of the steps around
it. How strongly weights are held back is chosen on held-out data.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from elman.codecs.bag import Bag
from elman.codecs.raw import Raw, Series
from elman.codecs.sequence import SequenceCodec
from elman.data.examples import Examples, Target
from elman.errors import DataError
from elman.runtime.answers import Answers

#: Inverse strengths of the penalty to choose from; for tags, whose models take long, a weak one is good enough.
PENALTIES, OF_TAGS = (0.01, 0.1, 1.0, 10.0), (10.0,)

#: Products that logistic regression may take, and the steps of its optimiser at least and at most.
PRODUCTS, FEWEST, MOST = 8e9, 30, 200

#: Numbers in a series of one length up to which it is read as it stands.
WHOLE = 8_192

#: Steps to both sides whose features belong to a tag.
RADIUS = 2

#: Probabilities count as at least this in the loss that penalties are chosen by.
LEAST = 1e-12

#: Rows of features, one for each sequence or step; sparse.
Rows: TypeAlias = Any


@final
class BagOfFeatures:
    """A linear model of a bag of features, for any answer.

    Attributes:
        name: What it is called in reports.
    """

    name = "bag of features"

    def __init__(self, features: _Features, model: _Linear) -> None:
        self._features, self._model = features, model

    @classmethod
    def fit(cls, answers: Answers, train: Examples, valid: Examples, codec: SequenceCodec) -> BagOfFeatures:
        """Fit to ``train``, the penalty chosen on ``valid``; where that is empty, the middle one is taken.

        ``codec`` makes steps of sequences, for tags. Raises `DataError` where there is nothing to learn from.
        """
        if not len(train) or train.targets is None:
            raise DataError("A baseline needs sequences with their truth to learn from, found none.")
        features = _StepFeatures(codec) if answers.kind == "tags" else _SequenceFeatures(train)
        rows, targets = features.of(train.inputs, train.targets), _encoded(answers, train)
        penalties = OF_TAGS if answers.kind == "tags" else PENALTIES if len(valid) else (1.0,)
        models = [_MODELS[answers.kind](answers, rows, targets, penalty) for penalty in penalties]
        if len(models) == 1:
            return cls(features, models[0])
        seen, truth = features.of(valid.inputs), _encoded(answers, valid)
        return cls(features, min(models, key=lambda model: model.loss(seen, truth)))

    def outputs(self, examples: Examples) -> Any:
        """Probabilities or numbers of new sequences: (n, outputs), or (time, outputs) of each."""
        found = self._model.outputs(self._features.of(examples.inputs))
        return self._features.apart(found, examples.inputs)


def _encoded(answers: Answers, examples: Examples) -> NDArray[Any]:
    """All targets, those of steps one after the other."""
    encoded = [answers.encode(target) for target in examples.targets or ()]
    return np.concatenate(encoded) if answers.kind == "tags" else np.stack(encoded)


class _Features(ABC):
    @abstractmethod
    def of(self, inputs: Sequence[Raw], targets: Sequence[Target] | None = None) -> Rows:
        """The rows of sequences; ``targets`` are given with those that the features were fitted to."""

    def apart(self, outputs: NDArray[Any], inputs: Sequence[Raw]) -> Any:
        """The outputs of rows by sequence."""
        return outputs


@final
class _SequenceFeatures(_Features):
    """A row for each sequence: its bag, and of series of one length all that was measured."""

    def __init__(self, train: Examples) -> None:
        self._bag = Bag.fit(train.inputs, train.targets, train.kind)
        self._length, self._mean, self._deviation = 0, np.zeros(0), np.ones(0)
        shapes = {raw.values.shape if isinstance(raw, Series) else (0, 0) for raw in train.inputs}
        length, channels = shapes.pop()
        if not shapes and 0 < length * channels <= WHOLE:
            self._length = length
            values = self._values(train.inputs)
            with warnings.catch_warnings():  # of a step that was never measured there is no mean
                warnings.simplefilter("ignore", RuntimeWarning)
                self._mean, spread = np.nan_to_num(np.nanmean(values, 0)), np.nanstd(values, 0)
            self._deviation = np.where(spread > 0, spread, 1.0)

    def of(self, inputs: Sequence[Raw], targets: Sequence[Target] | None = None) -> Rows:
        """The bag, and scaled numbers where nothing was measured 0."""
        bag = self._bag.transform(inputs, targets)
        if not self._length:
            return bag
        values = np.nan_to_num((self._values(inputs) - self._mean) / self._deviation)
        return scipy.sparse.hstack([bag, scipy.sparse.csr_matrix(values)], format="csr")

    def _values(self, inputs: Sequence[Raw]) -> NDArray[np.float64]:
        """All numbers of each series in a row, (series, length * channels); what is beyond the length is left out."""
        rows = []
        for raw in inputs:
            assert isinstance(raw, Series)
            padded = np.full((self._length, raw.values.shape[1]), np.nan)
            padded[: len(raw.values)] = raw.values[: self._length]
            rows.append(padded.ravel())
        return np.stack(rows)


@final
class _StepFeatures(_Features):
    """A row for each step: its symbols or its frame, and those of the steps around it."""

    def __init__(self, codec: SequenceCodec) -> None:
        self._codec = codec

    def of(self, inputs: Sequence[Raw], targets: Sequence[Target] | None = None) -> Rows:
        """All steps of all sequences, one after the other."""
        steps = [self._codec.encode(raw).values for raw in inputs]
        # Between sequences, and at both ends, stand so many steps of nothing that no window sees two of them.
        outside = self._outside(steps[0])
        padded = np.concatenate([outside, *(part for each in steps for part in (each, outside))])
        starts = np.cumsum([RADIUS, *(len(each) + RADIUS for each in steps[:-1])])
        here = np.concatenate([start + np.arange(len(each)) for start, each in zip(starts, steps, strict=True)])
        shifts = np.arange(-RADIUS, RADIUS + 1)
        windows = padded[here[:, None] + shifts]
        if not self._codec.symbols:
            return scipy.sparse.csr_matrix(windows.reshape(len(here), -1).astype(np.float32))
        return self._one_hot(windows)

    def _outside(self, like: NDArray[Any]) -> NDArray[Any]:
        """Steps before the first or after the last: of symbols one of its own, of frames zeros."""
        if not self._codec.symbols:
            return np.zeros((RADIUS, *like.shape[1:]), np.float32)
        return np.tile(np.array(self._codec.symbols, np.int64), (RADIUS, 1))

    def _one_hot(self, windows: NDArray[Any]) -> Rows:
        """1 for each symbol of each step of each window, (windows, columns)."""
        rows, places = windows.shape[:2]
        sizes = np.array(self._codec.symbols) + 1
        offsets = np.arange(places)[:, None] * sizes.sum() + np.cumsum([0, *sizes[:-1]])
        columns = (windows + offsets).reshape(rows, -1)
        ends = np.arange(0, columns.size + 1, columns.shape[1])
        ones = np.ones(columns.size, np.float32)
        return scipy.sparse.csr_matrix((ones, columns.ravel(), ends), shape=(rows, int(places * sizes.sum())))

    def apart(self, outputs: NDArray[Any], inputs: Sequence[Raw]) -> Any:
        """The outputs of each sequence, (time, outputs)."""
        lengths = [len(self._codec.encode(raw).values) for raw in inputs]
        return np.split(outputs, np.cumsum(lengths)[:-1])


class _Linear(ABC):
    """A linear model of rows; ``penalty`` is the inverse of how strongly its weights are held back."""

    @abstractmethod
    def __init__(self, answers: Answers, rows: Rows, targets: NDArray[Any], penalty: float) -> None: ...

    @abstractmethod
    def outputs(self, rows: Rows) -> NDArray[np.float64]:
        """Probabilities or numbers, (rows, outputs)."""

    @abstractmethod
    def loss(self, rows: Rows, targets: NDArray[Any]) -> float:
        """How bad it is on held-out rows."""


@final
class _Classes(_Linear):
    """Multinomial logistic regression."""

    def __init__(self, answers: Answers, rows: Rows, targets: NDArray[Any], penalty: float) -> None:
        self._outputs = len(answers.names)
        self._model: Any = _logistic(rows, targets, penalty)

    def outputs(self, rows: Rows) -> NDArray[np.float64]:
        found = np.zeros((rows.shape[0], self._outputs))
        found[:, self._model.classes_] = self._model.predict_proba(rows)
        return found

    def loss(self, rows: Rows, targets: NDArray[Any]) -> float:
        known = targets >= 0
        chances = self.outputs(rows)[known, targets[known]]
        return float(-np.log(np.maximum(chances, LEAST)).sum())


@final
class _Sets(_Linear):
    """Logistic regression for each label by itself."""

    def __init__(self, answers: Answers, rows: Rows, targets: NDArray[Any], penalty: float) -> None:
        belongs = targets > 0.5
        # A label that every sequence has, or none, needs no model.
        self._models: list[Any] = [
            float(column[0]) if column.all() or not column.any() else _logistic(rows, column, penalty)
            for column in belongs.T
        ]

    def outputs(self, rows: Rows) -> NDArray[np.float64]:
        columns = [
            np.full(rows.shape[0], model) if isinstance(model, float) else model.predict_proba(rows)[:, 1]
            for model in self._models
        ]
        return np.stack(columns, axis=1)

    def loss(self, rows: Rows, targets: NDArray[Any]) -> float:
        chances = np.where(targets > 0.5, self.outputs(rows), 1 - self.outputs(rows))
        return float(-np.log(np.maximum(chances, LEAST)).sum())


@final
class _Numbers(_Linear):
    """Ridge regression, in standard deviations."""

    def __init__(self, answers: Answers, rows: Rows, targets: NDArray[Any], penalty: float) -> None:
        self._answers = answers
        known = np.isfinite(targets).all(1)
        # Held back in proportion to the sequences that there are: penalties then mean the same for few and many.
        self._model = Ridge(alpha=0.01 * known.sum() / penalty, solver="lsqr", tol=1e-6).fit(
            rows[known], targets[known]
        )

    def outputs(self, rows: Rows) -> NDArray[np.float64]:
        found = np.asarray(self._model.predict(rows), np.float64).reshape(rows.shape[0], -1)
        return self._answers.outputs(found)

    def loss(self, rows: Rows, targets: NDArray[Any]) -> float:
        found = np.asarray(self._model.predict(rows), np.float64).reshape(rows.shape[0], -1)
        return float(np.nansum((found - targets) ** 2))


_MODELS: dict[str, type[_Linear]] = {"class": _Classes, "classes": _Sets, "tags": _Classes, "numbers": _Numbers}


def _logistic(rows: Rows, targets: NDArray[Any], penalty: float) -> Any:
    known = np.flatnonzero(targets >= 0)
    # A good model before its optimum is good enough.
    steps = int(np.clip(PRODUCTS / (rows.nnz * len(np.unique(targets)) + 1), FEWEST, MOST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=penalty, max_iter=steps).fit(rows[known], targets[known])
