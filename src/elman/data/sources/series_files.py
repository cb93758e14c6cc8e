"""A table of measurements for each sequence: classes by folders, by names, or by a table of their numbers or names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from elman.codecs.raw import Series
from elman.data.examples import Answer, Examples, Target
from elman.data.sources import column_names
from elman.data.sources.column_names import plain
from elman.data.sources.columns import find_roles, make_targets, target_by_content
from elman.data.sources.files import Files, SourceFile, parts_of
from elman.data.sources.items import Item, named_by_path
from elman.data.sources.long_tables import moments, uneven
from elman.data.sources.table import Table, read_table, shorten
from elman.data.sources.wide_tables import shape_of
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

_TABLES = (".csv", ".tsv", ".tab", ".txt", ".dat", ".data", ".parquet")
#: Files whose names differ in numbers only, from which they are sequences and no parts of one table.
_FEWEST = 4
#: A column names sequences when this share of its cells does.
_MOST = 0.9


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of one table each, or None where the files are of other kinds."""
    if data.kind not in ("auto", "series"):
        return None
    alike = _alike(files.of(*_TABLES))
    first = read_table(alike[0], data.encoding, data.named_columns) if alike else None
    if first is None or not _measures(first, data):
        return None
    columns = list(first.columns)
    items = [Item(file.path, _loading(file, columns, data), file.part) for file in alike]
    others = [file for file in files.of(*_TABLES) if file not in set(alike)]
    about = [table for file in others if (table := read_table(file, data.encoding, data.named_columns)) is not None]
    known = _numbered(items, about) if answer is not None else None
    if known is None:
        examples = named_by_path("series", items, files.asked, data, answer, "tables of measurements")
    else:
        examples = _labelled(items, alike, known, data, answer)
    channels = tuple(column for column in columns if column != _time(columns, data)) if first.header else ()
    note = f"Each file is a series, {shape_of(examples.inputs)}."
    return replace(examples, channels=channels, notes=(*examples.notes, note))


def _alike(files: Files) -> list[SourceFile]:
    """The files whose names are the same but for numbers, if they are most, or all files if these are in folders."""
    if not len(files):
        return []
    patterns = [re.sub(r"\d+", "#", file.path.name) for file in files]
    pattern, count = Counter(patterns).most_common(1)[0]
    if count >= max(_FEWEST, len(files) / 2) and "#" in pattern:
        return [file for file, own in zip(files, patterns, strict=True) if own == pattern]
    folders = Counter(file.folders for file in files)
    in_folders = len(folders) > 1 and all(folders) and min(folders.values()) > 1
    return list(files) if in_folders else []


def _measures(table: Table, data: DataSettings) -> bool:
    """Whether a table holds only numbers, and none that is to be learnt."""
    time = _time(list(table.columns), data)
    if table.header and any(plain(column) in column_names.TARGET for column in table.columns):
        return False
    return all(table.is_numeric(column) for column in table.columns if column != time)


def _time(columns: Sequence[str], data: DataSettings) -> str | None:
    if data.time_column is not None:
        return next((column for column in columns if plain(column) == plain(data.time_column)), None)
    return next((column for column in columns if plain(column) in column_names.TIME), None)


def _loading(file: SourceFile, columns: list[str], data: DataSettings) -> Callable[[], Series]:
    """Reads one file; raises `DataError` where it is unlike the first."""

    def load() -> Series:
        table = read_table(file, data.encoding, data.named_columns)
        if table is None or list(table.columns) != columns:
            found = "no table" if table is None else ", ".join(table.columns)
            raise DataError(
                f"{file.name}: expected the columns {', '.join(columns)}, as in the first file, found {found}."
            )
        time = _time(columns, data)
        kept = [column for column in columns if column != time]
        values = np.stack([table.numbers(column, ", a channel of the series") for column in kept], axis=1)
        if time is None:
            return Series(values)
        times = moments(table.columns[time])
        if times is None or np.isnan(times).any() or not np.all(np.diff(times) > 0):
            raise DataError(
                f"{file.name}: expected numbers or dates that rise in column '{time}', found some that do not, such as"
                f" {shorten(table.columns[time][0])}. Name another column with --time-column."
            )
        return Series(values, uneven(times))

    return load


def _numbered(items: Sequence[Item], about: Sequence[Table]) -> Table | None:
    """What other tables tell of each item, in their order; empty where they tell nothing. None without such a table."""
    merged: dict[str, list[object]] = {}
    places: list[tuple[SourceFile, int]] = []
    for table in about:
        found = _rows_of(items, table)
        if found is None:
            continue
        column, rows = found
        merged.setdefault(column, [table.columns[column][row] if row is not None else None for row in rows])
        for name, cells in table.columns.items():
            if name != column and name not in merged:
                merged[name] = [cells[row] if row is not None else None for row in rows]
        places = places or [(table.files[row or 0], table.lines[row or 0]) for row in rows]
    if not merged:
        return None
    return Table(places[0][0].name, merged, [file for file, _ in places], [line for _, line in places])


def _rows_of(items: Sequence[Item], table: Table) -> tuple[str, list[int | None]] | None:
    """The column that names the items, by name or by number, and the row of each."""
    if len(table.columns) < 2:
        return None
    by_name = [{item.path.name for item in items}, {item.path.stem for item in items}]
    numbers = [_number(item) for item in items]
    if len(set(numbers)) == len(items) and None not in numbers:
        by_name.append({str(number) for number in numbers})
    for column, cells in table.columns.items():
        keys = [str(cell).strip() for cell in cells]
        for names, own in zip(by_name, (_full, _stem, _numeral), strict=False):
            fitting = sum(key in names for key in keys)
            if fitting >= _MOST * min(len(keys), len(items)) and len(set(keys)) == len(keys):
                row = {key: place for place, key in enumerate(keys)}
                return column, [row.get(own(item)) for item in items]
    return None


def _full(item: Item) -> str:
    return item.path.name


def _stem(item: Item) -> str:
    return item.path.stem


def _number(item: Item) -> int | None:
    """The last number of a name."""
    found = re.findall(r"\d+", item.path.stem)
    return int(found[-1]) if found else None


def _numeral(item: Item) -> str:
    return str(_number(item))


def _labelled(
    items: Sequence[Item], files: Sequence[SourceFile], known: Table, data: DataSettings, answer: Answer | None
) -> Examples:
    if answer == "tags":
        raise DataError(f"{known.name}: tells one answer for a whole series, no tag for each step. Use train classify.")
    assert answer is not None
    roles = find_roles(known, data, answer)
    roles.id = next(iter(known.columns))
    if not roles.target:
        roles.target = target_by_content(known, roles, answer)
    kept = [row for row in range(len(items)) if all(known.columns[name][row] is not None for name in roles.target)]
    targets: list[Target] = make_targets(known.take(kept), roles.target, answer, data.separator)
    notes = [f"'{', '.join(roles.target)}' of {known.name} is to be learnt."]
    if len(kept) < len(items):
        missing = next(item for row, item in enumerate(items) if row not in set(kept))
        notes.append(f"{len(items) - len(kept)} files, such as {missing.path}, have no row there and are left out.")
    others = [column for column in known.columns if column not in roles.named()]
    if others:
        notes.append(f"Not read: {', '.join(others)}; one of them may be the --group.")
    groups = None if roles.group is None else [str(known.columns[roles.group][row]) for row in kept]
    return Examples(
        "series",
        [items[row].load() for row in kept],
        targets,
        [files[row].name for row in kept],
        groups=groups,
        parts=parts_of([files[row] for row in kept]),
        outputs=tuple(roles.target) if answer == "numbers" else (),
        notes=tuple(notes),
        guessed={"kind": "series", "target": roles.target, **({"group": roles.group} if roles.group else {})},
    )
