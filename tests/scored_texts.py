"""A language model for the tests of searches, and the score of a whole text, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from elman.decoding.scorers import Scorer


class Bigram:
    """Random ln p of a symbol after the one before it, and of the end; the state is the symbol before."""

    def __init__(self, symbols: int, seed: int = 0) -> None:
        weights = np.random.default_rng(seed).random((symbols + 1, symbols + 1))
        self.table = np.log(weights / weights.sum(1, keepdims=True))

    def start(self) -> tuple[Any, np.ndarray]:
        return len(self.table) - 1, self.table[-1, :-1]

    def step(self, states: Sequence[Any], symbols: np.ndarray) -> tuple[list[Any], np.ndarray]:
        assert len(states) == len(symbols)
        return symbols.tolist(), self.table[symbols, :-1]

    def end(self, states: Sequence[Any]) -> np.ndarray:
        return np.asarray(self.table[list(states), -1])

    def text(self, symbols: Sequence[int]) -> float:
        """The score of a whole text, by its definition."""
        places = [len(self.table) - 1, *symbols, -1]
        return float(sum(self.table[places[i], places[i + 1]] for i in range(len(symbols) + 1)))


def score(scorer: Scorer, symbols: Sequence[int]) -> float:
    """What a scorer gives to a whole text."""
    state, scores = scorer.start()
    total = 0.0
    for symbol in symbols:
        total += scores[symbol]
        (state,), (scores,) = scorer.step([state], np.array([symbol]))
    return total + float(scorer.end([state])[0])
