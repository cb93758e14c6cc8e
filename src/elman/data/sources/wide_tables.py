"""Wide tables: a whole series in each row, its steps in columns, or as a list in one cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Raw, Series
from elman.data.examples import Answer, Examples
from elman.data.sources import column_names
from elman.data.sources.column_names import plain
from elman.data.sources.columns import Roles
from elman.data.sources.table import Table, is_missing, shorten
from elman.errors import DataError

#: Fewer numbers in a row are no series.
_FEWEST_STEPS = 3


def read_wide(table: Table, roles: Roles, answer: Answer | None) -> Examples:
    """One series a row: the columns of numbers in their order, several channels where their names say so.

    ``x_0, x_1, ..., y_0, y_1, ...`` and ``x_0, y_0, x_1, y_1, ...`` have the channels x and y. Empty cells at the end
    of a row are beyond the end of its series, others are missing values.
    """
    taken = roles.named() - set(roles.inputs)
    columns = list(roles.inputs) or [
        column for column in table.columns if column not in taken and not _is_index(table, column)
    ]
    if len(columns) < _FEWEST_STEPS:
        raise DataError(
            f"{table.name}: expected a column of text, or {_FEWEST_STEPS} or more columns of numbers, found"
            f" {', '.join(columns) or 'none'} beside '{', '.join(roles.target)}'. Say which with --input-column NAME."
        )
    others = [column for column in columns if not table.is_numeric(column) and not _empty(table, column)]
    if others and not roles.inputs:
        if len(others) > 0.2 * len(columns) or (answer is None and len(columns) - len(others) < _FEWEST_STEPS):
            table.numbers(others[0])  # raises, with the row
        roles.notes.append(f"Not read: {', '.join(others[:5])}{', ...' if len(others) > 5 else ''} (no numbers).")
        columns = [column for column in columns if column not in others]
    values = np.stack([table.numbers(column, ", a step of the series") for column in columns], axis=1)
    channels, places = channels_of(columns) if table.header else ((), None)
    block = values[:, :, None] if places is None else values[:, places]
    series = [Series(_without_end(row)) for row in block]
    for number, one in enumerate(series):
        if not len(one.values):
            raise DataError(f"{table.place(number)}: holds no numbers. Take the row out.")
    return Examples("series", series, None, [], channels=channels)


def _is_index(table: Table, column: str) -> bool:
    """Whether a column only counts the rows, as pandas writes it."""
    if plain(column) not in column_names.INDEX or not table.is_numeric(column):
        return False
    return bool(np.all(np.diff(table.numbers(column)) == 1))


def _empty(table: Table, column: str) -> bool:
    return all(is_missing(cell) for cell in table.columns[column])


def _without_end(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(time, channels) without the steps at the end at which nothing was measured."""
    known = np.flatnonzero(~np.isnan(values).all(axis=1))
    return values[: known[-1] + 1 if len(known) else 0]


def channels_of(columns: list[str]) -> tuple[tuple[str, ...], NDArray[np.int64] | None]:
    """Channels, and where (time, channels) each stands, if the columns' names have two or more stems that all count.

    >>> channels_of(["x1", "y1", "x2", "y2"])
    (('x', 'y'), array([[0, 1],
           [2, 3]]))
    >>> channels_of(["t0", "t1", "t2"])
    ((), None)
    """
    stems: dict[str, dict[int, int]] = {}
    for place, column in enumerate(columns):
        match = re.fullmatch(r"(.*?[^\d])[_ .-]*(\d+)", column.strip())
        if match is None:
            return (), None
        stems.setdefault(match[1].strip("_ .-"), {})[int(match[2])] = place
    steps = [tuple(sorted(places)) for places in stems.values()]
    if len(stems) < 2 or len(set(steps)) != 1 or len(steps[0]) < 2:
        return (), None
    return tuple(stems), np.array([[places[step] for places in stems.values()] for step in steps[0]])


def shape_of(series: Sequence[Raw]) -> str:
    """Steps and channels in words, such as ``7 to 29 steps of 12 channels``."""
    shapes = [one.values.shape for one in series if isinstance(one, Series)]
    shortest, longest = min(shapes)[0], max(shapes)[0]
    steps = f"{shortest} steps" if shortest == longest else f"{shortest} to {longest} steps"
    return steps if shapes[0][1] == 1 else f"{steps} of {shapes[0][1]} channels"


def read_lists(table: Table, roles: Roles) -> Examples:
    """One series a row in a list: of numbers, or of lists with the channels of a step; several columns are channels."""
    columns = list(roles.inputs) or [
        column
        for column, cells in table.columns.items()
        if column not in roles.named() and any(isinstance(cell, list) for cell in cells)
    ]
    series = []
    for row in range(len(table)):
        channels = [_array(table, column, row) for column in columns]
        if len({len(channel) for channel in channels}) > 1:
            lengths = ", ".join(f"{column} {len(values)}" for column, values in zip(columns, channels, strict=True))
            raise DataError(f"{table.place(row)}: the channels of one series have the same length, found {lengths}.")
        series.append(Series(np.concatenate(channels, axis=1)))
    roles.inputs = tuple(columns)
    widths = {one.values.shape[1] for one in series}
    if len(widths) > 1:
        raise DataError(f"{table.name}: every series has the same channels, found {sorted(widths)} of them.")
    names = tuple(columns) if len(columns) == widths.pop() else ()
    return Examples("series", series, None, [], channels=names)


def _array(table: Table, column: str, row: int) -> NDArray[np.float64]:
    cell: Any = table.columns[column][row]
    try:
        values = np.array(cell, dtype=np.float64)
    except (ValueError, TypeError):
        values = np.zeros(())
    if values.ndim not in (1, 2) or not len(values):
        raise DataError(
            f"{table.place(row)}: expected a list of numbers, or of lists of equal length, in '{column}',"
            f" found {shorten(cell)}."
        )
    return values[:, None] if values.ndim == 1 else values
