"""Sequences of any lengths laid out step by step.

At step t the first ``sizes[t]`` sequences are running, longest first. Rows of all steps lie behind each other: what
belongs to a step, its inputs for instance, in N = sum(sizes) rows; a state in B + N rows, those before the first step
and then those after each one. Where the rows of a step begin is a table with one number for each step.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

#: Which rows of an array belong to a step: its own, the state's before or after it, the same at every step, or, for
#: gradients on their way back, one of two places in turn.
Where: TypeAlias = Literal["now", "before", "after", "always", "coming", "going"]

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Steps:
    """The layout of one batch; ``sizes`` (time,) are the rows that run at each step, never more than before."""

    sizes: Integers

    @classmethod
    def of(cls, sizes: Any) -> Steps:
        """The layout for ``sizes``. Raises `DataError` where they grow or are not positive."""
        return _steps(np.ascontiguousarray(sizes, np.int64).tobytes())

    @cached_property
    def batch(self) -> int:
        """Sequences."""
        return int(self.sizes[0])

    @cached_property
    def rows(self) -> int:
        """N, the steps of all sequences together."""
        return int(self.sizes.sum())

    @cached_property
    def dense(self) -> bool:
        """Whether all sequences are of one length."""
        return bool(self.sizes[-1] == self.sizes[0])

    @cached_property
    def tables(self) -> dict[Where, Integers]:
        """First row of each step."""
        now = np.concatenate([[0], np.cumsum(self.sizes)[:-1]])
        after = now + self.batch
        turn = np.arange(len(self.sizes)) % 2
        return {
            "now": now,
            "after": after,
            "before": np.concatenate([[0], after[:-1]]),
            "always": np.zeros_like(now),
            "coming": (1 - turn) * self.batch,
            "going": turn * self.batch,
        }

    @cached_property
    def before(self) -> Integers:
        """For each of the N rows the row of the state before it, (N,)."""
        within = np.arange(self.rows) - np.repeat(self.tables["now"], self.sizes)
        return np.asarray(np.repeat(self.tables["before"], self.sizes) + within)

    @cached_property
    def last(self) -> Integers:
        """For each sequence the row of its final state, (B,)."""
        return np.asarray(self.tables["after"][self.lengths - 1] + np.arange(self.batch))

    @cached_property
    def lengths(self) -> Integers:
        """Steps of each sequence, (B,)."""
        return np.asarray((self.sizes[:, None] > np.arange(self.batch)).sum(0))

    @cached_property
    def addresses(self) -> dict[Where, int]:
        """Where the tables lie."""
        return {where: table.ctypes.data for where, table in self.tables.items()}

    def slices(self, parts: int) -> Integers:
        """Cut the sequences into ``parts`` of nearly equal work: first sequence of each, and the end, (parts + 1,)."""
        if parts not in self._slices:
            total = np.concatenate([[0], np.cumsum(self.lengths)])
            ends = np.searchsorted(total, total[-1] * np.arange(parts + 1) / parts)
            self._slices[parts] = np.asarray(ends, np.int64)
        return self._slices[parts]

    @cached_property
    def _slices(self) -> dict[int, Integers]:
        return {}


@lru_cache(maxsize=64)
def _steps(sizes: bytes) -> Steps:
    array = np.frombuffer(sizes, np.int64)
    if not len(array) or array.min() < 1 or (np.diff(array) > 0).any():
        raise DataError(f"sizes must be at least 1 and never grow, one for each step; found {array.tolist()[:20]}.")
    return Steps(array)
