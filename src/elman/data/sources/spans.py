"""Pieces of recordings: rows of a table, or segments of Kaldi, that say from and to which second each goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elman.codecs.raw import Recording
from elman.data.sources import column_names
from elman.data.sources.column_names import plain
from elman.data.sources.table import Table
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.data.sources.items import Item

#: Seconds by which a piece may pass the end of its recording: ends are rounded.
_ROUNDED = 0.1
#: Bytes of sound that are held while pieces are cut from it.
_HELD = 1 << 28


def spans_of(table: Table, rows: Sequence[int]) -> list[tuple[float, float]] | None:
    """From and to which second each row goes, to ``inf`` where the end is open; None where no columns tell.

    Raises `DataError` for a cell that is no number, or an end that is not after its start.
    """
    known = {plain(column): column for column in table.columns}
    start, end, length = (
        next((known[name] for name in names if name in known), None)
        for names in (column_names.START, column_names.END, column_names.LENGTH)
    )
    if start is None or (end is None and length is None):
        return None
    first = table.numbers(start, ", the second at which a piece begins")
    last = table.numbers(end, ", the second at which it ends") if end else first + table.numbers(str(length))
    first, last = np.nan_to_num(first, nan=0.0), np.where(np.isnan(last), np.inf, last)
    for row in rows:
        if not 0 <= first[row] < last[row]:
            raise DataError(
                f"{table.place(row)}: expected a piece from a second to a later one, found {first[row]:g}"
                f" to {last[row]:g}."
            )
    return [(float(first[row]), float(last[row])) for row in rows]


def cut(items: Sequence[Item], spans: Sequence[tuple[float, float]], places: Sequence[str]) -> list[Recording]:
    """The pieces; a recording of which several come one after another is read once. Raises `DataError`."""
    found: list[Recording] = []
    held: dict[Item, Recording] = {}
    for item, (start, end), place in zip(items, spans, places, strict=True):
        if item not in held:
            if sum(each.samples.nbytes for each in held.values()) > _HELD:
                held.clear()
            held[item] = item.load()  # type: ignore[assignment]
        whole = held[item]
        seconds = len(whole.samples) / whole.rate
        if start >= seconds or (end > seconds + _ROUNDED and end != np.inf):
            raise DataError(f"{place}: goes from {start:g} to {end:g} s, but {item.path} has {seconds:.2f} s.")
        stop = None if end == np.inf else round(end * whole.rate)
        found.append(Recording(whole.samples[round(start * whole.rate) : stop], whole.rate))
    return found
