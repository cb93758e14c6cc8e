"""Sequences of any lengths laid out step by step.

At step t the first ``sizes[t]`` sequences are running, longest first. Rows of all steps lie behind each other: what
belongs to a step, its inputs for instance, in N = sum(sizes) rows; a state in N + B rows, those before each of the N
and then the final ones of all B sequences. Where the rows of a step begin is a table with one number for each step.

Rows that lie anywhere have a table with one number for each of the N rows. So do the states after each row where
sequences end at different steps: one is the state before the next row, another one is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

#: Which rows of an array belong to a step: its own, the state's before or after it, the same at every step, or, for
#: gradients on their way back, one of two places in turn.
Where: TypeAlias = Literal["now", "before", "after", "always", "coming", "going"]

Integers: TypeAlias = NDArray[np.int64]

#: An array, and which of its rows belong to a step; or where in it each of the N rows lies.
Place: TypeAlias = tuple[NDArray[Any], Where | Integers]


class Spread(NamedTuple):
    """Rows that lie anywhere in an array: row n of all steps is ``values[places[n]]``."""

    values: NDArray[Any]
    places: Integers


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
        now = np.cumsum(self.sizes) - self.sizes
        turn = np.arange(len(self.sizes)) % 2
        return {
            "now": now,
            "before": now,
            "after": now + self.sizes,  # where all sequences are of one length
            "always": np.zeros_like(now),
            "coming": (1 - turn) * self.batch,
            "going": turn * self.batch,
        }

    @cached_property
    def after(self) -> Integers:
        """For each of the N rows the row of the state after it, (N,)."""
        now, following = self.tables["now"], np.append(self.sizes[1:], 0)
        sequence = np.arange(self.rows) - np.repeat(now, self.sizes)
        goes_on = sequence < np.repeat(following, self.sizes)
        return sequence + np.where(goes_on, np.repeat(now + self.sizes, self.sizes), self.rows)

    @cached_property
    def last(self) -> Integers:
        """For each sequence its last one of the N rows, (B,)."""
        return np.asarray(self.tables["now"][self.lengths - 1] + np.arange(self.batch))

    @cached_property
    def each(self) -> Integers:
        """The N rows in their own order."""
        return np.arange(self.rows)

    @cached_property
    def lengths(self) -> Integers:
        """Steps of each sequence, (B,)."""
        return np.asarray((self.sizes[:, None] > np.arange(self.batch)).sum(0))

    @cached_property
    def addresses(self) -> dict[Where, int]:
        """Where the tables lie."""
        return {where: table.ctypes.data for where, table in self.tables.items()}

    def places(self, where: Where | Integers) -> Integers:
        """Where each of the N rows lies that belong to a step of their own."""
        if not isinstance(where, str):
            return where
        return self.after if where == "after" else self.each

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
