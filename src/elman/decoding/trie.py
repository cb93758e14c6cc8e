"""A word list as a tree of letters, in flat arrays: many places of the tree step in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError

#: Where a spelling is that no word of the list begins with.
OUTSIDE = -1


@final
class Trie:
    """Words letter by letter; nodes are numbered level by level, and 0 is the root.

    ``word[node]`` is the number of the word that is complete at a node, or -1; of words that are spelled alike it is
    the first one.

    Args:
        words: The letters of every word, numbers from 0 on.

    Raises:
        DataError: There is no word, or a word without letters, or a letter below 0.

    Source: Fredkin, "Trie memory", Communications of the ACM 3, 1960.

    >>> trie = Trie([[0, 1], [0, 1, 1], [2]])
    >>> trie.step([0, 0], [0, 1]).tolist()
    [1, -1]
    """

    def __init__(self, words: Sequence[Sequence[int]]) -> None:
        lengths = np.array([len(word) for word in words], np.int64)
        if not lengths.size or not lengths.min():
            raise DataError(f"expected words of one letter or more, found {lengths.tolist()[:10]} letters.")
        letters = np.full((len(words), lengths.max()), -1, np.int64)
        letters[np.arange(lengths.max()) < lengths[:, None]] = np.concatenate([np.asarray(word) for word in words])
        if np.count_nonzero(letters < 0) != letters.size - lengths.sum():
            raise DataError("expected letters from 0 on in a word list, found one below 0.")
        order = np.lexsort(letters.T[::-1])
        places = np.zeros(len(words), np.int64)
        parents, symbols, nodes = [], [], 1
        for depth in range(letters.shape[1]):
            longer = order[lengths[order] > depth]
            steps = np.stack([places[longer], letters[longer, depth]])
            is_new = np.ones(len(longer), bool)
            is_new[1:] = (steps[:, 1:] != steps[:, :-1]).any(0)
            places[longer] = nodes - 1 + is_new.cumsum()
            nodes += int(is_new.sum())
            parents.append(steps[0, is_new])
            symbols.append(steps[1, is_new])
        self._symbol = np.concatenate(symbols)
        parent = np.concatenate(parents)
        # Node n + 1 is where edge n leads; the edges of a node stand side by side, by letter.
        self._first = np.searchsorted(parent, np.arange(nodes + 1))
        self._letters = int(self._symbol.max()) + 1
        self._edge = parent * self._letters + self._symbol
        self.word = np.full(nodes, -1, np.int64)
        self.word[places[::-1]] = np.arange(len(words))[::-1]

    def step(self, nodes: ArrayLike, letters: ArrayLike) -> NDArray[np.int64]:
        """The node after each node and letter, (n,); -1 where there is none, and from -1 on."""
        before, symbols = np.asarray(nodes, np.int64), np.asarray(letters, np.int64)
        wanted = before * self._letters + symbols
        edge = np.searchsorted(self._edge, wanted).clip(max=len(self._edge) - 1)
        fits = (before >= 0) & (symbols >= 0) & (symbols < self._letters) & (self._edge[edge] == wanted)
        return np.where(fits, edge + 1, OUTSIDE)

    def letters_after(self, nodes: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All letters that go on from nodes (n,) within the tree: for each its row among the nodes, and the letter."""
        places = np.asarray(nodes, np.int64)
        counts = self._first[places + 1] - self._first[places]
        rows = np.repeat(np.arange(len(places)), counts)
        within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
        return rows, self._symbol[self._first[places][rows] + within]
