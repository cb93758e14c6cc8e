"""Which column of a table holds what: as the options say, else by name, else by what stands in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np

from elman.data.examples import Answer, Target
from elman.data.sources import column_names
from elman.data.sources.column_names import plain
from elman.data.sources.files import PART_NAMES, parts_of
from elman.data.sources.table import Table, is_missing, shorten, to_numbers
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Letters of a longest label, and of a longest name in a column of names.
_LONG = 60
#: A text column is so many times longer than others, where its name does not tell.
_MUCH_LONGER = 3
#: Cells by which a column is judged, and the share of a text column's that are filled at least.
_LOOK, _MOSTLY = 2000, 0.5
#: What dates have: a year, and something beside it.
_YEAR = r"\b(19|20)\d\d\b"
_DATE = r"(?i)\d[-/.]\d|\d:\d\d|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
#: Share of the cells of a text column that may be numbers.
_FEW_NUMBERS = 0.2


@final
@dataclass
class Roles:
    """Columns by what they hold; None or empty where there is none."""

    target: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    group: str | None = None
    part: str | None = None
    channel: str | None = None
    notes: list[str] = field(default_factory=list)

    def named(self) -> set[str]:
        """All columns that have a role."""
        single = (self.id, self.time, self.group, self.part, self.channel)
        return {*self.target, *self.inputs, *(name for name in single if name is not None)}


def find_roles(table: Table, data: DataSettings, answer: Answer | None) -> Roles:
    """The roles that options and names give; the target also where only its content tells. Raises `DataError`."""
    roles = Roles(inputs=_given_inputs(table, data, answer))
    roles.target = _given_target(table, data, answer)
    roles.id = _id_column(table, data.id_column) if data.id_column else None
    roles.time = _given(table, data.time_column, "time-column", answer)
    roles.group = _given(table, data.group, "group", answer)
    roles.part = _by_name(table, column_names.PART, roles)
    if roles.part is not None and not _tells_parts(table, roles.part):
        roles.part = None
    if not roles.target:
        # Where some data have a target, it is no input either.
        # Beside x and z, y is no answer.
        names = [name for name in column_names.TARGET if name != "y" or "z" not in map(plain, table.columns)]
        names = [*column_names.WRITTEN] if answer == "text" else names
        named = _by_name(table, names, roles)
        roles.target = (named,) if named else ()
    roles.id = roles.id or _by_name(table, column_names.ID, roles)
    roles.time = roles.time or _by_name(table, column_names.TIME, roles)
    pages = column_names.PAGE if answer == "text" else ()
    roles.group = roles.group or _by_name(table, (*column_names.GROUP, *pages), roles)
    roles.channel = _by_name(table, column_names.CHANNEL, roles)
    return roles


def _id_column(table: Table, name: str) -> str:
    """The column that an option names; ``subject+trial`` joins two."""
    if "+" in name and plain(name) not in map(plain, table.columns):
        pieces = [table.columns[table.find(piece, "id-column")] for piece in name.split("+")]
        table.columns[name] = [" ".join(map(str, cells)) for cells in zip(*pieces, strict=True)]
    return table.find(name, "id-column")


def _given(table: Table, name: str | None, option: str, answer: Answer | None) -> str | None:
    """A column that an option names; to predict it need not be there."""
    if name is None or (answer is None and plain(name) not in map(plain, table.columns)):
        return None
    return table.find(name, option)


def _given_inputs(table: Table, data: DataSettings, answer: Answer | None) -> tuple[str, ...]:
    if answer is None and len(table.columns) == 1 == len(data.input_column):
        return tuple(table.columns)  # to predict, the text alone may be there
    return tuple(table.find(name, "input-column") for name in data.input_column)


def _given_target(table: Table, data: DataSettings, answer: Answer | None) -> tuple[str, ...]:
    if answer is None:  # to predict, a target may be there or not
        known = {plain(column): column for column in table.columns}
        if not table.header:  # columns are shifted where the answer is left out
            known = {f"{column} of {len(table.columns)}": column for column in table.columns}
        return tuple(known[plain(name)] for name in data.target if plain(name) in known)
    return tuple(table.find(name, "target") for name in data.target)


def _by_name(table: Table, names: Sequence[str], roles: Roles) -> str | None:
    taken = roles.named()
    known = {plain(column): column for column in table.columns if column not in taken}
    return next((known[name] for name in names if name in known), None)


def _tells_parts(table: Table, column: str) -> bool:
    return all(str(cell).strip().lower() in PART_NAMES for cell in table.columns[column])


def row_parts(table: Table, column: str | None) -> list[str] | None:
    """The part of each row: by its column, else by the name of its file."""
    if column is None:
        return parts_of(table.files)
    return [PART_NAMES[str(cell).strip().lower()] for cell in table.columns[column]]


def target_by_content(table: Table, roles: Roles, answer: Answer, hint: str = "") -> tuple[str, ...]:
    """The one column that can be the target, or several that are 0 or 1. Raises `DataError`, with ``hint``."""
    free = [column for column in table.columns if column not in roles.named()]
    free = [column for column in free if plain(column) not in column_names.INDEX]
    if answer == "numbers":
        fitting = [column for column in free if table.is_numeric(column)]
    elif answer == "text":
        fitting = [column for column in free if _is_writing(table.columns[column])]
    else:
        flags = [column for column in free if _is_flag(table.columns[column])]
        if answer == "classes" and len(flags) > 1:
            return tuple(flags)
        fitting = [column for column in free if _is_categorical(table.columns[column])]
    if len(fitting) == 1:
        return (fitting[0],)
    what = {"numbers": "numbers", "tags": "tags", "text": "text"}.get(answer, "classes")
    if not fitting:
        raise DataError(
            f"{table.name}: no column looks like the {what} to learn; the columns are {_listed(table.columns)}."
            f" Say which with --target NAME.{hint}"
        )
    if answer == "class" and len(fitting) > 1 and all(_is_flag(table.columns[column]) for column in fitting):
        hint += " If several of them may hold at once, name them all, each with --target."
    raise DataError(
        f"{table.name}: {len(fitting)} columns could hold the {what} to learn: {_described(table, fitting)}."
        f" Say which with --target, such as --target {fitting[-1]}.{hint}"
    )


def _is_flag(cells: Sequence[Any]) -> bool:
    return {str(cell).strip().lower() for cell in cells} in ({"0", "1"}, {"false", "true"}, {"0.0", "1.0"})


def _is_categorical(cells: Sequence[Any]) -> bool:
    """Whether the cells are short and few of them differ."""
    if any(isinstance(cell, dict) for cell in cells):
        return False
    if any(isinstance(cell, list) for cell in cells):
        return all(isinstance(cell, list) and all(isinstance(item, str) for item in cell) for cell in cells)
    kinds = Counter(str(cell).strip() for cell in cells if not is_missing(cell))
    return 2 <= len(kinds) <= max(2, len(cells) // 3) and max(map(len, kinds)) <= _LONG and not _has_fraction(kinds)


def _has_fraction(cells: Iterable[Any]) -> bool:
    return any(re.fullmatch(r"-?\d*\.\d*[1-9]\d*(e-?\d+)?", str(cell).strip()) for cell in cells)


def named_text(table: Table, roles: Roles) -> str | None:
    """The column that is called like text and is text."""
    named = _by_name(table, column_names.INPUT, roles)
    return named if named is not None and is_text(table.columns[named], strict=False) else None


def text_column(table: Table, roles: Roles) -> str | None:
    """The column that holds text: by name, else the only one, or the much longest. Raises `DataError` where unsure."""
    named = named_text(table, roles)
    if named is not None:
        return named
    taken = roles.named()
    columns = [column for column in table.columns if column not in taken]
    texts = [column for column in columns if is_text(table.columns[column], strict=len(columns) > 1)]
    texts = [column for column in texts if len(texts) == 1 or not _beside_the_point(table.columns[column])]
    if len(texts) < 2:
        return texts[0] if texts else None
    lengths = {column: np.mean([len(str(cell)) for cell in table.columns[column]]) for column in texts}
    longest, second = sorted(texts, key=lambda column: -lengths[column])[:2]
    if lengths[longest] > _MUCH_LONGER * lengths[second]:
        return longest
    raise DataError(
        f"{table.name}: {len(texts)} columns could hold the text: {_described(table, texts)}."
        f" Say which with --input-column, such as --input-column {longest}."
    )


def is_text(cells: Sequence[Any], strict: bool) -> bool:
    """Whether cells are text and no numbers; ``strict`` asks that it is not one of a few words either."""
    filled = [cell for cell in cells[:_LOOK] if not is_missing(cell)]
    if not filled or not all(isinstance(cell, str) for cell in filled):
        return False
    numeric = sum(_is_number(cell) for cell in filled)
    if numeric > _FEW_NUMBERS * len(filled):
        return False
    return (
        not strict or len(set(filled)) >= 0.5 * len(filled) or sum(" " in cell for cell in filled) > 0.5 * len(filled)
    )


def _is_writing(cells: Sequence[Any]) -> bool:
    """Whether cells are texts, or several texts each."""
    first = next((cell for cell in cells if not is_missing(cell)), None)
    return is_text(cells, strict=False) or (isinstance(first, list) and all(isinstance(item, str) for item in first))


def _beside_the_point(cells: Sequence[Any]) -> bool:
    """Whether a column is hardly filled, or holds dates."""
    filled = [str(cell) for cell in cells[:_LOOK] if not is_missing(cell)]
    dates = sum(
        re.search(r"\b(19|20)\d\d\b", cell) is not None and re.search(_DATE, cell) is not None for cell in filled
    )
    return len(filled) < _MOSTLY * min(len(cells), _LOOK) or dates > 0.9 * len(filled)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _listed(columns: Iterable[str]) -> str:
    names = list(columns)
    return ", ".join(names) if len(names) <= 12 else ", ".join(names[:10]) + f", ... ({len(names)} in all)"


def _described(table: Table, columns: Sequence[str]) -> str:
    shown = [f"{column} (such as {shorten(table.columns[column][0])})" for column in columns[:6]]
    return ", ".join(shown) + (f" and {len(columns) - 6} more" if len(columns) > 6 else "")


# ---- what stands in the target


def make_targets(table: Table, target: Sequence[str], answer: Answer, separator: str) -> list[Target]:
    """What is to be learnt of each row. Raises `DataError` that names the row."""
    if answer == "numbers":
        stacked = np.stack([table.numbers(column, ", which is to be learnt") for column in target], axis=1)
        return list(stacked)
    if answer == "text":
        texts = [[_text(table, column, row) for column in target] for row in range(len(table))]
        return [each[0] if len(target) == 1 else tuple(map(str, each)) for each in texts]
    if len(target) > 1:
        return _flags(table, target)
    cells = table.columns[target[0]]
    several = [isinstance(cell, list) for cell in cells]
    if any(several) or answer == "classes":
        return [
            frozenset(map(class_name, cell if isinstance(cell, list) else _parted(cell, separator))) for cell in cells
        ]
    if any(re.search(r"[.eE]", str(cell)) for cell in cells[:1]):  # 1.0 and 1.00e+00 are the class 1
        whole = to_numbers(cells)
        if whole is not None and np.all(whole % 1 == 0):
            return [str(int(number)) for number in whole]
    return [class_name(cell) for cell in cells]


def _text(table: Table, column: str, row: int) -> str | tuple[str, ...]:
    """A text, or several that are all right where the cell is a list."""
    cell = table.columns[column][row]
    texts = [str(each).strip() for each in cell] if isinstance(cell, list) else [class_name(cell)]
    if is_missing(cell) or not all(texts) or not texts:
        raise DataError(f"{table.place(row)}: column '{column}', to be learnt, is empty. Fill it in or take it out.")
    return tuple(texts) if isinstance(cell, list) else texts[0]


def _parted(cell: Any, separator: str) -> list[str]:
    return [] if is_missing(cell) else [piece.strip() for piece in str(cell).split(separator) if piece.strip()]


def _flags(table: Table, target: Sequence[str]) -> list[Target]:
    """Several columns that are 0 or 1: the names of those that are 1."""
    values = {column: table.numbers(column, f" (one of the {len(target)} labels)") for column in target}
    for column, numbers in values.items():
        for row, number in enumerate(numbers):
            if number not in (0, 1):
                raise DataError(
                    f"{table.place(row)}: expected 0 or 1 in column '{column}', one of {len(target)} labels,"
                    f" found {shorten(table.columns[column][row])}."
                )
    return [frozenset(column for column in target if values[column][row]) for row in range(len(table))]


def class_name(cell: Any) -> str:
    """The name of a class as it stands in a cell.

    >>> class_name(" pos "), class_name(3), class_name(2.0)
    ('pos', '3', '2')
    """
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return str(cell).strip()
