"""`Table`: rows with named columns from CSV, TSV, JSON, JSON lines or Parquet, each row with its place in the file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.data.sources.column_names import KNOWN, plain
from elman.data.sources.files import SourceFile
from elman.errors import DataError, nearest

#: What stands in a cell where nothing was measured.
MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "#na", "<na>", "n.a.", "nan", "nat", "null", "none", "?", "-", "--", "nil"}
)
#: Numbers in German and in English, with or without marks between thousands.
_COMMA_NUMBER = re.compile(r"[+-]?(\d{1,3}(\.\d{3})+|\d*)(,\d+)?([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
#: Rows by which a file is judged before it is read.
_LOOK = 200
#: So many sentences do not have the same number of commas.
_SENTENCES = 10
#: Fewer numbers between spaces on a line may be a label and a text.
_FEWEST_SPACED = 3
_SEPARATORS = ("\t", ",", ";", "|")


@final
@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length.

    Attributes:
        name: The file or files.
        columns: By name, in order; those of a file without a header are called ``1``, ``2``, ...
            Cells are ``str`` where the file is text, else what JSON or Parquet holds; empty is ``""`` or None.
        files: The file of each row.
        lines: The line, or for Parquet the number, of each row in its file, from 1.
        header: Whether the columns have names of their own.
        decimal_comma: Whether numbers are written ``1,5``.
    """

    name: str
    columns: dict[str, list[Any]]
    files: list[SourceFile]
    lines: list[int]
    header: bool = True
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.lines)

    def place(self, row: int) -> str:
        """Where a row stands, for messages."""
        return f"{self.files[row].name}, row {self.lines[row]}"

    def find(self, name: str, option: str) -> str:
        """The column that an option names, whatever its case; ``1 of 33`` where none has a name. Raises `DataError`."""
        if not self.header and (match := re.fullmatch(r"(\d+) of (\d+)", name)):
            if int(match[2]) != len(self.columns):
                raise DataError(f"{self.name}: --{option} expects {match[2]} columns, found {len(self.columns)}.")
            name = match[1]
        for column in self.columns:
            if column == name or plain(column) == plain(name):
                return column
        shown = ", ".join(self.columns) if len(self.columns) < 30 else f"1 to {len(self.columns)}"
        raise DataError(
            f"{self.name}: --{option} names the column '{name}', but the columns are {shown}."
            f"{nearest(name, self.columns)}"
        )

    def take(self, rows: Sequence[int]) -> Table:
        """The table of some rows."""
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        files, lines = [self.files[row] for row in rows], [self.lines[row] for row in rows]
        return Table(self.name, columns, files, lines, self.header, self.decimal_comma)

    def numbers(self, column: str, purpose: str = "") -> NDArray[np.float64]:
        """A column as numbers, NaN where it is empty. Raises `DataError` at the first cell that is none."""
        values = to_numbers(self.columns[column], self.decimal_comma)
        if values is not None:
            return values
        for row, cell in enumerate(self.columns[column]):
            if to_numbers([cell], self.decimal_comma) is None:
                raise DataError(
                    f"{self.place(row)}: expected a number in column '{column}'{purpose}, found {shorten(cell)}."
                    " Correct it, or leave the cell empty where nothing is known."
                )
        raise AssertionError("a column of numbers is numbers")

    def is_numeric(self, column: str) -> bool:
        """Whether every cell is a number or empty, and not all are empty."""
        values = to_numbers(self.columns[column], self.decimal_comma)
        return values is not None and not bool(np.isnan(values).all())


def shorten(cell: Any) -> str:
    """A cell for a message: quoted, at most 40 characters of it."""
    text = cell if isinstance(cell, str) else json.dumps(cell, default=str)
    return f"'{text[:37]}...'" if len(text) > 40 else f"'{text}'"


def is_missing(cell: Any) -> bool:
    """Whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip()) or (isinstance(cell, float) and cell != cell)


def to_numbers(cells: Iterable[Any], decimal_comma: bool = False) -> NDArray[np.float64] | None:
    """Cells as numbers, NaN where they are empty or say that nothing is known; None where one is something else."""
    cells = list(cells)
    if not decimal_comma:
        try:
            numbers = np.array(cells, dtype=np.float64)
            return numbers if numbers.ndim == 1 else None
        except (ValueError, TypeError):
            pass
    mark, mended = _marks(cells, decimal_comma)
    numbers = np.empty(len(cells))
    for row, cell in enumerate(cells):
        if cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING):
            numbers[row] = np.nan
            continue
        try:
            numbers[row] = float(cell.replace(mark, "").replace(*mended) if isinstance(cell, str) else cell)
        except (ValueError, TypeError):
            return None
    return numbers


def _marks(cells: Sequence[Any], decimal_comma: bool) -> tuple[str, tuple[str, str]]:
    """What stands between thousands, and what is to be put for the decimal mark; blanks where nothing is."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    if decimal_comma:
        dotted = [text for text in texts if "." in text]
        return ("." if dotted and all(map(_COMMA_NUMBER.fullmatch, dotted)) else " "), (",", ".")
    marked = [text for text in texts if "," in text]
    grouped = all(map(_THOUSANDS.fullmatch, marked)) and any("." in text or "," not in text for text in texts)
    return ("," if marked and grouped else " "), (" ", "")


def read_table(file: SourceFile, encoding: str, named: Sequence[str] = ()) -> Table | None:
    """The table in a file, or None where it holds none (text that is not in columns, binary).

    A first row with one of the ``named`` columns holds names; a number may be named for its place. Raises `DataError`
    where the file is surely meant as a table, by its name, and is damaged.
    """
    if file.suffix == ".parquet":
        return _parquet(file)
    if file.suffix in (".jsonl", ".ndjson", ".json"):
        return _json(file, file.text(encoding))
    if file.suffix in (".csv", ".tsv", ".tab", ".psv"):
        return _separated(file, file.text(encoding), named, certain=True)
    text = file.text(encoding)
    if text.lstrip().startswith("{"):
        return _json(file, text)
    return _separated(file, text, named, certain=False)


def frame_table(frame: Any) -> Table:
    """The table of a pandas or polars frame; its rows count from 1."""
    file = SourceFile("the data frame", PurePosixPath("frame"), lambda: b"")
    columns = {str(name): list(frame[name].to_list()) for name in frame.columns}
    if not len(frame):
        raise DataError("The data frame holds no rows.")
    return Table(file.name, columns, [file] * len(frame), list(range(1, len(frame) + 1)))


def join(tables: Sequence[Table], name: str) -> Table:
    """Tables of the same columns as one, in order; a column that some lack is None there."""
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    names = list(dict.fromkeys(column for table in tables for column in table.columns))
    for table in tables[1:]:
        if not first.header and list(table.columns) != list(first.columns):
            raise DataError(
                f"{table.name}: has {len(table.columns)} columns where {first.name} has {len(first.columns)}."
                " Files that belong together have the same columns; name one of them alone if they do not."
            )
    columns = {
        column: [cell for table in tables for cell in table.columns.get(column, [None] * len(table))]
        for column in names
    }
    return Table(
        name,
        columns,
        [file for table in tables for file in table.files],
        [line for table in tables for line in table.lines],
        all(table.header for table in tables),
        any(table.decimal_comma for table in tables),
    )


def merge(tables: Sequence[Table], name: str) -> Table:
    """`join`; but where one table tells more of what another's column names, such as labels of ids, beside it."""
    forms: dict[frozenset[str], list[Table]] = {}
    for table in tables:
        forms.setdefault(frozenset(table.columns), []).append(table)
    if len(forms) != 2 or not all(table.header for table in tables):
        return join(tables, name)
    one, other = (join(group, name) for group in forms.values())
    for rows, about in ((one, other), (other, one)):
        for key in set(rows.columns) & set(about.columns):
            row_of = {str(cell): row for row, cell in enumerate(about.columns[key])}
            found = [row_of.get(str(cell)) for cell in rows.columns[key]]
            if len(row_of) == len(about) < len(rows) and any(row is not None for row in found):
                return _beside(rows, about, found, name)
    return join(tables, name)


def _beside(rows: Table, about: Table, found: Sequence[int | None], name: str) -> Table:
    """``rows`` with what ``about`` tells of each; without files of which it tells nothing."""
    told = {rows.files[row].name for row, place in enumerate(found) if place is not None}
    kept = [row for row in range(len(rows)) if rows.files[row].name in told]
    columns = {column: [cells[row] for row in kept] for column, cells in rows.columns.items()}
    for column, cells in about.columns.items():
        if column not in columns:
            columns[column] = [None if (place := found[row]) is None else cells[place] for row in kept]
    return Table(name, columns, [rows.files[row] for row in kept], [rows.lines[row] for row in kept])


# ---- separated values


def _separated(file: SourceFile, text: str, named: Sequence[str], certain: bool) -> Table | None:
    separator = _separator(file, text, certain)
    if separator is None:
        return _spaced(file, text)
    rows, lines = _records(file, text, separator, certain)
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    if rows and rows[0][-1] == "" and all(row[-1] == "" for row in rows[:_LOOK]) and width > 2:
        rows, width = [row[:-1] if len(row) == width else row for row in rows], width - 1
    for row, line in zip(rows, lines, strict=True):
        if len(row) != width:
            if not certain:
                return None
            raise DataError(
                f"{file.name}, row {line}: expected {width} fields, as in most rows, found {len(row)}."
                f" A field that holds {_spoken(separator)} needs double quotes around it."
            )
    if not rows:
        raise DataError(f"{file.name}: holds no rows.")
    comma = separator != "," and any(_decimal_comma(cells) for cells in zip(*rows[1:], strict=True))
    header = _has_header(rows, KNOWN.union(plain(name) for name in named if not name.isdigit()), comma)
    names = _names(file, rows[0]) if header else [str(number + 1) for number in range(width)]
    if header:
        rows, lines = rows[1:], lines[1:]
    if not rows:
        raise DataError(f"{file.name}: has a header and no rows below it.")
    columns = {name: [row[place].strip() for row in rows] for place, name in enumerate(names)}
    return Table(file.name, columns, [file] * len(rows), lines, header, comma)


def _spaced(file: SourceFile, text: str) -> Table | None:
    """Numbers between spaces, as many on each line, three or more; or None."""
    rows = [(number, line.split()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    width = len(rows[0][1]) if rows else 0
    if width < _FEWEST_SPACED or any(len(cells) != width or to_numbers(cells) is None for _, cells in rows[:_LOOK]):
        return None
    for number, cells in rows:
        if len(cells) != width:
            raise DataError(f"{file.name}, row {number}: expected {width} numbers, as in row 1, found {len(cells)}.")
    columns = {str(place + 1): [cells[place] for _, cells in rows] for place in range(width)}
    return Table(file.name, columns, [file] * len(rows), [number for number, _ in rows], header=False)


def _separator(file: SourceFile, text: str, certain: bool) -> str | None:
    """The character between fields: that with which the first rows have the same number of fields, two or more."""
    head = "\n".join(text.split("\n", _LOOK)[:_LOOK])
    preferred = "\t" if file.suffix in (".tsv", ".tab") else ","
    best, best_share, best_width = None, 0.0, 0
    for separator in sorted(_SEPARATORS, key=lambda mark: mark != preferred):
        if separator not in head:
            continue
        rows = [row for row in csv.reader(io.StringIO(head, newline=""), delimiter=separator) if row]
        width, count = Counter(map(len, rows)).most_common(1)[0]
        share = count / len(rows) if width > 1 else 0.0
        if share > best_share:
            best, best_share, best_width = separator, share, width
    if certain:
        # A file of one column has no separator; any does.
        return best or preferred
    return best if best_share == 1 and not (best == "," and _prose(head, best_width)) else None


def _prose(head: str, width: int) -> bool:
    """Whether commas are followed by spaces and words, as in sentences; hardly where all of many lines have several."""
    if width > 2 and head.count("\n") > _SENTENCES:
        return False
    return head.count(", ") > 0.5 * head.count(",") and not re.search(r"\d, *-?\d", head)


def _records(file: SourceFile, text: str, separator: str, certain: bool) -> tuple[list[list[str]], list[int]]:
    quoting: Literal[0, 3] = csv.QUOTE_NONE if separator == "\t" and _stray_quotes(text) else csv.QUOTE_MINIMAL
    limit = csv.field_size_limit(2**31 - 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, quoting=quoting, strict=quoting == 0)
    rows, lines, start = [], [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        if not certain:
            return [], []
        raise DataError(
            f"{file.name}, row {start}: a double quote opens here that is not closed as it should be ({error})."
            ' Inside a quoted field a quote is written twice: "".'
        ) from None
    finally:
        csv.field_size_limit(limit)
    return rows, lines


def _stray_quotes(text: str) -> bool:
    """Whether quotes stand where no quoted field is: in tab-separated files they mostly are plain characters."""
    return any(line.count('"') % 2 or re.search(r'[^\t]"[^\t"]', line) for line in text.split("\n", 2000)[:2000])


def _spoken(separator: str) -> str:
    return {"\t": "a tab", ",": "a comma", ";": "a semicolon", "|": "a bar"}[separator]


def _decimal_comma(cells: Sequence[str]) -> bool:
    """Whether all that is known in a column is a number with a comma before its decimals, or could be, and one is."""
    known = [cell.strip() for cell in cells if cell.strip().lower() not in MISSING]
    return any("," in cell for cell in known) and all(map(_COMMA_NUMBER.fullmatch, known))


def _has_header(rows: Sequence[Sequence[str]], known: Set[str], comma: bool = False) -> bool:
    """Whether the first row names the columns: by known names, or because it is unlike what stands below."""
    first, below = [cell.strip() for cell in rows[0]], rows[1:_LOOK]
    if any(plain(cell) in known for cell in first):
        return True
    named = first[: max((place for place, cell in enumerate(first) if cell), default=-1) + 1]
    if not below or len(set(map(str.lower, named))) < len(named) or not all(named[1:]):
        return False
    columns = [[row[place].strip() for row in below] for place in range(len(first))]
    numeric = [to_numbers(cells, comma) is not None for cells in columns]
    if any(cell and to_numbers([cell], comma) is not None for cell in first):
        return _counting(first)
    if any(numeric):
        return True
    if any(cell and cell in cells for cell, cells in zip(first, columns, strict=True)):
        return False
    names = all(re.fullmatch(r"[^\W\d][\w .#()/-]{0,39}", cell) for cell in named)
    return names and any(np.mean([len(c) for c in cells]) > 2 * len(n) for n, cells in zip(first, columns, strict=True))


def _counting(first: Sequence[str]) -> bool:
    """Whether the names of columns are numbers in order, as pandas writes them: ``0, 1, 2``, beside ``label``."""
    numbers = [int(cell) for cell in first if re.fullmatch(r"\d+", cell)]
    return len(numbers) > 2 and len(numbers) >= len(first) - 2 and np.all(np.diff(numbers) == 1).item()


def _names(file: SourceFile, first: Sequence[str]) -> list[str]:
    names = [cell.strip() or (f"column {place}" if place else "index") for place, cell in enumerate(first)]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{file.name}, row 1: two columns are called '{twice[0]}'. Give each a name of its own.")
    return names


# ---- JSON and Parquet


def _json(file: SourceFile, text: str) -> Table:
    """A list of objects, an object of columns, or one object a line."""
    start = text.lstrip()[:1]
    if file.suffix == ".json" or start == "[":
        try:
            whole = json.loads(text)
        except json.JSONDecodeError as error:
            if "\n{" not in text:
                raise DataError(f"{file.name}, row {error.lineno}: is not JSON ({error.msg}).") from None
        else:
            return _objects(file, _listed(file, whole), None)
    items, lines = [], []
    for line, content in enumerate(text.split("\n"), 1):
        if content.strip():
            try:
                items.append(json.loads(content))
            except json.JSONDecodeError as error:
                raise DataError(
                    f"{file.name}, row {line}: is not JSON ({error.msg}, column {error.colno})."
                    " Expected one object a line."
                ) from None
            lines.append(line)
    return _objects(file, items, lines)


def _listed(file: SourceFile, whole: Any) -> list[Any]:
    if isinstance(whole, list):
        return whole
    if isinstance(whole, dict):
        lists = [value for value in whole.values() if isinstance(value, list)]
        rows = [value for value in lists if value and isinstance(value[0], dict)]
        if len(rows) == 1:
            return rows[0]
        if lists and len(lists) == len(whole) and len({len(value) for value in lists}) == 1:
            return [dict(zip(whole, row, strict=True)) for row in zip(*whole.values(), strict=True)]
    raise DataError(f"{file.name}: expected a list of objects, one a sequence, found {type(whole).__name__}.")


def _objects(file: SourceFile, items: list[Any], lines: list[int] | None) -> Table:
    lines = lines or list(range(1, len(items) + 1))
    for item, line in zip(items, lines, strict=True):
        if not isinstance(item, dict):
            raise DataError(
                f'{file.name}, row {line}: expected an object such as {{"text": ..., "label": ...}},'
                f" found {shorten(item)}."
            )
    if not items:
        raise DataError(f"{file.name}: holds no rows.")
    names = list(dict.fromkeys(str(name) for item in items for name in item))
    return Table(file.name, {name: [item.get(name) for item in items] for name in names}, [file] * len(items), lines)


def _parquet(file: SourceFile) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{file.name}: Parquet files need pyarrow. Get it with: pip install 'elman[tables]'") from None
    try:
        columns = parquet.read_table(io.BytesIO(file.content())).to_pydict()
    except pyarrow.ArrowException as error:
        raise DataError(f"{file.name}: cannot be read as Parquet ({str(error).splitlines()[0]}).") from None
    columns.pop("__index_level_0__", None)
    rows = len(next(iter(columns.values()), []))
    if not rows:
        raise DataError(f"{file.name}: holds no rows.")
    return Table(file.name, columns, [file] * rows, list(range(1, rows + 1)))
