"""Which feature of its operand an expand reads, and to which of its own a fold adds: arithmetic on places in a row.

An expand of (groups, n) features to (groups, times, n) reads for feature f of its own the feature
``f // (times n) * n + f % n`` of its operand; a fold adds feature f of its operand to that one of its own. Along
*axes*, loops within each other over a block of features, that is a sum of one share for each axis.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import gcd
from operator import mul

from elman.compiler.graph import Graph, Id


@dataclass(frozen=True, order=True)
class Repetition:
    """How an expand repeats pieces of a row, or a fold or a sum adds them up.

    Attributes:
        size: Features n of a piece.
        span: Features ``times n`` that it is repeated over, or added up from.

    >>> [Repetition(2, 6).feature(f) for f in range(12)]
    [0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 2, 3]
    """

    size: int
    span: int

    def feature(self, place: int) -> int:
        """The feature on the short side for one of the long side."""
        return place // self.span * self.size + place % self.size

    def unit_within(self, unit: int) -> int:
        """The largest block of at most ``unit`` features that fits the pieces.

        >>> Repetition(1, 4).unit_within(6)
        2
        """
        for length in (self.span, self.size):
            unit = unit if unit % length == 0 or length % unit == 0 else gcd(unit, length)
        return unit

    def cuts(self, unit: int) -> set[int]:
        """Where pieces and spans end within a block of so many features."""
        return {length for length in (self.size, self.span) if 1 < length < unit}

    def fits(self, axes: tuple[int, ...]) -> bool:
        """Whether along these axes `feature` is a sum of one share for each."""
        ends = [1, *accumulate(reversed(axes), mul)]
        return all(length in ends or length % ends[-1] == 0 for length in (self.size, self.span))

    def strides(self, axes: tuple[int, ...]) -> tuple[int, ...]:
        """What a step along each axis adds to `feature`; the axes end where pieces and spans do.

        >>> Repetition(2, 6).strides((2, 3, 2))
        (2, 0, 1)
        """
        found = []
        flat = 1
        for size in reversed(axes):
            found.append(flat // self.span * self.size if flat >= self.span else flat if flat < self.size else 0)
            flat *= size
        return tuple(reversed(found))


def repetition_of(graph: Graph, place: Id) -> Repetition:
    """Those of an expand, a fold or a sum."""
    node = graph.nodes[place]
    width = graph.nodes[node.operands[0]].width
    if node.op == "expand":
        size = width // node.pieces[0]
        return Repetition(size, size * node.pieces[1])
    groups = 1 if node.op == "sum" else node.pieces[0]
    return Repetition(node.width // groups, width // groups)


def axes_of(unit: int, cuts: Iterable[int]) -> tuple[int, ...]:
    """The axes of a block, the last one innermost; empty where the cuts do not lie within each other.

    >>> axes_of(24, {4, 12}), axes_of(24, {}), axes_of(24, {4, 6})
    ((2, 3, 4), (24,), ())
    """
    ends = [1, *sorted(cuts), unit]
    if any(end % start for start, end in pairwise(ends)):
        return ()
    return tuple(end // start for start, end in pairwise(ends))[::-1]
