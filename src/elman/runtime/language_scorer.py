"""A language model of ours as what a search knows of its language: `elman.decoding.scorers.Scorer` over an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.text import TextCodec
from elman.errors import SettingsError
from elman.runtime.engine import Engine, log_softmax
from elman.runtime.text_model import TextModel

Scores = NDArray[np.float64]


@final
class LanguageScorer:
    """Ln p of each symbol after those before it, and of the end of a line after them, by a recurrent language model.

    A text is taken as a line of its own: the model first reads a line end, or a space where it knows none. All
    hypotheses of a search are one batch. A state is what the network remembers, and the scores of what comes next.

    Args:
        engine: The network of the language model.
        ids: The model's symbol for each symbol of the search, (symbols,); several may be the same.
        start: The model's symbol that is read first; None for none, then any first symbol is as likely.
        end: The model's symbol for the end; None where it knows none, which then scores 0.
    """

    def __init__(self, engine: Engine, ids: NDArray[np.int64], start: int | None, end: int | None) -> None:
        self._engine, self._ids, self._first, self._end = engine, ids, start, end

    @classmethod
    def of_symbols(cls, model: TextModel, text: TextCodec) -> Self:
        """For a search over the symbols of ``text``, each of which must be one symbol of the model, or unknown to it.

        Raises `SettingsError` where they are not.
        """
        if model.codec.symbols == text.symbols:
            return cls._over(model, np.arange(len(text)))
        found = [model.codec.encode(text.decode([symbol])) for symbol in range(len(text))]
        unfit = [symbol for symbol, ids in enumerate(found) if len(ids) != 1 and symbol != text.unknown]
        if unfit or model.codec.kind not in ("characters", "bytes"):
            raise SettingsError(
                f"The language model reads {model.codec.kind}, the transcripts are {text.kind}"
                f"{f', such as {text.symbols[unfit[0]]!r}' if unfit else ''}. Train one on characters, or on words for"
                " transcripts of characters."
            )
        ids = np.array([each[0] if len(each) == 1 else model.codec.unknown or 0 for each in found], np.int64)
        return cls._over(model, ids)

    @classmethod
    def of_words(cls, model: TextModel, words: Sequence[str]) -> Self:
        """For `elman.decoding.Words`: symbol i is word i, and symbol ``len(words)`` any other word.

        Raises `SettingsError` for a model that does not read words.
        """
        if model.codec.kind != "words":
            raise SettingsError(f"The language model reads {model.codec.kind}; one of words is needed here.")
        ids = [model.codec.encode(word) for word in words]
        unknown = model.codec.unknown or 0
        return cls._over(model, np.array([*(each[0] if len(each) == 1 else unknown for each in ids), unknown]))

    @classmethod
    def _over(cls, model: TextModel, ids: NDArray[np.int64]) -> Self:
        end = _one(model.codec, "\n")
        return cls(model.engine(), ids, _one(model.codec, " ") if end is None else end, end)

    def start(self) -> tuple[Any, Scores]:
        """The state before any symbol, and the scores of the first one, (symbols,)."""
        initial = self._engine.initial_state()
        if self._first is None:
            even = np.full(self._engine.shape.vocabulary, -np.log(self._engine.shape.vocabulary))
            return (initial, even), even[self._ids]
        states, scores = self._read([initial], np.array([self._first]))
        return states[0], scores[0]

    def step(self, states: Sequence[Any], symbols: NDArray[np.int64]) -> tuple[list[Any], Scores]:
        """Read one symbol in each of n states: the new states and the scores of the next symbol, (n, symbols)."""
        return self._read([remembered for remembered, _ in states], self._ids[symbols])

    def end(self, states: Sequence[Any]) -> Scores:
        """The score of ending in each of n states, (n,)."""
        if self._end is None:
            return np.zeros(len(states))
        return np.array([scores[self._end] for _, scores in states], np.float64)

    def _read(self, before: Sequence[Any], ids: NDArray[np.int64]) -> tuple[list[Any], Scores]:
        together = {name: np.concatenate([each[name] for each in before]) for name in before[0]}
        logits, after = self._engine.step(ids, together)
        every = log_softmax(logits).astype(np.float64)
        states = [
            ({name: value[row : row + 1] for name, value in after.items()}, every[row]) for row in range(len(ids))
        ]
        return list(states), every[:, self._ids]


def _one(codec: TextCodec, text: str) -> int | None:
    """The one symbol of a text; None where it is unknown, or more than one."""
    ids = codec.encode(text)
    return int(ids[0]) if len(ids) == 1 and ids[0] != codec.unknown else None
