"""Tables: a text, a DNA sequence or a whole series in each row; long tables of series are in `long_tables`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.data.examples import Answer, Examples, Kind, Target
from elman.data.sources import long_tables, tag_tables
from elman.data.sources.columns import (
    Roles,
    find_roles,
    is_text,
    make_targets,
    named_text,
    row_parts,
    target_by_content,
    text_column,
)
from elman.data.sources.files import Files
from elman.data.sources.table import Table, is_missing, merge, read_table
from elman.data.sources.wide_tables import read_lists, read_wide, shape_of
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Share of rows without an answer or an input that may be left out; more of them are no accident.
_FEW = 0.1
#: So few numbers beside a time are what was measured then, and no series.
_FEW_STEPS = 10
#: Other kinds that have tables of their own, read before these.
_ELSEWHERE = ("audio", "ink", "frames", "images")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of one or several tables of the same columns, or None where the files are no tables."""
    if data.kind in _ELSEWHERE or len(files.kinds()) > 1:
        return None
    tables = []
    for file in files:
        table = read_table(file, data.encoding, data.named_columns)
        if table is None or not _worth(table, data):
            return None
        tables.append(table)
    files.one_set()
    return examples_of(merge(tables, files.asked), data, answer)


def _worth(table: Table, data: DataSettings) -> bool:
    """Whether a table says more than its lines; one column without a name is plain text."""
    return len(table.columns) > 1 or table.header or bool(data.input_column)


def examples_of(table: Table, data: DataSettings, answer: Answer | None) -> Examples:
    """The sequences of a table, with all that its columns tell. Raises `DataError` where that is not clear."""
    if answer == "tags" or (answer is None and tag_tables.holds_words(table, data)):
        return tag_tables.read(table, data, learns=answer is not None)
    roles = find_roles(table, data, answer)
    layout = _layout(table, roles, data)
    if layout == "long":
        return long_tables.read(table, roles, data, answer)
    if layout == "wide":
        _no_steps(table, roles)
    if layout == "text" and not roles.inputs:
        roles.inputs = (_the_text(table, roles),)
    if answer is not None and not roles.target:
        steps = " If rows are steps of series, say with --id-column which of them belong together."
        roles.target = target_by_content(table, roles, answer, steps if layout == "wide" and table.header else "")
    table, notes = _whole_rows(table, roles, layout, answer)
    targets = None if answer is None else make_targets(table, roles.target, answer, data.separator)
    if layout == "wide":
        examples = read_wide(table, roles, answer)
    elif layout == "lists":
        examples = read_lists(table, roles)
    else:
        examples = _read_texts(table, roles, data)
    return _complete(examples, table, roles, data, targets, notes)


def _layout(table: Table, roles: Roles, data: DataSettings) -> str:
    """``text``, ``lists`` (a series in a cell), ``wide`` (a series in a row) or ``long`` (a series over rows)."""
    if data.kind in ("text", "words", "dna"):
        return "text"
    free = roles.inputs or [column for column in table.columns if column not in roles.named()]
    if (roles.inputs or not named_text(table, roles)) and any(_holds_series(table.columns[column]) for column in free):
        return "lists"
    if data.kind == "series":
        return "long" if long_tables.is_long(table, roles, data) else "wide"
    if roles.inputs:
        text = any(is_text(table.columns[column], strict=False) for column in roles.inputs)
    else:
        text = text_column(table, roles) is not None
    if text:
        return "text"
    return "long" if long_tables.is_long(table, roles, data) else "wide"


def _no_steps(table: Table, roles: Roles) -> None:
    """Raise `DataError` where rows have a time and few numbers: steps of series of which nothing says the name."""
    free = [column for column in table.columns if column not in roles.named()]
    numbers = [column for column in free if table.is_numeric(column)]
    if roles.time is None or not table.header or not 0 < len(numbers) < _FEW_STEPS:
        return
    others = [column for column in (roles.group, *free) if column is not None and column not in numbers]
    example = "+".join(others[:2] + list(roles.target)[: 2 - len(others[:2])])
    raise DataError(
        f"{table.name}: each row looks like a step at the time '{roles.time}', with {', '.join(numbers[:4])}, but no"
        " column says which rows are one series. Say which with --id-column, where two may be joined"
        + (f", such as --id-column {example}." if example else ".")
    )


def _holds_series(cells: Sequence[Any]) -> bool:
    first = next((cell for cell in cells if not is_missing(cell)), None)
    while isinstance(first, list) and first and isinstance(first[0], list):
        first = first[0]
    return isinstance(first, list) and bool(first) and all(isinstance(item, (int, float)) for item in first)


def _the_text(table: Table, roles: Roles) -> str:
    column = text_column(table, roles)
    if column is None:
        free = [name for name in table.columns if name not in roles.named()]
        raise DataError(
            f"{table.name}: expected a column of text, found {', '.join(free[:10]) or 'none'}."
            " Say which with --input-column NAME."
        )
    return column


def _read_texts(table: Table, roles: Roles, data: DataSettings) -> Examples:
    if len(roles.inputs) > 1:
        texts = [
            "\n".join(map(str, cells)) for cells in zip(*(table.columns[name] for name in roles.inputs), strict=True)
        ]
    else:
        texts = [str(cell) for cell in table.columns[roles.inputs[0]]]
    if all(isinstance(cell, list) for cell in table.columns[roles.inputs[0]]):
        words = [tuple(map(str, cell)) for cell in table.columns[roles.inputs[0]]]
        return Examples("words", words, None, [])
    kind = kind_for(texts, data)
    return Examples(kind, [re.sub(r"\s", "", text) for text in texts] if kind == "dna" else texts, None, [])


def kind_for(texts: Sequence[str], data: DataSettings) -> Kind:
    """The kind that is asked for, or that texts look like."""
    return kind_of_texts(texts) if data.kind == "auto" else data.kind


#: IUPAC codes of nucleotides, gaps too.
_NUCLEOTIDES = re.compile(r"(?i)[ACGTURYKMSWBDHVN.\s-]+")
#: Short words such as "cat" or "tag" are DNA only by accident.
_SHORTEST_DNA = 12


def kind_of_texts(texts: Sequence[str]) -> Kind:
    """Whether texts are DNA or what people write.

    >>> kind_of_texts(["ACGTTGCAACGT", "ttgacaNtataat"]), kind_of_texts(["a cat", "act"])
    ('dna', 'text')
    """
    some = texts[:1000]
    if not all(_NUCLEOTIDES.fullmatch(text) for text in some):
        return "text"
    letters = "".join(some).upper()
    plain = sum(letters.count(letter) for letter in "ACGTU")
    return "dna" if plain > 0.8 * len(letters) and np.mean([len(text) for text in some]) >= _SHORTEST_DNA else "text"


def _whole_rows(table: Table, roles: Roles, layout: str, answer: Answer | None) -> tuple[Table, list[str]]:
    """Leave out the few rows that lack the answer or the text; more than a few are an error, as in `elman predict`."""
    notes: list[str] = []
    needed = [(column, "to be learnt") for column in roles.target if answer is not None]
    needed += [(column, "the text") for column in roles.inputs if layout == "text"]
    for column, what in needed:
        if answer == "text":  # one text missing may have moved all below it
            continue
        cells = table.columns[column]
        empty = [row for row, cell in enumerate(cells) if is_missing(cell)]
        if answer == "classes" and what == "to be learnt" and len(empty) < len(cells):
            continue  # no label at all is an answer
        if answer is not None and empty and (whole := _unlabelled_files(table, empty)):
            notes.append(f"{', '.join(whole)} has no '{column}' and is left out.")
            table = table.take([row for row in range(len(table)) if table.files[row].name not in whole])
            empty = [row for row, cell in enumerate(table.columns[column]) if is_missing(cell)]
        if not empty:
            continue
        if answer is None or len(empty) > _FEW * len(table):
            raise DataError(
                f"{table.place(empty[0])}: column '{column}', {what}, is empty, as in {len(empty)} of {len(table)}"
                " rows. Fill them in, take these rows out, or name another column."
            )
        shown = ", ".join(str(table.lines[row]) for row in empty[:5]) + (", ..." if len(empty) > 5 else "")
        notes.append(f"{len(empty)} rows without '{column}' are left out (row {shown}).")
        gone = set(empty)
        table = table.take([row for row in range(len(table)) if row not in gone])
    return table, notes


def _unlabelled_files(table: Table, empty: list[int]) -> list[str]:
    """Files, among others, none of whose rows has an answer, such as the test.csv of a competition."""
    gone = set(empty)
    labelled = {table.files[row].name for row in range(len(table)) if row not in gone}
    return (
        list(dict.fromkeys(table.files[row].name for row in empty if table.files[row].name not in labelled))
        if labelled
        else []
    )


def _complete(
    examples: Examples,
    table: Table,
    roles: Roles,
    data: DataSettings,
    targets: list[Target] | None,
    notes: list[str],
) -> Examples:
    """``examples`` with what the other columns tell of each row."""
    times = None
    if roles.time is not None and data.time_column is not None:
        times = long_tables.times_of(table, roles.time)
    elif roles.time is not None:  # only called like a time; it may hold something else
        times = long_tables.moments(table.columns[roles.time])
    return replace(
        examples,
        targets=targets,
        names=[table.place(row) for row in range(len(table))],
        groups=None if roles.group is None else [str(cell) for cell in table.columns[roles.group]],
        times=None if times is None or np.isnan(times).any() else list(times),
        parts=row_parts(table, roles.part),
        outputs=tuple(roles.target) if targets and isinstance(targets[0], np.ndarray) else (),
        notes=(*roles.notes, *notes, _sentence(table, roles, examples, targets is not None)),
        guessed=_guessed(table, roles, examples.kind),
    )


def _guessed(table: Table, roles: Roles, kind: Kind) -> dict[str, str | tuple[str, ...]]:
    """The options that say what these roles say; names of rows and times are not needed to read them."""
    options: dict[str, str | tuple[str, ...]] = {"kind": kind}
    width = "" if table.header else f" of {len(table.columns)}"
    if roles.inputs and kind != "series":
        options["input_column"] = tuple(name + width for name in roles.inputs)
    if roles.target:
        options["target"] = tuple(name + width for name in roles.target)
    if roles.group is not None:
        options["group"] = roles.group
    return options


def _sentence(table: Table, roles: Roles, examples: Examples, learns: bool) -> str:
    learnt = f", '{', '.join(roles.target)}' is to be learnt" if learns else ""
    if examples.kind == "series":
        return f"Each row is a series, {shape_of(examples.inputs)}{learnt}."
    what = {"dna": "DNA", "words": "words"}.get(examples.kind, "text")
    others = [name for name in table.columns if name not in roles.named()]
    rest = f" Not read: {', '.join(others[:5])}{', ...' if len(others) > 5 else ''}." if others else ""
    return f"Column '{', '.join(roles.inputs)}' is the {what}{learnt}.{rest}"
