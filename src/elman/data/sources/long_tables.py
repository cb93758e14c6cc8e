"""Long tables: a step of a series in each row, with what says which rows are one series."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Series
from elman.data.examples import Answer, Examples, Target
from elman.data.sources import column_names
from elman.data.sources.column_names import plain
from elman.data.sources.columns import Roles, class_name, make_targets, row_parts, target_by_content
from elman.data.sources.table import Table, is_missing, shorten, to_numbers
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Rows of a series on average, from which repeated values of a column are taken for its name.
_FEWEST_STEPS = 2.0
#: Columns that count, from which they are steps.
_FEWEST_COUNTED = 5
#: Steps of time that differ less than this, relatively, are even.
_EVEN = 1e-3


def is_long(table: Table, roles: Roles, data: DataSettings) -> bool:
    """Whether rows belong together: an id that the user names, or one that repeats."""
    if data.id_column is not None:
        return True
    if _steps_in_columns(table, roles):
        return False
    if roles.id is None and roles.group is not None and plain(roles.group).endswith("_id"):
        roles.id, roles.group = roles.group, None  # one series for each of them
    if roles.id is None:
        roles.id = next((c for c in table.columns if c not in roles.named() and plain(c).endswith("_id")), None)
    if roles.id is None:
        return False
    names = {str(cell) for cell in table.columns[roles.id] if not is_missing(cell)}
    return len(table) >= _FEWEST_STEPS * len(names)


def _steps_in_columns(table: Table, roles: Roles) -> bool:
    """Whether most columns count, as ``t0, t1, t2, ...`` in a wide table do."""
    free = [column for column in table.columns if column not in roles.named()]
    stems = Counter(re.sub(r"\d+$", "", column) for column in free if re.search(r"\d$", column))
    return bool(stems) and max(stems.values()) >= max(_FEWEST_COUNTED, len(free) / 2)


def read(table: Table, roles: Roles, data: DataSettings, answer: Answer | None) -> Examples:
    """One series for each value of the id column, its steps in order of time or of the rows. Raises `DataError`."""
    assert roles.id is not None
    rows = _rows_of_each(table, roles.id)
    firsts = [where[0] for where in rows.values()]
    if answer is not None and not roles.target:
        roles.target = target_by_content(table if answer == "tags" else table.take(firsts), roles, answer)
    constant = {roles.id, roles.group, roles.part, *(roles.target if answer != "tags" else ())}
    if roles.channel is not None and answer != "tags":
        return _one_value_a_row(table, roles, rows, answer, data)
    no_channels = roles.named() | set(roles.id.split("+"))
    channels = list(roles.inputs) or [
        column
        for column in table.columns
        if column not in no_channels and plain(column) not in column_names.INDEX and _measured(table, column, roles)
    ]
    if not channels:
        raise DataError(
            f"{table.name}: no column of numbers is left for what was measured beside {', '.join(roles.named())}."
            " Say which with --input-column NAME."
        )
    values = np.stack([table.numbers(column, ", a channel of the series") for column in channels], axis=1)
    times = None if roles.time is None else times_of(table, roles.time)
    series, orders = [], []
    for name, where in rows.items():
        for column in constant - {None}:
            _one_value(table, str(column), name, where)
        orders.append(where if times is None else _in_time(table, times, where, str(roles.time)))
        series.append(Series(values[orders[-1]], None if times is None else uneven(times[orders[-1]])))
    roles.inputs = tuple(channels)
    examples = _examples(table, roles, series, firsts, tuple(channels), None if answer == "tags" else answer, data)
    return replace(examples, targets=_tags(table, roles.target[0], orders)) if answer == "tags" else examples


def _rows_of_each(table: Table, column: str) -> dict[str, NDArray[np.int64]]:
    """The rows of each series, in the order in which the series begin."""
    rows: dict[str, list[int]] = {}
    for row, cell in enumerate(table.columns[column]):
        if is_missing(cell):
            raise DataError(f"{table.place(row)}: column '{column}', which says what belongs together, is empty.")
        rows.setdefault(f"{table.files[row].part or ''}\0{cell}", []).append(row)
    return {name: np.array(where) for name, where in rows.items()}


def _measured(table: Table, column: str, roles: Roles) -> bool:
    if table.is_numeric(column):
        return True
    if not all(is_missing(cell) for cell in table.columns[column]):
        roles.notes.append(f"Not read: column '{column}' (no numbers, such as {shorten(table.columns[column][0])}).")
    return False


def _one_value(table: Table, column: str, name: str, where: NDArray[np.int64]) -> None:
    """Raise `DataError` where a column changes within a series."""
    cells = table.columns[column]
    if len({cells[row] for row in where}) == 1:
        return
    for row in where[1:]:
        if cells[row] != cells[where[0]] and not is_missing(cells[row]):
            series = name.partition("\0")[2]
            raise DataError(
                f"{table.place(row)}: '{column}' is {shorten(cells[row])}, but {shorten(cells[where[0]])} in row"
                f" {table.lines[where[0]]} of the same series '{series}'. Expected one value for each series;"
                " say with --id-column what the rows of a series share."
            )


def moments(cells: Sequence[Any]) -> NDArray[np.float64] | None:
    """Numbers as they are, dates in seconds since 1970, NaN for empty cells; None where one is neither."""
    import pandas as pd

    numbers = to_numbers(cells)
    if numbers is not None:
        return numbers
    stamps = pd.to_datetime(pd.Series(list(cells)), errors="coerce", format="mixed", utc=True)
    if any(lost and not is_missing(cell) for lost, cell in zip(stamps.isna(), cells, strict=True)):
        return None
    return np.array((stamps - pd.Timestamp(0, tz="UTC")).dt.total_seconds(), dtype=np.float64)


def times_of(table: Table, column: str) -> NDArray[np.float64]:
    """A column of numbers or dates as numbers; dates become seconds. Raises `DataError` with the row."""
    times = moments(table.columns[column])
    if times is not None:
        return times
    row = next(row for row, cell in enumerate(table.columns[column]) if moments([cell]) is None)
    raise DataError(
        f"{table.place(row)}: expected a number or a date in column '{column}', found"
        f" {shorten(table.columns[column][row])}. Name another column with --time-column."
    )


def _in_time(table: Table, times: NDArray[np.float64], where: NDArray[np.int64], column: str) -> NDArray[np.int64]:
    """The rows of a series in order of time. Raises `DataError` where that is not clear."""
    where = where[np.argsort(times[where], kind="stable")]
    here = times[where]
    if np.isnan(here).any():
        raise DataError(f"{table.place(where[np.isnan(here)][0])}: column '{column}', the time, is empty.")
    same = np.flatnonzero(np.diff(here) == 0)
    if len(same):
        raise DataError(
            f"{table.place(where[same[0] + 1])}: has the same time ({column} {here[same[0]]:g}) as row"
            f" {table.lines[where[same[0]]]} of the same series. Say with --id-column what the rows of a series share."
        )
    return where


def uneven(times: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Times, or None where the steps between them are even and need none."""
    gaps = np.diff(times)
    return None if len(gaps) == 0 or np.allclose(gaps, gaps[0], rtol=_EVEN) else times


def _tags(table: Table, column: str, orders: Sequence[NDArray[np.int64]]) -> list[Target]:
    """The cells of a column for each step of each series."""
    cells = table.columns[column]
    for row, cell in enumerate(cells):
        if is_missing(cell):
            raise DataError(f"{table.place(row)}: column '{column}', the tag, is empty. Fill it in.")
    return [tuple(class_name(cells[row]) for row in where) for where in orders]


def _one_value_a_row(
    table: Table, roles: Roles, rows: dict[str, NDArray[np.int64]], answer: Answer | None, data: DataSettings
) -> Examples:
    """Tables of (id, channel, time, value): the rows of a series become steps with all channels."""
    assert roles.channel is not None
    free = [column for column in table.columns if column not in roles.named() or column in roles.inputs]
    free = [column for column in free if table.is_numeric(column)]
    if len(free) != 1 or roles.time is None:
        raise DataError(
            f"{table.name}: beside the channels in '{roles.channel}' expected a column of time and one of values, found"
            f" {roles.time or 'no time'} and {', '.join(free) or 'no values'}."
            " Say which with --time-column and --input-column."
        )
    channels = tuple(dict.fromkeys(map(str, table.columns[roles.channel])))
    values, times = table.numbers(free[0], ", the value"), times_of(table, roles.time)
    which = np.array([channels.index(str(cell)) for cell in table.columns[roles.channel]])
    series = []
    for where in rows.values():
        steps, place = np.unique(times[where], return_inverse=True)
        block = np.full((len(steps), len(channels)), np.nan)
        block[place, which[where]] = values[where]
        series.append(Series(block, uneven(steps)))
    roles.inputs = (free[0],)
    firsts = [where[0] for where in rows.values()]
    return _examples(table, roles, series, firsts, channels, answer, data)


def _examples(
    table: Table,
    roles: Roles,
    series: Sequence[Series],
    firsts: Sequence[int],
    channels: tuple[str, ...],
    answer: Answer | None,
    data: DataSettings,
) -> Examples:
    heads = table.take(firsts)
    targets: list[Target] | None = None
    if answer is not None:
        for column in roles.target:
            for row, cell in enumerate(heads.columns[column]):
                if is_missing(cell) and answer != "classes":
                    raise DataError(f"{heads.place(row)}: column '{column}', to be learnt, is empty. Fill it in.")
        targets = make_targets(heads, roles.target, answer, data.separator)
    lengths = [len(one.values) for one in series]
    learnt = f", '{', '.join(roles.target)}' is to be learnt" if answer is not None else ""
    shown = ", ".join(channels[:8]) + (", ..." if len(channels) > 8 else "")
    note = (
        f"{len(series)} series by '{roles.id}' of {min(lengths)} to {max(lengths)} steps with {len(channels)}"
        f" channels ({shown}){learnt}."
    )
    options: dict[str, str | tuple[str, ...]] = {"kind": "series", "input_column": roles.inputs}
    singles = {"target": roles.target or None, "id_column": roles.id, "time_column": roles.time, "group": roles.group}
    options |= {name: value for name, value in singles.items() if value is not None}
    return Examples(
        "series",
        series,
        targets,
        [f"{heads.files[row].name}, {roles.id} {heads.columns[roles.id][row]}" for row in range(len(heads))],  # type: ignore[index]
        groups=[str(cell) for cell in heads.columns[roles.group]] if roles.group else None,
        times=list(times_of(table, roles.time)[list(firsts)]) if roles.time else None,
        parts=row_parts(heads, roles.part),
        channels=channels,
        outputs=tuple(roles.target) if answer == "numbers" else (),
        notes=(*roles.notes, note),
        guessed=options,
    )
