"""Which features of its operand a product reads: with several heads not all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise


@dataclass(frozen=True)
class Window:
    """The features of an operand that blocks of a product's results read.

    A block of results reads those of all heads that it has results of. Blocks with fewer heads than others read as
    many, which the matrix has zeros for.

    Attributes:
        heads: Blocks of the operand and of the results.
        features: Of the operand, in each head.
        results: In each head.
        start: The first result that is wanted.
        unit: How many are wanted.
        lanes: Results in a block.

    >>> window = Window(heads=4, features=10, results=6, start=0, unit=24, lanes=4)
    >>> window.depth, [window.first(block) for block in range(6)]
    (20, [0, 0, 10, 20, 20, 20])
    """

    heads: int
    features: int
    results: int
    start: int
    unit: int
    lanes: int

    @cached_property
    def most(self) -> int:
        """Heads that a block reads."""
        ends = [(first, min(first + self.lanes, self.start + self.unit) - 1) for first in self._blocks]
        return max(last // self.results - first // self.results + 1 for first, last in ends)

    @property
    def depth(self) -> int:
        """Features that a block reads."""
        return self.most * self.features

    def first(self, block: int) -> int:
        """The first feature that a block reads."""
        return min((self.start + block * self.lanes) // self.results, self.heads - self.most) * self.features

    @cached_property
    def runs(self) -> list[tuple[int, int]]:
        """All results as runs (first, end) within one head and, where these differ in what they read, one block."""
        within = range(self.start, self.start + self.unit)
        heads = range(0, self.heads * self.results, self.results)
        cuts = {place for place in (*heads, *(self._blocks if self.most > 1 else ())) if place in within}
        return list(pairwise(sorted({*cuts, self.start, within.stop})))

    @property
    def _blocks(self) -> range:
        return range(self.start, self.start + self.unit, self.lanes)
