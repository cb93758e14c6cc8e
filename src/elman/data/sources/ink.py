"""Pen strokes: rows of JSON with the strokes of one ink in a field, and InkML files of one ink each.

In JSON an ink is a list of strokes, and a stroke a list of points: ``[x, y]``, ``[x, y, seconds]`` or objects with
``x``, ``y`` and maybe ``t``, y upwards; in a column called ``strokes`` or ``ink`` it may also be a single stroke.
Strokes that are rows of all x and all y, as the Quick Draw data have them, count y downwards, and so does InkML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Ink
from elman.data.examples import Answer, Examples
from elman.data.sources import names, tables
from elman.data.sources.column_names import plain
from elman.data.sources.files import Files, SourceFile, gather
from elman.data.sources.items import Item, items_of, named_by_path, named_by_table, tables_of
from elman.data.sources.table import Table, is_missing, join, read_table, shorten
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

INKML = ".inkml"
_JSON = (".jsonl", ".ndjson", ".json")
#: Columns in which a list of points is one stroke.
_NAMES = ("strokes", "ink", "drawing", "stroke", "traces", "trace", "points")
#: Bytes in which the first row of a file is looked for.
_LOOK = 1 << 20
#: What the seconds of an InkML time channel are divided by.
_TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
_VALUE = re.compile(r"\s*([!'\"]?)\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[*?TF])")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Inks with what the other fields, annotations or names tell; None where the files hold none."""
    if data.kind not in ("auto", "ink"):
        return None
    marked = files.of(INKML)
    if len(marked) or not files.all_of(*_JSON):
        table = tables_of(files, (INKML,), data, bool(marked))
        items = items_of(marked, lambda file: _inkml(file)[0])
        found = named_by_table("ink", table, items, _item_at, data, answer) if table is not None else None
        if found is not None or not len(marked):
            return found
        return _inkml_files(marked, data, answer)
    if data.kind == "auto" and not _first_has_strokes(files[0]):
        return None
    files.one_set()
    return _rows(join([_table(file, data.encoding) for file in files], files.asked), data, answer)


def _item_at(path: Path) -> Item | None:
    """The InkML file at a path, None where there is none."""
    if not path.is_file() or path.suffix.lower() != INKML:
        return None
    return Item(PurePosixPath(path.name), lambda: _inkml(gather(path)[0])[0])


# ---- rows of JSON


def _first_has_strokes(file: SourceFile) -> bool:
    """Whether the first row of a file has strokes in it."""
    content = file.content()
    for piece in (content[:_LOOK].lstrip().split(b"\n", 1)[0], content):
        try:
            first = json.loads(piece)
        except ValueError:
            continue
        while isinstance(first, list) and first and isinstance(first[0], dict):
            first = first[0]
        return isinstance(first, dict) and _column(list(first), [first]) is not None
    return False


def _table(file: SourceFile, encoding: str) -> Table:
    """The rows of a file; rows that are bare lists of strokes have one column, ``strokes``."""
    text = file.text(encoding)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if lines and all(line.lstrip().startswith("[") for _, line in lines):
        try:
            cells = [json.loads(line) for _, line in lines]
        except ValueError:
            cells = []
        if cells and _depth(cells[0]) in (2, 3):
            return Table(file.name, {"strokes": cells}, [file] * len(cells), [number for number, _ in lines])
    table = read_table(file, encoding)
    if table is None:
        raise DataError(f"{file.name}: expected rows of JSON with strokes, found none.")
    return table


def _rows(table: Table, data: DataSettings, answer: Answer | None) -> Examples:
    """The inks of a table, with what its other columns tell."""
    if data.input_column:
        column = table.find(data.input_column[0], "input-column")
    else:
        rows = [dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)]
        found = _column(list(table.columns), rows)
        if found is None:
            raise DataError(
                f"{table.name}: no column holds strokes; the columns are {', '.join(table.columns)}. Expected a list"
                " of strokes, each a list of points [x, y]. Say which with --input-column NAME."
            )
        column = found
    cells = table.columns[column]
    by_axis = _by_axis(cells)
    return _told(
        replace(table, columns={**table.columns, column: ["" if is_missing(cell) else "ink" for cell in cells]}),
        column,
        [_ink(cell, by_axis, table.place(row), column) for row, cell in enumerate(cells)],
        data,
        answer,
    )


def _told(table: Table, column: str, inks: Sequence[Ink], data: DataSettings, answer: Answer | None) -> Examples:
    """``inks``, one for each row, with what the columns beside theirs tell."""
    examples = tables.examples_of(table, replace(data, kind="text", input_column=(column,)), answer)
    row_at = {table.place(row): row for row in range(len(table))}
    learnt = f", '{', '.join(examples.guessed['target'])}' is to be learnt" if examples.targets is not None else ""
    return replace(
        examples,
        kind="ink",
        inputs=[inks[row_at[name]] for name in examples.names],
        notes=(*examples.notes[:-1], f"Column '{column}' holds the strokes{learnt}."),
        guessed={**examples.guessed, "kind": "ink"},
    )


def _column(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str | None:
    """The column of strokes: by its depth, or called so and a list of points."""
    for column in columns:
        cell = next((row[column] for row in rows if not is_missing(row.get(column))), None)
        if _depth(cell) == 3 or (_depth(cell) == 2 and plain(column) in _NAMES):
            return column
    return None


def _depth(cell: Any) -> int:
    """How many lists lie within each other around numbers; a point that is an object counts as a list; else 0.

    >>> _depth([[[1, 2], [3, 4]]]), _depth([{"x": 1, "y": 2}]), _depth(["a"])
    (3, 2, 0)
    """
    if isinstance(cell, dict):
        return 1 if {"x", "y"} <= {str(name).lower() for name in cell} else 0
    if not isinstance(cell, list) or not cell:
        return 0
    if all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in cell):
        return 1
    inner = _depth(cell[0])
    return inner + 1 if inner else 0


def _by_axis(cells: Sequence[Any]) -> bool:
    """Whether strokes are two or three long rows, of all x and all y, instead of points."""
    strokes = [stroke for cell in cells if _depth(cell) == 3 for stroke in cell if isinstance(stroke, list)]
    return (
        bool(strokes)
        and all(len(stroke) in (2, 3) for stroke in strokes)
        and any(len(row) > 3 for stroke in strokes for row in stroke if isinstance(row, list))
    )


def _ink(cell: Any, by_axis: bool, place: str, column: str) -> Ink:
    if is_missing(cell):
        return Ink(())
    found = [cell] if _depth(cell) == 2 else cell
    strokes = []
    for number, stroke in enumerate(found if isinstance(found, list) else [found]):
        points = _points(stroke, by_axis)
        if points is None:
            raise DataError(
                f"{place}: expected points [x, y] or [x, y, seconds] in stroke {number + 1} of column '{column}',"
                f" found {shorten(stroke)}."
            )
        strokes.append(points)
    return Ink(tuple(strokes))


def _points(stroke: Any, by_axis: bool) -> NDArray[np.float64] | None:
    """(points, 2 or 3), or None where that is not what a stroke holds."""
    if isinstance(stroke, list) and stroke and isinstance(stroke[0], dict):
        keys = ("x", "y", "t") if "t" in stroke[0] else ("x", "y")
        stroke = [[point.get(key) if isinstance(point, dict) else None for key in keys] for point in stroke]
    try:
        points = np.array(stroke, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    if points.ndim != 2:
        return None
    points = points.T * [1.0, -1.0, 1.0][: len(points)] if by_axis else points
    return points if points.shape[1] in (2, 3) and len(points) and np.isfinite(points).all() else None


# ---- InkML


def _inkml_files(files: Files, data: DataSettings, answer: Answer | None) -> Examples:
    """A file an ink; its class is annotated as ``truth`` or as ``--target`` says, or told by folders and names."""
    found = [_inkml(file) for file in files]
    kinds = set.intersection(*(set(notes) for _, notes in found))
    by_name = any(names.is_pattern(pattern) for pattern in data.target)
    target = data.target or (("truth",) if "truth" in kinds else ())
    if by_name or (answer is not None and not target):
        inks = {file.path: ink for file, (ink, _) in zip(files, found, strict=True)}
        items = items_of(files, lambda file: inks[file.path])
        return named_by_path("ink", items, files.asked, data, answer, "InkML files")
    columns = {kind: [notes[kind] for _, notes in found] for kind in sorted(kinds)}
    table = Table(files.asked, {"ink": ["ink"] * len(files), **columns}, list(files), list(range(1, len(files) + 1)))
    examples = _told(table, "ink", [ink for ink, _ in found], replace(data, target=target), answer)
    learnt = f"Each file is an ink; its annotation '{', '.join(target)}' is to be learnt."
    return replace(
        examples,
        names=[table.files[int(name.rsplit(" ", 1)[1]) - 1].name for name in examples.names],
        notes=(*examples.notes[:-1], *([learnt] if answer is not None else [])),
    )


def _inkml(file: SourceFile) -> tuple[Ink, dict[str, str]]:
    """The traces of a file, and what is annotated of the whole. Raises `DataError`."""
    content = file.content()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError(f"{file.name}: declares a document type, which InkML has no need of. Take the declaration out.")
    try:
        root = ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise DataError(f"{file.name}: is not XML ({error}).") from None
    channels = [channel for channel in root.iter() if _tag(channel) == "channel"]
    order = [str(channel.get("name", "")).upper() for channel in channels] or ["X", "Y"]
    if not {"X", "Y"} <= {*order}:
        raise DataError(f"{file.name}: expected the channels X and Y, found {', '.join(order)}.")
    scale = next((_TIMES.get(str(each.get("units")), 0.0) for each in channels if each.get("name") == "T"), 0.0)
    strokes = []
    for number, trace in enumerate((trace for trace in root.iter() if _tag(trace) == "trace"), 1):
        if trace.get("type", "penDown") == "penDown" and (trace.text or "").strip():
            values = _trace(trace.text or "", len(order), f"{file.name}, trace {number}")
            points = values[:, [order.index("X"), order.index("Y")]] * [1.0, -1.0]
            strokes.append(np.column_stack([points, values[:, order.index("T")] * scale]) if scale else points)
    if not strokes:
        raise DataError(f"{file.name}: holds no trace with points.")
    notes = {str(note.get("type")): (note.text or "").strip() for note in root if _tag(note) == "annotation"}
    return Ink(tuple(strokes)), notes


def _tag(element: ElementTree.Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rsplit("}", 1)[-1]


def _trace(text: str, channels: int, place: str) -> NDArray[np.float64]:
    """The values of a trace, (points, channels): given as they are (!), as changes (') or as changes of changes (")."""
    rows = []
    ways = [""] * channels
    value, change = np.zeros(channels), np.zeros(channels)
    for number, point in enumerate(text.strip().strip(",").split(","), 1):
        given = list(_VALUE.finditer(point))
        if len(given) != channels or "".join(match.group() for match in given) != point.rstrip():
            raise DataError(f"{place}: expected {channels} values at point {number}, found {shorten(point.strip())}.")
        before = value.copy()
        for channel, match in enumerate(given):
            way, number_text = match.groups()
            ways[channel] = way or ways[channel]
            if number_text in "*?TF":  # no change, or nothing known: as before
                continue
            amount = float(number_text)
            if ways[channel] == '"':
                change[channel] += amount
                value[channel] += change[channel]
            else:
                value[channel] = value[channel] + amount if ways[channel] == "'" else amount
                change[channel] = value[channel] - before[channel]
        rows.append(value.copy())
    return np.stack(rows)
