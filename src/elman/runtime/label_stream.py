"""One live session with a model of labels: a sequence comes chunk by chunk, and so does what is said of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar, final

from elman.codecs.raw import Raw, joined
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.runtime.backends import Array
from elman.runtime.labels import LabelEngine
from elman.runtime.plain_values import apart, attributes, set_attributes, together
from elman.runtime.session import Arrays, Session

Answer = TypeVar("Answer")


class RawFeatures(Protocol):
    """`elman.codecs.bag.Bag`."""

    def transform(self, inputs: list[Raw]) -> Any:
        """Features of each whole sequence, (n, features)."""


@final
class LabelStream(Session, Generic[Answer]):
    """A live session with a model of labels: `push` a sequence in any cuts, `flush` at its end.

    Weights are shared with every other stream of the same model; the state belongs to this one. What is said in the end
    does not depend on how the sequence was cut.

    A model that needs the whole sequence (`lookahead` None; `explain` says why) keeps what comes and answers at
    `flush`; `so_far` asks any model on the way, which then reads all again.

    Args:
        engine: The network.
        codec: Raw sequences to steps.
        answer: What scores say, (outputs,) of a sequence, or (time, outputs) of steps.
        bag: Gives the features that the network takes beside the steps, where it does.
    """

    format = {"format": "elman-label-stream", "version": "1"}  # noqa: RUF012 - never changed
    own = ("encoder.", "kept.")

    _encoder: SequenceEncoder
    _kept: list[Raw]

    def __init__(
        self,
        engine: LabelEngine,
        codec: SequenceCodec,
        answer: Callable[[Array], Answer],
        bag: RawFeatures | None = None,
    ) -> None:
        self.engine = engine
        self._codec, self._answer, self._bag = codec, answer, bag
        self.reset()

    @property
    def lookahead(self) -> int | None:
        """Raw units that are held back before they count, as the codec has them; None where all are."""
        return None if self.engine.shape.whole else self._codec.lookahead

    def explain(self) -> str:
        """What runs, and whether it answers on the way."""
        why = self.engine.shape.whole
        when = f"It answers at the end of a sequence, as {why}." if why else "It answers after every chunk."
        return f"{self.engine.explain()} {when}"

    def push(self, chunk: Raw) -> Answer | None:
        """Read a piece of the sequence.

        Returns:
            What is said of the sequence so far, or where the model says something of every step, of the new steps.
            None where nothing can be said yet.
        """
        if self.engine.shape.whole:
            self._kept.append(chunk)
            return None
        return self._read(self._encoder.push(chunk))

    def so_far(self) -> Answer:
        """What is said as if the sequence ended here; the stream goes on as if nobody had asked."""
        return self._of_all() if self.engine.shape.whole else self.fork().flush()

    def flush(self) -> Answer:
        """Read what was still held back: the sequence has ended.

        Returns what is said of the whole sequence; where the model says something of every step and did so on the way,
        of the steps that `push` has not told. `reset` begins the next sequence.
        """
        if self.engine.shape.whole:
            return self._of_all()
        found = self._read(self._encoder.flush())
        return self._of_nothing() if found is None else found

    def _read(self, steps: Steps) -> Answer | None:
        scores, self._state = self.engine.read(steps, self._state)
        return None if scores is None else self._answer(scores)

    def _of_all(self) -> Answer:
        """What is said of all that was kept."""
        if not self._kept and self._bag is None:
            return self._of_nothing()
        raw = joined(self._kept)
        bags = None if self._bag is None else self._bag.transform([raw])
        return self._answer(self.engine.scores([self._codec.encode(raw)], bags)[0])

    def _of_nothing(self) -> Answer:
        """What is said of a sequence without a step."""
        return self._answer(self.engine.scores([self._codec.encoder().flush()])[0])

    # What is remembered ------------------------------------------------------------------------------------

    def _initial_state(self) -> Arrays:
        return {} if self.engine.shape.whole else self.engine.initial_state()

    def _begin(self) -> None:
        self._encoder = self._codec.encoder()
        self._kept = []

    def _held(self) -> tuple[Arrays, dict[str, str]]:
        arrays: Arrays = {}
        plain = {
            "encoder": attributes(self._encoder, "encoder", arrays),
            "kept": apart(self._kept, "kept", arrays),
        }
        return arrays, {"held": json.dumps(plain)}

    def _take(self, arrays: Arrays, texts: Mapping[str, str]) -> None:
        plain = json.loads(texts["held"])
        set_attributes(self._encoder, plain["encoder"], arrays)
        self._kept = together(plain["kept"], arrays)
