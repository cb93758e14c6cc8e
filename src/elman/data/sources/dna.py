"""DNA and RNA: FASTA files, and files with one sequence of letters on each line; both may be one for each class."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from elman.data.examples import Answer, Examples
from elman.data.sources.files import Files, SourceFile, parts_of
from elman.data.sources.folders import classes_of
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

_FASTA = (".fa", ".fasta", ".fna", ".ffn", ".fas", ".mpfa", ".frn")
#: Letters of the IUPAC code, in the order A C G T U, then the ambiguous ones; gaps and the end mark are dropped.
_LETTERS = re.compile(r"[ACGTUNRYKMSWBDHV]*", re.IGNORECASE)
_GAPS = re.compile(r"[\s.*-]")
#: How headers name a class: ``class=promoter``, ``[label: x]``.
_KEY = re.compile(r"(?i)\b(?:class|label|type|category|target|y)\s*[=:]\s*([^\s;,|\]]+)")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of FASTA files, or None where the files are of other kinds. Raises `DataError`."""
    if data.kind not in ("auto", "dna") or answer == "tags":
        return None
    if not files.all_of(*_FASTA) and not all(_begins_as_fasta(file) for file in files):
        return None
    headers: list[str] = []
    inputs: list[str] = []
    names: list[str] = []
    rows: list[SourceFile] = []
    for file in files:
        for line, header, sequence in _records(file, data.encoding):
            headers.append(header)
            inputs.append(sequence)
            names.append(f"{file.name}, row {line}")
            rows.append(file)
    targets, note = _classes(files, headers, rows, data) if answer is not None else (None, "Each entry is a sequence.")
    if answer == "numbers":
        raise DataError(f"{files.asked}: FASTA files tell classes, no numbers. Put sequences and numbers into a table.")
    return Examples(
        "dna",
        inputs,
        [frozenset([label]) for label in targets] if targets and answer == "classes" else targets,
        names,
        parts=parts_of(rows),
        notes=(note,),
        guessed={"kind": "dna"},
    )


def _begins_as_fasta(file: SourceFile) -> bool:
    if file.suffix not in ("", ".txt", ".seq", ".data", ".dat"):
        return False
    start = file.content()[:2000].decode("latin-1").lstrip("\ufeff \r\n")
    lines = [line for line in start.splitlines() if line]
    return len(lines) > 1 and lines[0].startswith(">") and _LETTERS.fullmatch(_GAPS.sub("", lines[1])) is not None


def _records(file: SourceFile, encoding: str) -> list[tuple[int, str, str]]:
    """Line, header and sequence of each entry. Raises `DataError` at a letter that is no nucleotide."""
    records: list[tuple[int, str, list[str]]] = []
    for number, line in enumerate(file.text(encoding).split("\n"), 1):
        text = line.strip()
        if text.startswith(">"):
            records.append((number, text[1:].strip(), []))
        elif text and not text.startswith(";"):
            if not records:
                raise DataError(
                    f"{file.name}, row {number}: expected a header that begins with >, found '{text[:40]}'."
                )
            records[-1][2].append(_checked(file, number, text))
    if not records:
        raise DataError(f"{file.name}: holds no sequences; each begins with a header such as '>name'.")
    for number, header, pieces in records:
        if not pieces:
            raise DataError(f"{file.name}, row {number}: '>{header[:40]}' has no sequence below it. Take it out.")
    return [(number, header, "".join(pieces)) for number, header, pieces in records]


def _checked(file: SourceFile, number: int, text: str) -> str:
    letters = _GAPS.sub("", text)
    if not _LETTERS.fullmatch(letters):
        wrong = next(letter for letter in letters if not _LETTERS.fullmatch(letter))
        raise DataError(
            f"{file.name}, row {number}: '{wrong}' is no letter for a nucleotide; expected A, C, G, T, U, N or another"
            " IUPAC code. Are these proteins? They can be read as text: --kind text with a table."
        )
    return letters


def _classes(
    files: Files, headers: Sequence[str], rows: Sequence[SourceFile], data: DataSettings
) -> tuple[list[str], str]:
    """The class of each entry: of its file, else of its header. Raises `DataError`."""
    by_file = dict(zip(files, classes_of(files), strict=True))
    if len(set(by_file.values())) > 1 and not data.target:
        shown = ", ".join(dict.fromkeys(by_file.values()))
        return [by_file[file] for file in rows], f"Each file is a class ({shown}), each entry a sequence."
    found = [(how, [take(header) for header in headers]) for how, take in _manners(data)]
    usable = [(how, list(labels)) for how, labels in found if _tell(labels)]
    if not usable:
        raise DataError(
            f"{files.asked}: {len(headers)} sequences in one file, and no class in their headers, such as"
            f" '>{headers[0][:60]}'. Give a file for each class, headers such as '>name class=promoter', or a table."
        )
    how, labels = usable[0]
    different = {tuple(other) for _, other in usable}
    if how != _BY_KEY and len(different) > 1:
        choices = "; ".join(f"{name} ({', '.join(sorted(set(map(str, other)))[:4])})" for name, other in usable)
        raise DataError(
            f"{files.asked}: several places in the headers could be the class: {choices}."
            " Say which with --target, such as --target 1 for the first piece of the header, -1 for the last."
        )
    return [str(label) for label in labels], f"The class is {how}: {', '.join(sorted(set(map(str, labels)))[:6])}."


_BY_KEY = "named in the headers"


def _manners(data: DataSettings) -> list[tuple[str, Callable[[str], str | None]]]:
    """Ways to find a class in a header, the surest first."""

    def by_key(header: str) -> str | None:
        match = _KEY.search(header)
        return match and match[1]

    def piece(number: int) -> Callable[[str], str | None]:
        def take(header: str) -> str | None:
            pieces = [text for text in re.split(r"[\s|;,]+", header) if text]
            place = number - 1 if number > 0 else number
            return pieces[place] if -len(pieces) <= place < len(pieces) else None

        return take

    if data.target:
        wanted = data.target[0]
        if re.fullmatch(r"-?[1-9]\d*", wanted):
            return [(f"piece {wanted} of the headers", piece(int(wanted)))]
        key = re.compile(rf"(?i)\b{re.escape(wanted)}\s*[=:]\s*([^\s;,|\]]+)")
        return [(f"'{wanted}' in the headers", lambda header: (match := key.search(header)) and match[1])]
    return [
        (_BY_KEY, by_key),
        ("the last piece of the headers", piece(-1)),
        ("the first piece of the headers", piece(1)),
    ]


def _tell(labels: Sequence[str | None]) -> bool:
    """Whether every entry has a class, and each class several entries."""
    return all(labels) and 2 <= len(set(labels)) <= len(labels) / 2
