"""Sequences that are files of their own: named by a table, or telling their class by folders and names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, final

import numpy as np

from elman.codecs.raw import Raw
from elman.data.examples import Answer, Examples, Kind, Target
from elman.data.sources import names, tables
from elman.data.sources.files import Files, SourceFile, part_in
from elman.data.sources.spans import cut, spans_of
from elman.data.sources.table import Table, is_missing, join, read_table
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Files that may be a table of others.
_TABLES = (".csv", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson", ".json", ".txt", ".lst", ".parquet")
#: Bytes that are looked at for names of files.
_LOOK = 8192
#: A column names files when more of its first cells do than this share.
_ROWS, _MOST = 50, 0.5


@final
@dataclass(frozen=True, eq=False)
class Item:
    """One sequence on disk.

    Attributes:
        path: Its place below what the user named; the suffix tells nothing.
        load: Reads it. Raises `DataError`.
        part: ``train``, ``valid`` or ``test`` where its name or folder says so.
    """

    path: PurePosixPath
    load: Callable[[], Raw]
    part: str | None = None


def tables_of(files: Files, suffixes: Sequence[str], data: DataSettings, likely: bool) -> Table | None:
    """The rows of all tables among ``files`` that may name files; unless that is ``likely``, with such suffixes."""
    ends = re.compile(("(?i)(" + "|".join(map(re.escape, suffixes)) + ")\\b").encode())
    likely = likely or data.kind != "auto"
    found = []
    for file in files.of(*_TABLES):
        if not likely and (file.suffix == ".parquet" or not ends.search(file.content()[:_LOOK])):
            continue
        table = read_table(file, data.encoding, data.named_columns)
        if table is not None and len(table.columns) > 1:
            found.append(table)
    return join(found, files.asked) if found else None


def named_by_table(
    kind: Kind,
    table: Table,
    items: Sequence[Item],
    item_at: Callable[[Path], Item | None],
    data: DataSettings,
    answer: Answer | None,
) -> Examples | None:
    """The sequences that a table names, with what its other columns tell; None where no column names any.

    Names are paths below what the user named or beside the table, or plain names, with suffix or without;
    ``item_at`` makes an item of a path on disk. Raises `DataError` where a file is missing.
    """
    finder = _Finder(items, item_at)
    column = _path_column(table, finder, data)
    if column is None:
        return None
    rows = tables.examples_of(table, replace(data, kind="text", input_column=(column,)), answer)
    writes = answer == "text"
    places = {table.place(row): row for row in range(len(table))}
    found = []
    for name in rows.names:
        row = places[name]
        cell, file = str(table.columns[column][row]).strip(), table.files[row]
        item = finder.find(cell, file)
        if item is None:
            raise DataError(
                f"{name}: there is no file '{cell}'. Paths in a table go from its folder, or from the one that was"
                " named."
            )
        found.append(item)
    note = (
        f"Column '{column}' names the files"
        + (f", '{', '.join(rows.guessed['target'])}' is to be learnt" if "target" in rows.guessed else "")
        + "."
    )
    notes = [*rows.notes[:-1], note]
    if len(items) > len(set(found)):
        notes.append(f"{len(items) - len(set(found))} files that no row names are left out.")
    spans = (
        spans_of(table, [places[name] for name in rows.names])
        if kind == "audio" and _in_pieces(found, answer)
        else None
    )
    examples = replace(
        rows,
        kind=kind,
        names=[str(item.path) for item in found],
        parts=rows.parts or (_parts_of(found) if writes else None),
        notes=tuple(notes),
        guessed={**rows.guessed, "kind": kind},
    )
    if spans is not None:
        pieces = [f"{item.path}, {start:g} to {end:g} s" for item, (start, end) in zip(found, spans, strict=True)]
        return replace(examples, inputs=cut(found, spans, rows.names), names=pieces)
    if writes and len(set(found)) < len(found):
        return _several_texts(examples, found)
    return replace(examples, inputs=[item.load() for item in found])


def _in_pieces(items: Sequence[Item], answer: Answer | None) -> bool:
    """Whether rows may name pieces of files; to predict they do where several name the same file."""
    return answer == "text" or (answer is None and len(set(items)) < len(items))


def _parts_of(items: Sequence[Item]) -> list[str] | None:
    """The parts that the folders of files tell."""
    parts = [part_in(item.path) for item in items]
    return parts if "train" in parts and len(set(parts)) > 1 else None


def _several_texts(examples: Examples, items: Sequence[Item]) -> Examples:
    """One example for each file, with all texts that rows give of it."""
    rows: dict[Item, list[int]] = {}
    for row, item in enumerate(items):
        rows.setdefault(item, []).append(row)
    first = examples.take([several[0] for several in rows.values()])
    targets: list[Target] = []
    for several in rows.values():
        texts = [examples.targets[row] for row in several] if examples.targets is not None else []
        targets.append(tuple(text for each in texts for text in ([each] if isinstance(each, str) else map(str, each))))
    return replace(
        first,
        inputs=[item.load() for item in rows],
        targets=targets,
        notes=(*examples.notes, f"{len(rows)} files have {len(items)} texts: all texts of a file are right."),
    )


@final
class _Finder:
    """Finds items by what a table calls them."""

    def __init__(self, items: Sequence[Item], item_at: Callable[[Path], Item | None]) -> None:
        self._by_path = {str(item.path): item for item in items}
        self._item_at = item_at
        names = Counter(name for item in items for name in {item.path.name, item.path.stem})
        self._by_name = {name: item for item in items for name in (item.path.stem, item.path.name) if names[name] == 1}
        self._on_disk: dict[Path, Item | None] = {}

    def find(self, cell: str, table: SourceFile) -> Item | None:
        path = PurePosixPath(cell.replace("\\", "/"))
        for place in (path, table.path.parent / path):
            if str(place) in self._by_path:
                return self._by_path[str(place)]
        if path.name in self._by_name:
            return self._by_name[path.name]
        beside = table.on_disk.parent / path if table.on_disk is not None else Path(path)
        if beside not in self._on_disk:
            self._on_disk[beside] = self._item_at(beside)
        return self._on_disk[beside]


def _path_column(table: Table, finder: _Finder, data: DataSettings) -> str | None:
    if data.input_column:
        return table.find(data.input_column[0], "input-column")
    best, most = None, _MOST
    for column, cells in table.columns.items():
        known = [
            (cell, file)
            for cell, file in zip(cells, table.files, strict=True)
            if isinstance(cell, str) and not is_missing(cell)
        ]
        some = known[:50]
        share = sum(finder.find(cell.strip(), file) is not None for cell, file in some) / max(len(some), 1)
        if share > most:
            best, most = column, share
    return best


def named_by_path(
    kind: Kind, items: Sequence[Item], asked: str, data: DataSettings, answer: Answer | None, what: str
) -> Examples:
    """The sequences with the class and group that patterns, or else folders and names, tell.

    Raises `DataError` where nothing tells, and there is something to be learnt.
    """
    paths = [item.path for item in items]
    target = data.target[0] if data.target else None
    if answer is None:
        told = names.Told()
    else:
        for option, pattern in (("target", target), ("group", data.group)):
            if pattern is not None and not names.is_pattern(pattern):
                raise DataError(
                    f"{asked}: --{option} '{pattern}' names a column, but here are {what}. Give a pattern over their"
                    " names, such as '{}_*' ({} is what is wanted, * anything; a folder is '{}/*')."
                )
        told = names.Told(target, data.group) if target else names.guess(paths, asked, data.group)
        if told.target is None:
            raise names.nothing_told(asked, what, paths)
    groups = None if told.group is None else names.pick_all(told.group, paths, "group")
    guessed: dict[str, str | tuple[str, ...]] = {"kind": kind}
    if told.target is not None:
        guessed["target"] = (told.target,)
    if told.group is not None:
        guessed["group"] = told.group
    parts = [item.part for item in items]
    return Examples(
        kind,
        [item.load() for item in items],
        None if answer is None or told.target is None else _targets(told.target, paths, answer, data),
        [str(path) for path in paths],
        groups=groups,
        parts=[part or "train" for part in parts] if "train" in parts and len(set(parts)) > 1 else None,
        notes=tuple(told.notes),
        guessed=guessed,
    )


def _targets(pattern: str, paths: Sequence[PurePosixPath], answer: Answer, data: DataSettings) -> list[Target]:
    pieces = names.pick_all(pattern, paths, "target")
    if answer == "class":
        return list(pieces)
    if answer == "classes":
        return [frozenset(piece.split(data.separator)) for piece in pieces]
    if answer == "tags":
        raise DataError(f"{paths[0]}: a name tells no tag for every step. Tags come in tables, see the documentation.")
    numbers: list[Target] = []
    for path, piece in zip(paths, pieces, strict=True):
        try:
            numbers.append(np.array([float(piece)]))
        except ValueError:
            raise DataError(f"{path}: expected a number to learn at '{pattern}', found '{piece}'.") from None
    return numbers


def items_of(files: Files, load: Callable[[SourceFile], Any]) -> list[Item]:
    """An item for each file."""
    return [Item(file.path, lambda file=file: load(file), file.part) for file in files]  # type: ignore[misc]
