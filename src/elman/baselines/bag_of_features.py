"""A bag of features with a linear model on it: what is known of a sequence when the order of its steps is forgotten.

For classes and labels logistic regression, for numbers ridge regression, on `elman.codecs.bag.Bag`; series of one
length are read as they stand as well, step by step. For a tag at every step the features are those of the steps around
it. How strongly weights are held back is chosen on held-out data.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from elman.baselines.linear import PENALTIES, LinearModel, Rows
from elman.codecs.bag import Bag
from elman.codecs.raw import Raw, Series
from elman.codecs.sequence import SequenceCodec
from elman.data.examples import Examples, Target
from elman.errors import DataError
from elman.runtime.answers import Answers

#: The penalty for tags, whose models take long: a weak one is good enough.
OF_TAGS = (10.0,)

#: Numbers in a series of one length up to which it is read as it stands.
WHOLE = 8_192

#: Steps to both sides whose features belong to a tag.
RADIUS = 2


@final
class BagOfFeatures:
    """A linear model of a bag of features, for any answer.

    Attributes:
        name: What it is called in reports.
    """

    name = "bag of features"

    def __init__(self, answers: Answers, features: _Features, model: LinearModel) -> None:
        self._answers, self._features, self._model = answers, features, model

    @classmethod
    def fit(
        cls,
        answers: Answers,
        train: Examples,
        valid: Examples,
        codec: SequenceCodec,
        known: tuple[Bag, LinearModel] | None = None,
    ) -> BagOfFeatures:
        """Fit to ``train``, the penalty chosen on ``valid``; where that is empty, the middle one is taken.

        ``codec`` makes steps of sequences, for tags. ``known`` is the bag with its model where it was fitted already.
        Raises `DataError` where there is nothing to learn from.
        """
        if not len(train) or train.targets is None:
            raise DataError("A baseline needs sequences with their truth to learn from, found none.")
        # Temperature and transitions between tags are those of the recurrent model.
        answers = Answers.load({**answers.to_config(), "temperature": 1.0})
        of_steps = answers.kind == "tags"
        bag, model = known or (None, None)
        features = _StepFeatures(codec) if of_steps else _SequenceFeatures(train, bag)
        if model is not None and features.are_a_bag:
            return cls(answers, features, model)
        held_out = (features.of(valid.inputs), _encoded(answers, valid)) if len(valid) else None
        rows, targets = features.of(train.inputs, train.targets), _encoded(answers, train)
        model = LinearModel.fit(answers, rows, targets, held_out, OF_TAGS if of_steps else PENALTIES)
        return cls(answers, features, model)

    def outputs(self, examples: Examples) -> Any:
        """Probabilities or numbers of new sequences: (n, outputs), or (time, outputs) of each."""
        found = self._answers.outputs(self._model.scores(self._features.of(examples.inputs)))
        return self._features.apart(found, examples.inputs)


def _encoded(answers: Answers, examples: Examples) -> NDArray[Any]:
    """All targets, those of steps one after the other."""
    encoded = [answers.encode(target) for target in examples.targets or ()]
    return np.concatenate(encoded) if answers.kind == "tags" else np.stack(encoded)


class _Features(ABC):
    #: Whether the rows are those of a bag, and nothing beside it.
    are_a_bag = False

    @abstractmethod
    def of(self, inputs: Sequence[Raw], targets: Sequence[Target] | None = None) -> Rows:
        """The rows of sequences; ``targets`` are given with those that the features were fitted to."""

    def apart(self, outputs: NDArray[Any], inputs: Sequence[Raw]) -> Any:
        """The outputs of rows by sequence."""
        return outputs


@final
class _SequenceFeatures(_Features):
    """A row for each sequence: its bag, and of series of one length all that was measured."""

    def __init__(self, train: Examples, bag: Bag | None = None) -> None:
        self._bag = bag or Bag.fit(train.inputs, train.targets, train.kind)
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
        self.are_a_bag = not self._length

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
