"""Pairs of texts: parallel files with a text a line, tables with a column for each, spellings with their sounds."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from elman.data.examples import Answer, Examples
from elman.data.sources import column_names, tables
from elman.data.sources.column_names import plain
from elman.data.sources.columns import find_roles, is_text, row_parts
from elman.data.sources.files import PART_NAMES, Files, SourceFile, name_words
from elman.data.sources.table import Table, is_missing, merge, read_table, shorten
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Names of files of which the one holds what is read, the other what is to be learnt of it.
_FROM, _TO = ("src", "source", "input", "inputs", "article"), ("tgt", "target", "output", "outputs", "summary")
#: Suffixes that name no language.
_PLAIN = ("", ".txt", ".text", ".tok", ".lines", ".bpe")
_TABLES = (".csv", ".tsv", ".tab", ".psv", ".json", ".jsonl", ".ndjson", ".parquet")
_DICTIONARIES = (".dict", ".dic")
#: What the column after a pair says of where it is from.
_ATTRIBUTION = re.compile(r"(?i)\bCC[- ]?(BY|0)\b")
#: The number of a further pronunciation, ``READ(2)``.
_VARIANT = re.compile(r"\(\d+\)$")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Pairs of texts; None where there are none, and where nothing is to be learnt: then texts are read as such."""
    if answer != "text" or data.kind not in ("auto", "text", "words", "dna"):
        return None
    if files.all_of(*_DICTIONARIES):
        return _dictionary(files, data)
    found = [None if file.suffix not in (*_TABLES, *_PLAIN) else _table(file, data) for file in files]
    held = [table for table in found if table is not None]
    if held and len(held) == len(files):
        files.one_set()
        return examples_of(merge(held, files.asked), data)
    if any(file.suffix in _TABLES for file in files):
        return None
    return _parallel(files, data)


# ---- tables


def _table(file: SourceFile, data: DataSettings) -> Table | None:
    """The table of a file with two columns or more, the names of which are surely names."""
    table = read_table(file, data.encoding, data.named_columns)
    if table is None:
        return None
    table = _with_sure_names(_opened(table), data)
    return table if len(table.columns) > 1 else None


def _with_sure_names(table: Table, data: DataSettings) -> Table:
    """The table of a text file with its first row as names where they are known, else as a pair like all others."""
    if table.files[0].suffix in (".json", ".jsonl", ".ndjson", ".parquet"):
        return table
    known = {*column_names.KNOWN, *column_names.WRITTEN, *column_names.SOURCE}
    known |= {plain(name) for name in (*data.input_column, *data.target)}
    if table.header and not any(plain(name) in known or is_language(name) for name in table.columns):
        columns = {str(number): [name, *cells] for number, (name, cells) in enumerate(table.columns.items(), 1)}
        files, lines = [table.files[0], *table.files], [max(1, table.lines[0] - 1), *table.lines]
        return replace(table, columns=columns, files=files, lines=lines, header=False)
    first = [str(cells[0]) for cells in table.columns.values()]
    if not table.header and len(table) > 1 and len(set(first)) == len(first) > 1 and all(map(is_language, first)):
        rest = table.take(range(1, len(table)))
        return replace(rest, columns=dict(zip(first, rest.columns.values(), strict=True)), header=True)
    return table


def is_language(name: str) -> bool:
    """Whether a column is called like a language, ``en`` or ``de_DE``, or by its English name."""
    return re.fullmatch(r"[a-z]{2,3}([_-][A-Za-z]{2,4})?", name.strip()) is not None or plain(name) in _LANGUAGES


#: English names of languages.
_LANGUAGES = frozenset(
    {
        *("english", "german", "french", "spanish", "italian", "portuguese", "dutch", "russian", "chinese", "japanese"),
        *("korean", "arabic", "hindi", "turkish", "polish", "czech", "ukrainian", "vietnamese", "swedish", "greek"),
    }
)


def _opened(table: Table) -> Table:
    """A column of objects such as ``{"en": ..., "de": ...}`` as a column for each of their names."""
    columns: dict[str, list[object]] = {}
    for name, cells in table.columns.items():
        if cells and all(isinstance(cell, dict) for cell in cells):
            inner = dict.fromkeys(key for cell in cells for key in cell)
            columns |= {key: [cell.get(key) for cell in cells] for key in inner}
        else:
            columns[name] = cells
    return replace(table, columns=columns)


def examples_of(table: Table, data: DataSettings) -> Examples:
    """The pairs of a table. Raises `DataError` where it is not clear which columns they are."""
    source, targets = _columns(table, data)
    roles = find_roles(table, replace(data, input_column=(source,), target=targets), "text")
    inputs = _column(table, source)
    learnt = [_column(table, target) for target in targets]
    groups = None if roles.group is None else [str(cell) for cell in table.columns[roles.group]]
    width = "" if table.header else f" of {len(table.columns)}"
    return _examples(
        inputs,
        learnt[0] if len(learnt) == 1 else list(zip(*learnt, strict=True)),
        [table.place(row) for row in range(len(table))],
        row_parts(table, roles.part),
        groups,
        data,
        f"Column '{source}' is read, '{', '.join(targets)}' is to be learnt of it.",
        {"input_column": (source + width,), "target": tuple(target + width for target in targets)},
    )


def _columns(table: Table, data: DataSettings) -> tuple[str, tuple[str, ...]]:
    """The column that is read and those that are learnt: as options say, by name, else the first two of texts."""
    source = table.find(data.input_column[0], "input-column") if data.input_column else None
    targets = tuple(table.find(name, "target") for name in data.target)
    free = [name for name in table.columns if name != source and name not in targets]
    named = {plain(name): name for name in free}
    if not targets:
        found = next((named[name] for name in column_names.WRITTEN if name in named), None)
        if found is not None and (source is not None or plain(found) not in column_names.SOURCE):
            targets = (found,)
    if source is None:
        source = next(
            (named[name] for name in column_names.SOURCE if name in named and named[name] not in targets), None
        )
    texts = [
        name
        for name in free
        if name != source and name not in targets and is_text(table.columns[name], strict=False)
        and not _attributes(table.columns[name])
    ]  # fmt: skip
    missing = (source is None) + (not targets)
    if missing and len(texts) != missing and not (len(texts) > missing and not table.header):
        raise DataError(
            f"{table.name}: expected a column of texts and one of what is to be learnt of them, found the columns"
            f" {', '.join(table.columns)}. Say which with --input-column NAME and --target NAME."
        )
    if source is None:
        source = texts.pop(0)
    return source, targets or (texts[0],)


def _attributes(cells: Sequence[object]) -> bool:
    return all(_ATTRIBUTION.search(str(cell)) for cell in cells[:100])


def _column(table: Table, name: str) -> list[str]:
    for row, cell in enumerate(table.columns[name]):
        if is_missing(cell):
            raise DataError(
                f"{table.place(row)}: column '{name}' is empty. A pair needs both sides: fill it in, or take it out."
            )
    return [str(cell).strip() for cell in table.columns[name]]


# ---- parallel files


def _parallel(files: Files, data: DataSettings) -> Examples | None:
    """Files of which line n of the one belongs to line n of the other."""
    sides = _sides(files)
    if len(files) == 1 and (files[0].suffix in _PLAIN or is_language(files[0].suffix[1:])):
        raise DataError(
            f"{files[0].name}: expected pairs of texts, found lines of one. Name the file of the other side too, such"
            " as train.en train.de, or a table with two columns."
        )
    if len(sides) < 2:
        return None
    source, target = _directions(list(sides), files, data)
    pairs = [(sides[source][stem], sides[target].get(stem)) for stem in sides[source]]
    for ours, theirs in pairs:
        if theirs is None:
            raise DataError(f"{ours.name}: there is no file with its lines in '{target}'. Name both, or neither.")
    inputs: list[str] = []
    learnt: list[str] = []
    names: list[str] = []
    parts: list[str] = []
    for ours, theirs in pairs:
        assert theirs is not None
        read, written = _lines(ours, data.encoding), _lines(theirs, data.encoding)
        if len(read) != len(written):
            raise DataError(
                f"{ours.name} has {len(read):,} lines, {theirs.name} {len(written):,}. Line n of the one belongs to"
                " line n of the other: expected as many."
            )
        inputs += read
        learnt += written
        names += [f"{ours.name}, row {row}" for row in range(1, len(read) + 1)]
        parts += [ours.part or "train"] * len(read)
    shown = ", ".join(file.name for file, _ in pairs[:4]) + (", ..." if len(pairs) > 4 else "")
    note = f"Each line in '{source}' ({shown}) is read, the same line in '{target}' is to be learnt of it."
    given = parts if len(set(parts)) > 1 and "train" in parts else None
    guessed = {"input_column": (source,), "target": (target,)}
    return _examples(inputs, learnt, names, given, None, data, note, guessed)


def _sides(files: Files) -> dict[str, dict[str, SourceFile]]:
    """Language, or ``src`` and ``tgt`` -> what else the name says -> file; in the order of the files."""
    sides: dict[str, dict[str, SourceFile]] = defaultdict(dict)
    for file in files:
        stem = str(file.path)
        if file.suffix not in _PLAIN:
            sides[file.suffix[1:]][stem[: -len(file.suffix)]] = file
            continue
        words = name_words(file.path.name)
        side = next((word for word in words if word.lower() in (*_FROM, *_TO)), None)
        if side is not None:
            rest = [word for word in words if word is not side]
            sides[side.lower()][str(file.path.parent / "_".join(rest))] = file
    if len(sides) < 2 and len(files) == 2:  # any two files, the first one is read
        return {_short(file, files): {"": file} for file in files}
    return dict(sides)


def _short(file: SourceFile, files: Files) -> str:
    """What is in the name of this file and not of the other."""
    others = {word for other in files if other is not file for word in name_words(other.path.name)}
    own = [word for word in name_words(file.path.name) if word not in others and word.lower() not in PART_NAMES]
    return "_".join(own) or file.path.name


def _directions(sides: list[str], files: Files, data: DataSettings) -> tuple[str, str]:
    """Which side is read and which is learnt."""
    asked = [data.input_column[0] if data.input_column else None, data.target[0] if data.target else None]
    for name, option in zip(asked, ("input-column", "target"), strict=True):
        if name is not None and name not in sides:
            raise DataError(f"{files.asked}: --{option} names '{name}', but the files are in {', '.join(sides)}.")
    known = [name for name in asked if name is not None]
    if len(known) == 1 and len(sides) == 2:
        other = next(side for side in sides if side != known[0])
        return (known[0], other) if asked[0] else (other, known[0])
    if asked[0] and asked[1]:
        return asked[0], asked[1]
    first = next((side for side in sides if side in _FROM), None)
    second = next((side for side in sides if side in _TO), None)
    if first and second:
        return first, second
    if len(sides) == 2 and files.in_order:
        return sides[0], sides[1]
    raise DataError(
        f"{files.asked}: holds texts in {', '.join(sides)}. Say from which to which, such as"
        f" --input-column {sides[0]} --target {sides[1]}."
    )


def _lines(file: SourceFile, encoding: str) -> list[str]:
    lines = [line.strip() for line in file.text(encoding).removesuffix("\n").split("\n")]
    for number, line in enumerate(lines, 1):
        if not line:
            raise DataError(
                f"{file.name}, row {number}: is empty. A pair needs both sides: fill it in, or take the line out of"
                " both files."
            )
    return lines


# ---- spellings with their sounds


def _dictionary(files: Files, data: DataSettings) -> Examples:
    """``word PH OW N IY M Z`` a line; what follows ``#`` or begins with ``;;;`` is a comment."""
    words: list[str] = []
    sounds: list[str] = []
    names: list[str] = []
    for file in files:
        for number, line in enumerate(file.text(data.encoding).split("\n"), 1):
            content = line.split(" #")[0].strip()
            if not content or content.startswith((";;;", "##")):
                continue
            word, *rest = content.split()
            if not rest:
                raise DataError(f"{file.name}, row {number}: expected a word and its sounds, found {shorten(content)}.")
            words.append(_VARIANT.sub("", word))
            sounds.append(" ".join(rest))
            names.append(f"{file.name}, row {number}")
    if not words:
        raise DataError(f"{files.asked}: holds no word with its sounds.")
    note = "The first word of a line is read, the symbols after it are to be learnt of it."
    return _examples(words, sounds, names, None, words, data, note, {})


# ---- what all have in common


def _examples(
    inputs: list[str],
    targets: Sequence[str | tuple[str, ...]],
    names: list[str],
    parts: list[str] | None,
    groups: list[str] | None,
    data: DataSettings,
    note: str,
    guessed: Mapping[str, tuple[str, ...]],
) -> Examples:
    """The pairs; where a text stands in several, all of them belong together, so that no split parts them."""
    notes = [note]
    if groups is None and parts is None and len(set(inputs)) < len(inputs):
        groups = inputs
        twice = len(inputs) - len(set(inputs))
        notes.append(f"{twice:,} texts stand in more than one pair: a split keeps such pairs together.")
    kind = tables.kind_for(inputs, data)
    return Examples(
        kind,
        inputs,
        targets,
        names,
        groups=groups,
        parts=parts,
        notes=tuple(notes),
        guessed={"kind": kind, **guessed},
    )
