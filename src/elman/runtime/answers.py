"""Between what is to be learnt of sequences and the numbers of a network: classes, sets of them, tags, numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elman.decoding.forward_backward import marginals
from elman.decoding.viterbi import viterbi
from elman.errors import DataError
from elman.runtime.backends import Array

#: A label of a set belongs where its probability reaches this.
THRESHOLD = 0.5

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Answers(ABC):
    """Targets to numbers, and scores to what they say; fitted on training data only.

    Attributes:
        names: What each score stands for.
        temperature: Scores are divided by it, so that probabilities are what they say; 1 leaves them.
    """

    names: tuple[str, ...]
    temperature: float = 1.0

    #: Its name in ``config.json``: class, classes, tags or numbers.
    kind: ClassVar[str]
    #: What the network makes of scores, see `elman.shapes.LabelShape`.
    head: ClassVar[Literal["softmax", "sigmoid", "linear"]]

    @staticmethod
    def fit(kind: str, targets: Sequence[Any], names: Sequence[str] = ()) -> Answers:
        """Learn what the ``targets`` of training sequences may be; ``names`` are those of numbers.

        Raises `DataError` where they are of another type, or too few to tell anything apart.

        >>> Answers.fit("class", ["b", "a", "b"]).names
        ('a', 'b')
        """
        return _KINDS[kind]._learn(targets, tuple(names))

    @staticmethod
    def load(config: Mapping[str, Any]) -> Answers:
        """Make again what `to_config` describes. Raises `DataError`."""
        try:
            return _KINDS[config["kind"]]._of(config)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError(f"expected a description of answers with kind and names, found {config!r}.") from None

    def to_config(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"kind": self.kind, "names": list(self.names), "temperature": self.temperature}

    def with_temperature(self, temperature: float) -> Answers:
        """The same answers, more or less sure."""
        return replace(self, temperature=temperature)

    @abstractmethod
    def encode(self, target: Any) -> NDArray[Any]:
        """The numbers of one target that a loss goes by; what was never seen in training is -1 or left out."""

    @abstractmethod
    def outputs(self, scores: NDArray[Any]) -> Floats:
        """What scores (..., outputs) say: probabilities, or numbers in the unit of the targets."""

    @abstractmethod
    def said(self, scores: NDArray[Any]) -> Any:
        """The target that the scores of one sequence come to."""

    def of_network(self, tensors: Mapping[str, Array]) -> Answers:
        """These answers with what they need of the weights of a network; by themselves nothing."""
        return self

    @classmethod
    def _of(cls, config: Mapping[str, Any]) -> Answers:
        return cls(tuple(map(str, config["names"])), float(config["temperature"]))

    @classmethod
    @abstractmethod
    def _learn(cls, targets: Sequence[Any], names: tuple[str, ...]) -> Answers: ...


@final
@dataclass(frozen=True)
class ClassAnswers(Answers):
    """One of several classes for each sequence."""

    kind = "class"
    head = "softmax"

    @classmethod
    def _learn(cls, targets: Sequence[Any], names: tuple[str, ...]) -> ClassAnswers:
        found = in_order(targets)
        if len(found) < 2:
            seen = f"'{found[0]}' alone" if found else "none"
            raise DataError(f"A classifier needs at least 2 classes to tell apart, found {seen}. Check the target.")
        return cls(found)

    def encode(self, target: str) -> NDArray[np.int64]:
        """The number of a class, a scalar; -1 for one never seen."""
        return np.array(_number(self.names).get(target, -1), np.int64)

    def outputs(self, scores: NDArray[Any]) -> Floats:
        """Softmax of scores / temperature."""
        return softmax(scores, self.temperature)

    def said(self, scores: NDArray[Any]) -> str:
        """The likeliest class."""
        return self.names[int(scores.argmax())]


@final
@dataclass(frozen=True)
class SetAnswers(Answers):
    """Any number of labels for each sequence, none included."""

    kind = "classes"
    head = "sigmoid"

    @classmethod
    def _learn(cls, targets: Sequence[Any], names: tuple[str, ...]) -> SetAnswers:
        found = in_order(label for labels in targets for label in labels)
        if not found:
            raise DataError("A classifier of several labels needs at least one label, found none. Check the target.")
        return cls(found)

    def encode(self, target: Iterable[str]) -> NDArray[np.float32]:
        """1 for each label that belongs, (outputs,)."""
        belongs = set(target)
        return np.array([name in belongs for name in self.names], np.float32)

    def outputs(self, scores: NDArray[Any]) -> Floats:
        """The probability of each label by itself."""
        return 0.5 * (1 + np.tanh(np.asarray(scores, np.float64) / self.temperature / 2))

    def said(self, scores: NDArray[Any]) -> frozenset[str]:
        """The labels that are likelier than not."""
        belongs = self.outputs(scores) >= THRESHOLD
        return frozenset(name for name, likely in zip(self.names, belongs, strict=True) if likely)


@final
@dataclass(frozen=True)
class TagAnswers(Answers):
    """A tag for every step.

    Attributes:
        chain: Transitions (from, to), start and end of a conditional random field; None where each step is for itself.
    """

    chain: tuple[Array, Array, Array] | None = field(default=None, repr=False, compare=False)

    kind = "tags"
    head = "softmax"

    @classmethod
    def _learn(cls, targets: Sequence[Any], names: tuple[str, ...]) -> TagAnswers:
        found = in_order(tag for tags in targets for tag in tags)
        if len(found) < 2:
            raise DataError(f"A tagger needs at least 2 tags to tell apart, found {len(found)}. Check the target.")
        return cls(found)

    def of_network(self, tensors: Mapping[str, Array]) -> TagAnswers:
        """With the chain of a network that has one."""
        if "head.transitions" not in tensors:
            return self
        return replace(self, chain=(tensors["head.transitions"], tensors["head.start"], tensors["head.end"]))

    def encode(self, target: Sequence[str]) -> NDArray[np.int64]:
        """The number of each tag, (time,); -1 for one never seen."""
        numbers = _number(self.names)
        return np.array([numbers.get(tag, -1) for tag in target], np.int64)

    def outputs(self, scores: NDArray[Any]) -> Floats:
        """The probability of each tag at each step, (time, tags)."""
        if self.chain is None:
            return softmax(scores, self.temperature)
        return marginals(scores, *self.chain)

    def said(self, scores: NDArray[Any]) -> tuple[str, ...]:
        """The likeliest tag of each step; of a chain the likeliest tags together."""
        if self.chain is None or not len(scores):
            return tuple(self.names[tag] for tag in scores.argmax(-1))
        return tuple(self.names[tag] for tag in viterbi(scores[None], *self.chain)[0])


@final
@dataclass(frozen=True)
class NumberAnswers(Answers):
    """One or more numbers for each sequence; the network gives them in standard deviations from their mean.

    Attributes:
        mean: Of the training data, one for each number.
        deviation: Likewise.
    """

    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()

    kind = "numbers"
    head = "linear"

    @classmethod
    def _learn(cls, targets: Sequence[Any], names: tuple[str, ...]) -> NumberAnswers:
        values = np.array([np.atleast_1d(target) for target in targets], np.float64)
        names = names or tuple(str(number) for number in range(values.shape[1]))
        with np.errstate(invalid="ignore"):
            mean, deviation = np.nanmean(values, 0), np.nanstd(values, 0)
        if not np.isfinite(mean).all():
            raise DataError("A regressor needs finite numbers to learn, found none or infinite ones. Check the target.")
        deviation = np.where(deviation > 0, deviation, 1.0)
        return cls(names, mean=tuple(map(float, mean)), deviation=tuple(map(float, deviation)))

    @classmethod
    def _of(cls, config: Mapping[str, Any]) -> NumberAnswers:
        mean, deviation = (tuple(map(float, config[name])) for name in ("mean", "deviation"))
        return cls(tuple(map(str, config["names"])), mean=mean, deviation=deviation)

    def to_config(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**super().to_config(), "mean": list(self.mean), "deviation": list(self.deviation)}

    def encode(self, target: Any) -> NDArray[np.float32]:
        """In standard deviations from the mean, (outputs,)."""
        return np.asarray((np.atleast_1d(target) - self.mean) / np.array(self.deviation), np.float32)

    def outputs(self, scores: NDArray[Any]) -> Floats:
        """In the unit of the targets."""
        return np.asarray(scores * np.array(self.deviation) + np.array(self.mean), np.float64)

    def said(self, scores: NDArray[Any]) -> Floats:
        """The numbers as they are."""
        return self.outputs(scores)


_KINDS: dict[Any, type[Answers]] = {kind.kind: kind for kind in (ClassAnswers, SetAnswers, TagAnswers, NumberAnswers)}


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """The distinct labels: whole numbers by size, else in alphabetical order.

    >>> in_order(["10", "9", "9"]), in_order(["b", "10", "9"])
    (('9', '10'), ('10', '9', 'b'))
    """
    found = sorted(set(labels))
    try:
        return tuple(sorted(found, key=int))
    except ValueError:
        return tuple(found)


def softmax(scores: NDArray[Any], temperature: float = 1.0) -> Floats:
    """exp(s_i / T) / sum_j exp(s_j / T) over the last axis."""
    scaled = np.asarray(scores, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))


def _number(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}
