"""Beginnings of transcripts as a tree: what hypotheses have in common is there once."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import NamedTuple, final
from weakref import ref

_NUMBERS = count()


class Transcript(NamedTuple):
    """What a search found.

    ``score`` is what the search maximises: ``log_probability``, ln p of the symbols after the input alone, and what a
    scorer adds to it.
    """

    symbols: list[int]
    score: float
    log_probability: float


@final
class Prefix:
    """A symbol and all before it; the empty beginning has no parent.

    Equal beginnings that come from one root are one object, as long as anything still holds it: a child holds its
    parent, a parent only knows its children.

    >>> root = Prefix()
    >>> root.child(3).child(5).symbols(), root.child(3) is root.child(3)
    ([3, 5], True)
    """

    __slots__ = ("__weakref__", "_children", "length", "number", "parent", "symbol")

    def __init__(self, parent: Prefix | None = None, symbol: int = 0) -> None:
        self.parent = parent
        self.symbol = symbol
        self.length: int = 0 if parent is None else parent.length + 1
        self.number = next(_NUMBERS)
        self._children: dict[int, ref[Prefix]] = {}

    def child(self, symbol: int) -> Prefix:
        """This beginning with one symbol more."""
        known = self._children.get(symbol)
        found = None if known is None else known()
        if found is None:
            found = Prefix(self, symbol)
            self._children[symbol] = ref(found)
        return found

    def symbols(self) -> list[int]:
        """All symbols, the first one first."""
        found = []
        place = self
        while place.parent is not None:
            found.append(place.symbol)
            place = place.parent
        return found[::-1]


def in_common(prefixes: Iterable[Prefix]) -> Prefix:
    """The longest beginning that prefixes of one root share.

    >>> root = Prefix()
    >>> in_common([root.child(1).child(2), root.child(1).child(3).child(2)]).symbols()
    [1]
    """
    level = set(prefixes)
    while len(level) > 1:
        deepest = max(prefix.length for prefix in level)
        level = {prefix.parent or prefix if prefix.length == deepest else prefix for prefix in level}
    return level.pop()
