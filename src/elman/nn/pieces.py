"""Sequences that begin and end anywhere in a batch, laid out as packed rows."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

Array = NDArray[Any]


class Order(NamedTuple):
    """Where packed rows lie in the data as it came.

    Attributes:
        places: For each packed row its place, (valid steps,).
        holes: The places that have none.
    """

    places: Array
    holes: Array


@dataclass(frozen=True, eq=False)
class Pieces:
    """A batch cut into sequences, longest first, and where its steps lie when they are packed.

    Packed rows are in the order of steps: at step t the first ``sizes[t]`` pieces are still running. A *place* is a row
    of the data as it came: t * batch + b of (time, batch, features), or simply the row of packed data.

    Attributes:
        shape: (time, batch), or (steps,) of packed data.
        places: For each packed row its place, (valid steps,).
        sizes: How many pieces have a first, second, ... step, (longest piece,); torch's ``batch_sizes``.
        rows: The row of the batch that each piece lies in, (pieces,).
        entering: Whether the piece begins with the state handed to its row, (pieces,) bool.
        leaving: For each row the piece whose final state is the row's, (batch,).
    """

    shape: tuple[int, ...]
    places: Array
    sizes: Array
    rows: Array
    entering: Array
    leaving: Array

    @cached_property
    def by_time(self) -> Order:
        """The places in data laid out time by time, or in packed data."""
        return _order(self.places, math.prod(self.shape))

    @cached_property
    def by_row(self) -> Order:
        """The places in data laid out row by row: b * time + t of (batch, time, features)."""
        time, batch = self.shape
        step, row = np.divmod(self.places, batch)
        return _order(row * time + step, time * batch)

    @classmethod
    def of(cls, batch: int, time: int, lengths: Array | None, resets: Array | None, reverse: bool) -> Pieces:
        """Cut a batch at its lengths (batch,) and resets (batch, time); ``reverse`` runs every piece from its end.

        Raises `DataError` where they do not fit.
        """
        if lengths is not None and (lengths.shape != (batch,) or lengths.min() < 1 or lengths.max() > time):
            raise wrong_lengths(batch, time, lengths)
        if resets is not None and resets.shape != (batch, time):
            raise wrong_resets(batch, time, resets)
        return _cut(
            batch,
            time,
            None if lengths is None else lengths.astype(np.int64).tobytes(),
            None if resets is None else resets.tobytes(),
            reverse,
        )

    @classmethod
    def of_packed(cls, sizes: Array, reverse: bool) -> Pieces:
        """The sequences of rows that are packed already; they are the rows of the batch."""
        batch = int(sizes[0])
        lengths = _lengths(sizes, batch)
        starts = np.cumsum(sizes) - sizes
        rows = np.arange(batch)
        step, piece = _steps_and_pieces(sizes)
        step = lengths[piece] - 1 - step if reverse else step
        places = starts[step] + piece
        return cls(places.shape, places, sizes, rows, np.ones(batch, bool), rows)


def wrong_lengths(batch: int, time: int, found: Any) -> DataError:
    """The error for lengths, an array or a tensor, that do not fit a batch of so many rows and steps."""
    return DataError(f"lengths must be {batch} whole numbers from 1 to {time}, found {found.tolist()}.")


def wrong_resets(batch: int, time: int, found: Any) -> DataError:
    """The error for resets of the wrong shape."""
    return DataError(f"resets must be ({batch}, {time}), as the inputs, found {tuple(found.shape)}.")


# Layers and directions ask for the same batch again and again, and so does the way back.
@functools.lru_cache(maxsize=8)
def _cut(batch: int, time: int, lengths_bytes: bytes | None, resets_bytes: bytes | None, reverse: bool) -> Pieces:
    lengths = np.full(batch, time) if lengths_bytes is None else np.frombuffer(lengths_bytes, np.int64)
    begins = np.zeros((batch, time), bool)
    if resets_bytes is not None:
        begins |= np.frombuffer(resets_bytes, bool).reshape(batch, time)
        begins &= np.arange(time) < lengths[:, None]
    restart = begins[:, 0].copy()
    begins[:, 0] = True

    rows, starts = begins.nonzero()
    is_last = np.append(rows[1:] != rows[:-1], True)
    is_first = np.append(True, is_last[:-1])
    ends = np.where(is_last, lengths[rows], np.append(starts[1:], 0))
    order = np.argsort(starts - ends, kind="stable")
    place_of = np.empty_like(order)
    place_of[order] = np.arange(len(order))
    leaving = place_of[is_first if reverse else is_last]
    entering = is_last if reverse else is_first & ~restart[rows]
    entering, rows, starts, lengths = entering[order], rows[order], starts[order], (ends - starts)[order]

    sizes = len(lengths) - np.cumsum(np.bincount(lengths))[:-1]
    step, piece = _steps_and_pieces(sizes)
    step = starts[piece] + (lengths[piece] - 1 - step if reverse else step)
    return Pieces((time, batch), step * batch + rows[piece], sizes, rows, entering, leaving)


def _order(places: Array, count: int) -> Order:
    is_hole = np.ones(count, bool)
    is_hole[places] = False
    return Order(places, is_hole.nonzero()[0])


def _steps_and_pieces(sizes: Array) -> tuple[Array, Array]:
    """For each packed row its step and its piece."""
    step = np.repeat(np.arange(len(sizes)), sizes)
    return step, np.arange(len(step)) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _lengths(sizes: Array, batch: int) -> Array:
    """How many steps each of the pieces has: those at which more than its number of pieces run."""
    return np.searchsorted(-sizes, -np.arange(batch), side="left")
