"""One model along a text: what it is like after every symbol, and what is left of each symbol later on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import NDArray

from elman.runtime import Engine, State, Stream, TextModel
from elman.runtime.engine import log_softmax
from elman.serving.protocol import Array, Column, Guess, ModelCard

#: Symbols over which each symbol is followed. They are read anew with another symbol in its place, all in one batch.
FOLLOWED = 128

#: Moments behind the last one whose traces are kept, so that taking back a few symbols costs nothing.
TRACES_KEPT = 16

#: Symbols of a guess that are told.
LIKELIEST = 12

#: Units of a state that are sent at most; the matrices of some cells are larger than any screen.
WIDEST = 2048


@dataclass(frozen=True)
class _Moment:
    """After a symbol: the stream, and for each of the `FOLLOWED` last symbols the state without it, oldest first.

    ``other`` is the symbol that stands for this one where the text is read without it.
    """

    symbol: int
    other: int
    stream: Stream
    traces: State | None


@dataclass(frozen=True)
class _Place:
    """After a character: symbols read by then, and the characters that wait to become one."""

    symbols: int
    held: str


@final
class Track:
    """Reads a text symbol by symbol and can go back to any place in it.

    What is left of a symbol is measured by occlusion: the text is read twice, as it is and with another symbol in that
    place, the likeliest other one by the model's own guess. The distance of the two states (Euclidean, over all units
    of all layers) is what still depends on that symbol.
    """

    def __init__(self, model: TextModel) -> None:
        self._codec = model.codec
        self._engine: Engine = model.engine()
        self._first_logits = model.stream().next_logits()
        self._sent = {name: min(value.shape[1], WIDEST) for name, value in self._engine.initial_state().items()}
        self._encoder = model.codec.encoder()
        self._moments = [_Moment(-1, -1, model.stream(), self._engine.initial_state(FOLLOWED))]
        self._places = [_Place(0, "")]

    @property
    def place(self) -> int:
        """Characters read so far."""
        return len(self._places) - 1

    @property
    def symbols(self) -> int:
        """Symbols read so far."""
        return len(self._moments) - 1

    def card(self, name: str) -> ModelCard:
        """What a page has to know of this model."""
        shape = self._engine.shape
        units = " + ".join(map(str, shape.hidden_sizes))
        summary = f"{shape.cell}, {units} units, {shape.vocabulary:,} symbols ({self._codec.kind})"
        if self._codec.lookahead != 0:
            summary += ", each read as soon as it is certain where it ends"
        return ModelCard(name, summary, self._sent, self._guess(self._first_logits))

    def back(self, place: int) -> None:
        """Forget all that came after this many characters."""
        del self._places[place + 1 :]
        del self._moments[self._places[-1].symbols + 1 :]
        self._encoder.held = self._places[-1].held

    def read(self, text: str) -> list[Column]:
        """Read on, and tell of every symbol."""
        columns = []
        for character in text:
            columns += [self._step(symbol) for symbol in self._encoder.push(character).tolist()]
            self._places.append(_Place(self.symbols, self._encoder.held))
        return columns

    def stream(self) -> Stream:
        """An independent stream that has read the same text."""
        stream = self._moments[-1].stream.fork()
        stream.read(self._encoder.held)
        return stream

    def _step(self, symbol: int) -> Column:
        before = self._moments[-1].stream
        expected = self._first_logits if before.logits is None else before.logits
        other = _likeliest_other(expected, symbol)
        traces = self._follow(self._last_traces(), before, symbol, other)
        stream = before.fork()
        logits = stream.push_symbol(symbol)
        self._moments.append(_Moment(symbol, other, stream, traces))
        self._let_go()
        state = stream.state
        return Column(
            symbol=self._codec.symbols[symbol],
            end=len(self._places),
            bits=float(-log_softmax(expected)[symbol] / math.log(2)),
            instead=self._codec.symbols[other],
            guess=self._guess(logits),
            left=_distances(state, traces)[::-1][: min(self.symbols, FOLLOWED)],
            state={name: state[name][0, :units] for name, units in self._sent.items()},
        )

    def _follow(self, traces: State, before: Stream, symbol: int, other: int) -> State:
        """One step further with each trace; the oldest goes, and one begins where ``other`` stands here."""
        rows = {name: np.concatenate([traces[name][1:], value]) for name, value in before.state.items()}
        symbols: NDArray[np.int64] = np.full(FOLLOWED, symbol)
        symbols[-1] = other
        return self._engine.step(symbols, rows)[1]

    def _last_traces(self) -> State:
        """The traces after the last symbol; those that were let go are followed once more."""
        known = self._moments[-1].traces
        if known is not None:
            return known
        traces = self._engine.initial_state(FOLLOWED)
        for before, after in pairwise(self._moments[-FOLLOWED - 1 :]):
            traces = self._follow(traces, before.stream, after.symbol, after.other)
        return traces

    def _let_go(self) -> None:
        old = len(self._moments) - 1 - TRACES_KEPT
        if old > 0:
            self._moments[old] = replace(self._moments[old], traces=None)

    def _guess(self, logits: Array) -> Guess:
        logarithms = log_softmax(logits)
        best = np.argsort(-logarithms, kind="stable")[:LIKELIEST]
        return [(self._codec.symbols[symbol], float(np.exp(logarithms[symbol]))) for symbol in best.tolist()]


def _likeliest_other(logits: Array, symbol: int) -> int:
    """The symbol of the highest logit but this one."""
    first, second = np.argsort(-logits, kind="stable")[:2].tolist()
    return int(second if first == symbol else first)


def _distances(state: State, traces: State) -> Array:
    """Euclidean distance of each trace, (rows,), from a state; where numbers are infinite they do not count."""
    with np.errstate(invalid="ignore"):
        steps = [np.nan_to_num(traces[name] - value, nan=0, posinf=0, neginf=0) for name, value in state.items()]
    distances: Array = np.linalg.norm(np.concatenate(steps, axis=1), axis=1)
    return distances
