"""`LabelModel`: what was learnt of sequences with labels, ready to say something of others; without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Raw
from elman.codecs.registry import load_codec
from elman.codecs.sequence import SequenceCodec, Steps
from elman.errors import BundleError, UsageError
from elman.runtime.answers import Answers
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.label_parts import Encoder
from elman.runtime.label_stream import LabelStream
from elman.runtime.labels import LabelEngine
from elman.runtime.model import Model
from elman.shapes import LabelShape

if TYPE_CHECKING:
    from elman.codecs.bag import Bag

#: Steps, and numbers in them, of the recorded sample: enough that every gate has its say, few enough for each load.
SAMPLE_STEPS, SAMPLE_NUMBERS = 16, 50_000

#: Sequences that are encoded at once.
AT_ONCE = 1024


class Prediction(NamedTuple):
    """What is said of one sequence.

    Attributes:
        outputs: Probabilities of each label, (labels,), or at each step (time, labels); or the numbers.
        said: What they come to: a class, a set of labels, a tag for every step, or the numbers.
    """

    outputs: NDArray[np.float64]
    said: Any


@final
@dataclass(frozen=True)
class LabelModel(Model):
    """Raw sequence -> codec -> network -> answers.

    Attributes:
        shape: What the network is made of.
        codec: Raw sequences to steps.
        answers: Scores to what they say.
        bag: Raw sequences to the features beside the recurrent summary; None without.
        tensors: The weights.
        encoder: What an encoder of one's own makes of frames, see `elman.runtime.labels.LabelEngine`; no folder holds
            it, as it is a program.
        shares: Factors by which the scores of the recurrent part and those of the bag were multiplied when they were
            put together, so that either can be told by itself; None without a bag.
    """

    called = "model of labels"

    shape: LabelShape
    codec: SequenceCodec
    answers: Answers
    bag: Bag | None = None
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    encoder: Encoder | None = field(default=None, repr=False, compare=False)
    shares: tuple[float, float] | None = None
    _engines: dict[tuple[str, str], LabelEngine] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies: all but the engines, which are made again where they are needed."""
        return {**self.__dict__, "_engines": {}}

    @property
    def own_encoder(self) -> str:
        """How the names of an own encoder's weights begin among the tensors; empty for a network without one."""
        return "encoder." if self.shape.encoder else ""

    def engine(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> LabelEngine:
        """The network, ready to score; the same object for all who ask for the same."""
        if (backend, precision) not in self._engines:
            engine = self._engine(backend, precision)
            self._engines[backend, precision] = engine
        return self._engines[backend, precision]

    def predict(self, inputs: Sequence[Raw]) -> Iterator[Prediction]:
        """What is said of each sequence. Raises `DataError` for one that the codec cannot read."""
        for begin in range(0, len(inputs), AT_ONCE):
            some = inputs[begin : begin + AT_ONCE]
            steps = [self.codec.encode(raw) for raw in some]
            bags = None if self.bag is None else self.bag.transform(some)
            yield from map(self._prediction, self.engine().scores(steps, bags))

    def stream(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> LabelStream[Prediction]:
        """A new live session; the options are those of `elman.runtime.labels.LabelEngine`."""
        engine = self.engine(backend=backend, precision=precision)
        return LabelStream(engine, self.codec, self._prediction, self.bag)

    def recurrent_alone(self, inputs: Sequence[Raw]) -> list[NDArray[np.float64]]:
        """The outputs for each sequence where the bag of features is left out, as it was before the two were joined."""
        scores = self.engine().recurrent_alone([self.codec.encode(raw) for raw in inputs])
        share = 1.0 if self.shares is None else self.shares[0]
        return [self.answers.outputs(each / share) for each in scores]

    def bag_alone(self, inputs: Sequence[Raw]) -> NDArray[np.float64]:
        """The outputs of the bag of features by itself, (n, outputs). Raises `UsageError` for a model without one."""
        if self.bag is None:
            raise UsageError("This model has no bag of features.")
        share = 1.0 if self.shares is None else self.shares[1]
        return self.answers.outputs(self.engine().bag_alone(self.bag.transform(inputs)) / share)

    def _engine(self, backend: str, precision: StreamPrecision = "float32") -> LabelEngine:
        return LabelEngine(self.shape, self.tensors, backend=backend, precision=precision, encoder=self.encoder)

    def _prediction(self, scores: Array) -> Prediction:
        return Prediction(self.answers.outputs(scores), self.answers.said(scores))

    def to_config(self) -> dict[str, Any]:
        """Network, codec, answers and bag."""
        config = {"network": self.shape.to_dict(), "codec": self.codec.to_config(), "answers": self.answers.to_config()}
        return config if self.bag is None else {**config, "bag": self.bag.to_config(), "shares": self.shares}

    def save(self, folder: Path) -> None:
        """Write the files of the codec and the bag."""
        self.codec.save(folder)
        if self.bag is not None:
            self.bag.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> LabelModel:
        """Read what `to_config` and `save` wrote. Raises `BundleError` or `DataError`."""
        shape = LabelShape.from_dict(config["network"])
        answers = Answers.load(config.get("answers", {})).of_network(tensors)
        codec = load_codec(folder, config["codec"])
        bag, shares = _load_bag(folder, config.get("bag")), config.get("shares")
        shares = None if shares is None else (float(shares[0]), float(shares[1]))
        model = cls(shape, codec, answers, bag, dict(tensors), shares=shares)
        model._check(folder)
        return model

    def record(self, sample: Raw) -> dict[str, Any]:
        """The first steps of a sequence, its bag, and their scores."""
        steps = self.codec.encode(sample)
        few = min(SAMPLE_STEPS, max(1, SAMPLE_NUMBERS // max(1, int(np.prod(steps.values.shape[1:])))))
        steps = Steps(steps.values[:few], None if steps.elapsed is None else steps.elapsed[:few])
        recorded: dict[str, Any] = {"steps": steps.values.tolist()}
        if steps.elapsed is not None:
            recorded["elapsed"] = steps.elapsed.tolist()
        if self.bag is not None:
            row = self.bag.transform([sample]).tocsr()
            recorded["bag"] = {"places": row.indices.tolist(), "values": row.data.tolist()}
        engine = self._engine("reference")
        return {**recorded, "scores": self._scores(engine, recorded).tolist()}

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """In scores, before softmax; 0 where the encoder that they need is not there yet."""
        if self.own_encoder and self.encoder is None:
            return 0.0
        expected = np.array(recorded["scores"], np.float32)
        return float(np.abs(self._scores(self.engine(), recorded) - expected).max(initial=0.0))

    def _scores(self, engine: LabelEngine, recorded: Mapping[str, Any]) -> Array:
        values = np.array(recorded["steps"], np.int64 if self.shape.symbols else np.float32)
        elapsed = np.array(recorded["elapsed"], np.float32) if "elapsed" in recorded else None
        bags = None
        if self.shape.bag:
            bags = np.zeros((1, self.shape.bag), np.float32)
            bags[0, recorded["bag"]["places"]] = recorded["bag"]["values"]
        return engine.scores([Steps(values, elapsed)], bags)[0]

    def _check(self, folder: Path) -> None:
        """Raise `BundleError` unless network, codec and answers belong together."""
        found = {
            "symbols": (self.shape.symbols, self.codec.symbols),
            "numbers in a frame": (self.shape.frame, self.codec.frame),
            "outputs": (self.shape.outputs, len(self.answers.names)),
        }
        for name, (network, other) in found.items():
            if network != other:
                raise BundleError(f"{folder}: the network has {network} {name}, codec and answers have {other}.")


def _load_bag(folder: Path, config: Mapping[str, Any] | None) -> Bag | None:
    if config is None:
        return None
    from elman.codecs.bag import Bag

    return Bag.load(folder, config)
