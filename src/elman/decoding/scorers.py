"""What a search may know of its language: models and word lists that score the next symbol."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from elman.decoding.trie import OUTSIDE, Trie
from elman.errors import DataError, SettingsError

Scores = NDArray[np.float64]


class Scorer(Protocol):
    """Scores texts symbol by symbol, as ln p of a language model does.

    The score of a text y is that of each symbol after those before it, and that of the end:
    sum_i s(y_i | y_1 ... y_{i-1}) + s(end | y). A state is whatever the scorer needs to know of the symbols so far; a
    search keeps one for each hypothesis and never looks into it.
    """

    def start(self) -> tuple[Any, Scores]:
        """The state before any symbol, and the scores of the first one, (symbols,)."""

    def step(self, states: Sequence[Any], symbols: NDArray[np.int64]) -> tuple[list[Any], Scores]:
        """Read one symbol in each of n states: the new states and the scores of the next symbol, (n, symbols)."""

    def end(self, states: Sequence[Any]) -> Scores:
        """The score of ending in each of n states, (n,)."""


@final
class Fused:
    r"""Several scorers at once, and a bonus for each symbol: shallow fusion.

    .. math::
        s(k \mid y) = \sum_j w_j s_j(k \mid y) + b, \qquad s(\text{end} \mid y) = \sum_j w_j s_j(\text{end} \mid y)

    The bonus pays for the symbols of longer texts, which a language model makes less likely. Around a scorer of words
    it is one for each word.

    Args:
        parts: Scorers, each with its weight above 0.
        bonus: Added for each symbol.

    Raises:
        SettingsError: There is no scorer, or a weight is not above 0.

    Source: Gulcehre et al., "On using monolingual corpora in neural machine translation", arXiv 1503.03535, 2015; the
    bonus: Hannun et al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent
    DNNs", arXiv 1408.2873, 2014.
    """

    def __init__(self, parts: Sequence[tuple[Scorer, float]], *, bonus: float = 0.0) -> None:
        if not parts or not all(weight > 0 for _, weight in parts):
            raise SettingsError(
                f"expected at least one scorer, each with a weight above 0, found {[weight for _, weight in parts]}. "
                "Leave out what has no weight."
            )
        self._scorers = [scorer for scorer, _ in parts]
        self._weights = [weight for _, weight in parts]
        self.bonus = bonus

    def start(self) -> tuple[Any, Scores]:
        """The states before any symbol, and the scores of the first one, (symbols,)."""
        states, scores = zip(*(scorer.start() for scorer in self._scorers), strict=True)
        return states, self._sum(scores) + self.bonus

    def step(self, states: Sequence[Any], symbols: NDArray[np.int64]) -> tuple[list[Any], Scores]:
        """The new states and the scores of the next symbol, (n, symbols)."""
        each = zip(self._scorers, zip(*states, strict=True), strict=True)
        new, scores = zip(*(scorer.step(before, symbols) for scorer, before in each), strict=True)
        return list(zip(*new, strict=True)), self._sum(scores) + self.bonus

    def end(self, states: Sequence[Any]) -> Scores:
        """The score of ending in each state, (n,)."""
        each = zip(self._scorers, zip(*states, strict=True), strict=True)
        return self._sum([scorer.end(before) for scorer, before in each])

    def _sum(self, scores: Sequence[Scores]) -> Scores:
        weighted = [weight * part for weight, part in zip(self._weights, scores, strict=True)]
        return np.asarray(np.sum(weighted, axis=0))


@final
class Words:
    r"""A word list, and maybe a model of words, for a search over letters.

    A text is words with separators between them. It scores

    .. math::
        \sum_i s(w_i \mid w_1 \dots w_{i-1}) + s(\text{end} \mid w) - \lambda \, |\{i : w_i \text{ not in the list}\}|

    where s is the model's score and 0 without one. The penalty is taken where the spelling leaves the list, or the word
    ends too early; the model's score where the word ends. Separators with no letters between them score 0.

    Args:
        words: Spelling of every word of the list.
        symbols: Number of symbols, the separator among them.
        separator: Symbol between words.
        penalty: lambda; infinite forbids all other words, and then a search may find nothing at all.
        model: Scorer whose symbol i is word i, and symbol ``len(words)`` any other word.

    Raises:
        DataError: There are no words, or a word has no letters, or others than the symbols but for the separator.
        SettingsError: The penalty is below 0.
    """

    def __init__(
        self,
        words: Sequence[Sequence[int]],
        symbols: int,
        separator: int,
        *,
        penalty: float = math.inf,
        model: Scorer | None = None,
    ) -> None:
        if not penalty >= 0:
            raise SettingsError(f"the penalty of other words must be 0 or more, not {penalty}.")
        used = {letter for word in words for letter in word}
        if not used <= set(range(symbols)) - {separator}:
            raise DataError(
                f"expected words of the symbols 0 to {symbols - 1} without the separator {separator}, found "
                f"{sorted(used - (set(range(symbols)) - {separator}))[:10]}."
            )
        self._trie = Trie(words)
        self._symbols, self._separator = symbols, separator
        self._penalty, self._model = penalty, model
        self._other = len(words)

    def start(self) -> tuple[Any, Scores]:
        """The state before any symbol, and the scores of the first one, (symbols,)."""
        context, next_word = (None, np.zeros(self._other + 1)) if self._model is None else self._model.start()
        state = (0, context, next_word)
        return state, self._scores([state])[0]

    def step(self, states: Sequence[Any], symbols: NDArray[np.int64]) -> tuple[list[Any], Scores]:
        """The new states and the scores of the next symbol, (n, symbols)."""
        nodes = np.array([node for node, _, _ in states])
        new = np.where(symbols == self._separator, 0, self._trie.step(nodes, symbols))
        ended = np.flatnonzero((symbols == self._separator) & (nodes != 0))
        after = [(int(node), *state[1:]) for node, state in zip(new, states, strict=True)]
        for place, (context, next_word) in zip(ended.tolist(), self._read_words(states, ended), strict=True):
            after[place] = (0, context, next_word)
        return after, self._scores(after)

    def end(self, states: Sequence[Any]) -> Scores:
        """The score of ending in each state, its last word with it, (n,)."""
        scores = self._word_scores(states)
        if self._model is not None:
            contexts = [context for _, context, _ in states]
            open_words = np.flatnonzero([node != 0 for node, _, _ in states])
            for place, (context, _) in zip(open_words.tolist(), self._read_words(states, open_words), strict=True):
                contexts[place] = context
            scores = scores + self._model.end(contexts)
        return scores

    def _scores(self, states: Sequence[Any]) -> Scores:
        """Of every symbol next: 0 within the list, the penalty where it is left, words where they end."""
        nodes = np.array([node for node, _, _ in states])
        inside = np.flatnonzero(nodes != OUTSIDE)
        scores = np.zeros((len(states), self._symbols))
        scores[inside] = -self._penalty
        rows, letters = self._trie.letters_after(nodes[inside])
        scores[inside[rows], letters] = 0
        scores[:, self._separator] = self._word_scores(states)
        return scores

    def _word_scores(self, states: Sequence[Any]) -> Scores:
        """Of the word that ends now, (n,); 0 where there is none."""
        nodes, words = np.array([node for node, _, _ in states]), self._words(states)
        scores = np.array([next_word[word] for (_, _, next_word), word in zip(states, words, strict=True)])
        too_early = (words == self._other) & (nodes != OUTSIDE)
        scores[too_early] -= self._penalty
        scores[nodes == 0] = 0
        return scores

    def _words(self, states: Sequence[Any]) -> NDArray[np.int64]:
        """The number of the word that each state has read, (n,)."""
        nodes = np.array([node for node, _, _ in states])
        words = self._trie.word[nodes.clip(0)]
        return np.where((nodes == OUTSIDE) | (words < 0), self._other, words)

    def _read_words(self, states: Sequence[Any], places: NDArray[np.int64]) -> list[tuple[Any, Scores]]:
        """Let the model read the words of states: its new state and the scores of the next word."""
        chosen = [states[place] for place in places.tolist()]
        if self._model is None or not chosen:
            return [(context, next_word) for _, context, next_word in chosen]
        contexts, scores = self._model.step([context for _, context, _ in chosen], self._words(chosen))
        return list(zip(contexts, scores, strict=True))
