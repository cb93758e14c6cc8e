"""N-gram language models with modified interpolated Kneser-Ney smoothing (Chen & Goodman 1998), in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


#: Contexts whose scores a scorer keeps.
_KNOWN = 20_000


@dataclass(frozen=True)
class _Level:
    """The n-grams of one order k. A context is the number of its k - 1 symbols in a sorted table; -1: never seen.

    A context's key is (number of the context without its oldest symbol, oldest symbol), so that tables grow
    backwards in time; an n-gram's key is (context, symbol).
    """

    contexts: Ids  # sorted keys of the contexts of k - 1 symbols
    grams: Ids  # sorted keys of the n-grams
    discounted: Floats  # (count - discount) / total of the context, per n-gram
    left_over: Floats  # what the discounts of a context free for the order below


@final
class KneserNey:
    """An n-gram model over ids ``0 .. vocabulary - 1``: the probability of a symbol given the ``order - 1`` before.

        p_k(w | c) = max(count(c w) - D(count), 0) / total(c) + left_over(c) p_{k-1}(w | c'),   p_0 = 1 / vocabulary

    with c' = c without its oldest symbol. In the highest order ``count`` is how often c w occurs, in the lower
    ones how many different symbols occur before it. D(1), D(2), D(3 and more) come from the counts of counts of
    the order; where these are too few, as in a tiny text, from KenLM's fallback 0.5, 1, 1.5 (Heafield et al. 2013).
    A document is preceded by a boundary symbol that is never predicted.

    >>> model = KneserNey(vocabulary=2, order=2).fit([np.array([0, 1] * 50)])
    >>> model.probabilities([0]).round(2)
    array([0.02, 0.98])
    """

    def __init__(self, vocabulary: int, order: int = 5) -> None:
        self.vocabulary = vocabulary
        self.order = order
        self._levels: list[_Level] = []

    def fit(self, documents: Sequence[NDArray[Any]]) -> KneserNey:
        """Count the n-grams of ``documents`` (arrays of ids) and return the model itself."""
        text = self._with_boundaries(documents)
        here = np.flatnonzero(text != self.vocabulary)
        if not len(here):
            raise DataError("an n-gram model cannot be fitted to empty text. Give a text with at least one symbol.")
        tables, contexts = [np.zeros(1, dtype=np.int64)], [np.zeros(len(here), dtype=np.int64)]
        for back in range(1, self.order):
            keys, numbers = np.unique(self._key(contexts[-1], text[here - back]), return_inverse=True)
            tables.append(keys)
            contexts.append(numbers)
        grams, places, counts = np.unique(self._key(contexts[-1], text[here]), return_index=True, return_counts=True)
        self._levels = [self._level(tables[-1], grams, counts)]
        for k in range(self.order - 2, -1, -1):
            # Each distinct n-gram of the order above counts once for the n-gram that it ends with.
            keys = self._key(contexts[k][places], text[here[places]])
            grams, first, counts = np.unique(keys, return_index=True, return_counts=True)
            places = places[first]
            self._levels.insert(0, self._level(tables[k], grams, counts))
        return self

    def nats(self, documents: Sequence[NDArray[Any]]) -> tuple[float, int]:
        """Return the sum of -ln p over every symbol but the first of each document, and how many these are."""
        text = self._with_boundaries(documents)
        here = np.flatnonzero((text != self.vocabulary) & (np.roll(text, 1) != self.vocabulary))
        total = 0.0
        for block in np.array_split(here, len(here) // 1_000_000 + 1):  # bounds the memory
            contexts = self._contexts([text[block - back] for back in range(1, self.order)], len(block))
            total -= float(np.log(self._probability(contexts, text[block])).sum())
        return total, len(here)

    def probabilities(self, history: Sequence[int] | NDArray[Any]) -> Floats:
        """Return p(w | history) for every w, shape (vocabulary,); a short history begins a document."""
        found: Floats = self.probabilities_after([history])[0]
        return found

    def probabilities_after(self, histories: Sequence[Sequence[int] | NDArray[Any]]) -> Floats:
        """As `probabilities` for each of n histories, shape (n, vocabulary)."""
        before = [[*[self.vocabulary] * self.order, *history] for history in histories]
        older = [np.array([row[-back] for row in before], dtype=np.int64) for back in range(1, self.order)]
        contexts = [np.repeat(context, self.vocabulary) for context in self._contexts(older, len(before))]
        symbols = np.tile(np.arange(self.vocabulary), len(before))
        found: Floats = self._probability(contexts, symbols).reshape(len(before), self.vocabulary)
        return found

    def _with_boundaries(self, documents: Sequence[NDArray[Any]]) -> Ids:
        boundary = np.full(max(self.order - 1, 1), self.vocabulary, dtype=np.int64)
        pieces = [piece for document in documents for piece in (boundary, np.asarray(document, dtype=np.int64))]
        return np.concatenate(pieces or [boundary])

    def _key(self, numbers: Ids, symbols: Ids) -> Ids:
        return numbers * (self.vocabulary + 1) + symbols

    def _level(self, contexts: Ids, grams: Ids, counts: Ids) -> _Level:
        context = grams // (self.vocabulary + 1)
        discounts = _discounts(counts)[np.minimum(counts, 3)]
        total = np.bincount(context, counts, minlength=len(contexts))
        left_over = np.bincount(context, discounts, minlength=len(contexts)) / total
        return _Level(contexts, grams, (counts - discounts) / total[context], left_over)

    def _contexts(self, older: list[Ids], rows: int) -> list[Ids]:
        """Return the context numbers of each order, given the symbols 1, 2, ... steps back."""
        contexts = [np.zeros(rows, dtype=np.int64)]
        for level, symbols in zip(self._levels[1:], older, strict=True):
            found, places = _find(level.contexts, self._key(contexts[-1], symbols))
            contexts.append(np.where(found & (contexts[-1] >= 0), places, -1))
        return contexts

    def _probability(self, contexts: list[Ids], symbols: Ids) -> Floats:
        p = np.full(len(symbols), 1 / self.vocabulary)
        for level, context in zip(self._levels, contexts, strict=True):
            found, places = _find(level.grams, self._key(context, symbols))
            seen = level.left_over[context] * p + np.where(found, level.discounted[places], 0)
            p = np.where(context >= 0, seen, p)
        return p


@final
class NGram:
    """A scorer of texts for a search, see `elman.decoding.scorers`: ln p of an n-gram model of some texts.

    Args:
        texts: What the model learns: symbols from 0 to ``symbols`` - 1, each text with its end.
        symbols: Number of symbols.
        order: Symbols that count, the scored one among them.

    Raises:
        DataError: There are no texts.

    >>> scorer = NGram([[0, 1, 0, 1]] * 20, symbols=2, order=2)
    >>> state, scores = scorer.start()
    >>> scores.round(2)
    array([-0.04, -3.82])
    """

    def __init__(self, texts: Sequence[Sequence[int]], symbols: int, order: int) -> None:
        self.order = order
        self._end = symbols
        self._model = KneserNey(symbols + 1, order).fit([np.array([*text, symbols]) for text in texts])
        #: The scores after contexts that were asked for, with that of the end last; few contexts come often.
        self._known: dict[tuple[int, ...], Floats] = {}

    def start(self) -> tuple[Any, Floats]:
        """The state before any symbol, and the scores of the first one, (symbols,)."""
        return (), self._scores([()])[0, :-1]

    def step(self, states: Sequence[Any], symbols: NDArray[np.int64]) -> tuple[list[Any], Floats]:
        """Read one symbol in each of n states: the new states and the scores of the next symbol, (n, symbols)."""
        grown = [(*state, symbol) for state, symbol in zip(states, symbols.tolist(), strict=True)]
        new = [state[max(0, len(state) - self.order + 1) :] for state in grown]
        return list(new), self._scores(new)[:, :-1]

    def end(self, states: Sequence[Any]) -> Floats:
        """The score of ending in each of n states, (n,)."""
        return self._scores(states)[:, -1]

    def _scores(self, contexts: Sequence[tuple[int, ...]]) -> Floats:
        """Ln p of every symbol and of the end after contexts, (n, symbols + 1)."""
        new = list(dict.fromkeys(context for context in contexts if context not in self._known))
        if len(self._known) + len(new) > _KNOWN:
            self._known, new = {}, list(dict.fromkeys(contexts))
        if new:
            self._known |= zip(new, np.log(self._model.probabilities_after(new)), strict=True)
        return np.stack([self._known[context] for context in contexts])


def _find(table: Ids, keys: Ids) -> tuple[NDArray[np.bool_], Ids]:
    """Return which keys are in the sorted table, and where."""
    places = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return table[places] == keys, places


def _discounts(counts: Ids) -> Floats:
    """Return (0, D(1), D(2), D(3 and more)) by Chen & Goodman's estimate from the counts of counts."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[1:5].astype(np.float64)
    if n.all():
        k = np.arange(1, 4)
        d = k - (k + 1) * n[0] / (n[0] + 2 * n[1]) * n[1:] / n[:-1]
        if (d > 0).all():
            return np.array([0, *d])
    return np.array([0, 0.5, 1, 1.5])
