"""Tables with a tag for every word: lists of words and tags in a row, or a word and its tag in a row."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from elman.data.examples import Examples
from elman.data.sources import column_names, long_tables
from elman.data.sources.column_names import plain
from elman.data.sources.columns import class_name, find_roles, named_text, row_parts
from elman.data.sources.files import PART_NAMES
from elman.data.sources.table import Table, is_missing
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

_WORDS = ("tokens", "words", "word", "token", "text", "sentence", "form")
_TAGS = ("tags", "ner_tags", "labels", "tag", "ner", "label", "slots", "pos_tags", "pos", "upos")


def read(table: Table, data: DataSettings, learns: bool = True) -> Examples:
    """Words and, where they are to be learnt, their tags. Raises `DataError` where it is not clear what they are."""
    if learns and (data.kind == "series" or (data.kind == "auto" and _measures(table, data))):
        return _of_series(table, data)
    words = table.find(data.input_column[0], "input-column") if data.input_column else _named(table, _WORDS)
    if words is None:
        raise _unnamed(table, "words", "--input-column")
    tags = None
    if learns:
        tags = table.find(data.target[0], "target") if data.target else _named(table, _TAGS)
        if tags is None:
            raise _unnamed(table, "tags", "--target")
    if data.id_column is not None or _one_word_a_row(table, words):
        return _over_rows(table, words, tags, data)
    inputs = [_items(cell) for cell in table.columns[words]]
    targets = inputs if tags is None else [_items(cell) for cell in table.columns[tags]]
    for row, (here, there) in enumerate(zip(inputs, targets, strict=True)):
        same_length(table.place(row), here, there)
    return Examples(
        "words",
        inputs,
        targets if learns else None,
        [table.place(row) for row in range(len(table))],
        parts=row_parts(table, _part_column(table)),
        notes=(f"Column '{words}' holds the words" + (f", '{tags}' their tags." if tags else "."),),
        guessed={"kind": "words", "input_column": (words,), **({"target": (tags,)} if tags else {})},
    )


def _unnamed(table: Table, what: str, option: str) -> DataError:
    return DataError(
        f"{table.name}: no column is called like {what}; the columns are {', '.join(table.columns)}."
        f" Say which with {option} NAME."
    )


def holds_words(table: Table, data: DataSettings) -> bool:
    """Whether a table to predict holds cut words, in lists or a word in each row."""
    if data.kind not in ("auto", "words"):
        return False
    if data.kind == "words" and data.id_column is not None:
        return True
    words = data.input_column[0] if data.input_column else _named(table, _WORDS)
    first = next((cell for cell in table.columns.get(words or "", ()) if not is_missing(cell)), None)
    return isinstance(first, list) and all(isinstance(item, str) for item in first)


def _measures(table: Table, data: DataSettings) -> bool:
    """Whether rows are steps of series, and not words."""
    roles = find_roles(table, data, "tags")
    if not roles.target or named_text(table, roles) is not None:
        return False
    free = roles.inputs or [column for column in table.columns if column not in roles.named()]
    return bool(free) and any(map(table.is_numeric, free)) and long_tables.is_long(table, roles, data)


def _of_series(table: Table, data: DataSettings) -> Examples:
    """Series over rows with a tag in each row."""
    roles = find_roles(table, data, "tags")
    if not long_tables.is_long(table, roles, data):
        raise DataError(
            f"{table.name}: a tag for each step needs rows that are steps, and a column that says which of them are one"
            f" series; the columns are {', '.join(list(table.columns)[:12])}. Say which with --id-column NAME."
        )
    return long_tables.read(table, roles, data, "tags")


def same_length(place: str, words: Sequence[str], tags: Sequence[str]) -> None:
    """Raise `DataError` where words and tags are not as many."""
    if len(words) != len(tags):
        raise DataError(
            f"{place}: expected a tag for each of the {len(words)} words, found {len(tags)} tags."
            " Words and tags are separated by single spaces."
        )
    if not words:
        raise DataError(f"{place}: holds no words. Take it out.")


def _named(table: Table, names: Sequence[str]) -> str | None:
    known = {plain(column): column for column in table.columns}
    return next((known[name] for name in names if name in known), None)


def _one_word_a_row(table: Table, words: str) -> bool:
    cells = [cell for cell in table.columns[words] if not is_missing(cell)]
    return not any(isinstance(cell, list) or " " in str(cell).strip() for cell in cells)


def _items(cell: Any) -> tuple[str, ...]:
    """A list, or a text cut at spaces; a list as Python writes it, ``['a', 'b']``, too."""
    if isinstance(cell, list):
        return tuple(class_name(item) for item in cell)
    text = str(cell or "").strip()
    if text.startswith("[") and text.endswith("]") and "'" in text:
        return tuple(re.findall(r"'([^']*)'", text))
    return tuple(text.split())


def _over_rows(table: Table, words: str, tags: str | None, data: DataSettings) -> Examples:
    """A word a row; the sentence's number or name in a column, maybe only in its first row."""
    by = table.find(data.id_column, "id-column") if data.id_column else _named(table, column_names.ID)
    if by is None:
        raise DataError(
            f"{table.name}: each row holds one word, but no column says which words are one sentence; the columns are"
            f" {', '.join(table.columns)}. Say which with --id-column NAME."
        )
    starts: list[int] = []
    current: Any = None
    for row, cell in enumerate(table.columns[by]):
        if not is_missing(cell) and cell != current:
            starts.append(row)
            current = cell
    if not starts or starts[0]:
        raise DataError(
            f"{table.place(0)}: column '{by}' is empty, so nothing says to which sentence this word belongs."
        )
    ends = [*starts[1:], len(table)]
    for row, cell in enumerate(table.columns[tags] if tags else ()):
        if is_missing(cell):
            raise DataError(f"{table.place(row)}: column '{tags}', the tag, is empty. Fill it in.")
    spans = list(zip(starts, ends, strict=True))
    learnt = f", '{tags}' their tags" if tags else ""
    return Examples(
        "words",
        [tuple(str(cell) for cell in table.columns[words][start:end]) for start, end in spans],
        [tuple(class_name(cell) for cell in table.columns[tags][start:end]) for start, end in spans] if tags else None,
        [table.place(row) for row in starts],
        parts=row_parts(table.take(starts), _part_column(table)),
        notes=(f"Column '{words}' holds the words{learnt}, '{by}' says which are one sentence.",),
        guessed={"kind": "words", "input_column": (words,), "id_column": by, **({"target": (tags,)} if tags else {})},
    )


def _part_column(table: Table) -> str | None:
    column = _named(table, column_names.PART)
    if column and all(str(cell).lower() in PART_NAMES for cell in table.columns[column]):
        return column
    return None
