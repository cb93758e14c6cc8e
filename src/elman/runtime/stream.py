"""One live session with a model: symbols go in chunk by chunk, the state stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from elman.codecs import TextCodec
from elman.decoding.sampling import Sampling, generate
from elman.errors import UsageError
from elman.runtime.backends import Array, State
from elman.runtime.engine import Engine, log_softmax
from elman.runtime.session import Arrays, Session

#: Symbols that a decoder must have seen to go on rightly: a UTF-8 character has at most four bytes.
RECENT = 4


@final
class Stream(Session):
    """A live session: `push` text in any cuts, `generate` more of it, `save`, `fork` and `reset` what it remembers.

    Weights are shared with every other stream of the same model; the state belongs to this one. What stands
    in the state after a text does not depend on how the text was cut into chunks.

    Attributes:
        engine: The network that it steps through.
    """

    format = {"format": "elman-stream", "version": "1"}  # noqa: RUF012 - never changed
    own = ("recent", "logits")

    _recent: list[int]
    _logits: Array | None

    def __init__(self, engine: Engine, codec: TextCodec) -> None:
        self.engine = engine
        self._codec = codec
        self.reset()

    @property
    def logits(self) -> Array | None:
        """Logits of the next symbol, shape (vocabulary,); None where nothing was read since the state was set."""
        return self._logits

    def push(self, chunk: str) -> Array:
        """Read a piece of text.

        Returns:
            Log-probabilities of the symbol that follows each symbol read, in nats, shape (symbols, vocabulary).
            A codec with lookahead (words, BPE) keeps an unfinished word back until the next chunk or `flush`.
        """
        return self._read(self._encoder.push(chunk))

    def flush(self) -> Array:
        """Read what the codec was still keeping back, as at the end of the text. Returns as `push` does."""
        return self._read(self._encoder.flush())

    def read(self, chunk: str) -> None:
        """Read a piece of text as `push` does, without the probabilities: for what is long, such as a prompt."""
        self._read(self._encoder.push(chunk), last=True)

    def push_symbol(self, symbol: int) -> Array:
        """Read one symbol by its id; returns the logits of the next one, shape (vocabulary,)."""
        logits, self._state = self.engine.step(np.array([symbol]), self._state)
        self._recent = [*self._recent, symbol][-RECENT:]
        self._logits = logits[0]
        return self._logits

    def _read(self, ids: NDArray[np.int64], *, last: bool = False) -> Array:
        """Log-probabilities after each of these symbols, or after the last alone."""
        logits, self._state = self.engine.read(ids, self._state, last=last)
        if len(ids):
            self._recent = [*self._recent, *ids[-RECENT:].tolist()][-RECENT:]
            self._logits = logits[-1].copy()
        return log_softmax(logits)

    def next_logits(self) -> Array:
        """Logits of the next symbol, as at a text's first line where nothing was read yet; shape (vocabulary,)."""
        self.flush()
        return self.push_symbol(self._start()) if self._logits is None else self._logits

    def _start(self) -> int:
        """What a text without a beginning is taken to follow: a line end, where the vocabulary has one."""
        line_end = self._codec.encode("\n")
        return int(line_end[0]) if len(line_end) and line_end[0] != self._codec.unknown else 1

    def generate(
        self, length: int | None, sampling: Sampling, rng: np.random.Generator, stop: Sequence[str] = ()
    ) -> Iterator[str]:
        """Write on from here, yielding text as soon as it can be shown.

        Args:
            length: Symbols to write at most; None for no end.
            sampling: How a symbol is drawn from its probabilities.
            rng: The same generator state gives the same text.
            stop: Texts that end the writing; the first that comes up is not written.

        The symbols written have been read by this stream, so pushing or generating goes on after them. A stop
        text is held back while it may still be completed.

        Raises:
            UsageError: A stop text is empty.
        """
        if "" in stop:
            raise UsageError("A stop text must have at least one character; found an empty one.")
        logits = self.next_logits()
        decoder = self._codec.decoder()
        decoder.push(self._recent)
        held = ""
        for symbol in generate(self.push_symbol, logits, sampling, rng, length=length):
            held += decoder.push([symbol])
            if found := [position for text in stop if (position := held.find(text)) >= 0]:
                yield held[: min(found)]
                return
            ready = len(held) - _overlap(held, stop)
            if ready:
                yield held[:ready]
                held = held[ready:]
        yield held + decoder.flush()

    def _initial_state(self) -> State:
        return self.engine.initial_state()

    def _begin(self) -> None:
        self._encoder = self._codec.encoder()
        self._recent, self._logits = [], None

    def _forget_answer(self) -> None:
        self._logits = None

    def _held(self) -> tuple[Arrays, dict[str, str]]:
        arrays: Arrays = {"recent": np.array(self._recent, np.int64)}
        if self._logits is not None:
            arrays["logits"] = self._logits
        return arrays, {"pending": self._encoder.held}

    def _take(self, arrays: Arrays, texts: Mapping[str, str]) -> None:
        self._encoder.push(texts["pending"])
        self._recent = arrays.get("recent", np.zeros(0, np.int64)).tolist()
        self._logits = arrays.get("logits")


def _overlap(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of ``text`` that begins one of ``stops``."""
    lengths = (k for stop in stops for k in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:k]))
    return max(lengths, default=0)
