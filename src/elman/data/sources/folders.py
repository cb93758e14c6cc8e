"""Texts whose class their place tells: folders with a document in each file, or files with an example on each line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from elman.data.examples import Answer, Examples, Target
from elman.data.sources import names
from elman.data.sources.files import PART_NAMES, Files, SourceFile, name_words, parts_of
from elman.data.sources.lines import first_words, lines_of
from elman.data.sources.tables import kind_for
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Files that are tables and no text.
_TABLES = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".ts", ".npz", ".npy")
#: Suffixes that say nothing of a class.
_PLAIN = (".txt", ".text", ".fa", ".fasta", ".fna", ".dat", ".data", ".log", ".seq")
#: Folders of texts without a class.
_UNLABELLED = frozenset({"unsup", "unsupervised", "unlabeled", "unlabelled"})
#: Share of files outside the folders of classes that are passed over.
_FEW = 0.05


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of folders or files of text by class, or None where the files are of other kinds."""
    if data.kind not in ("auto", "text", "words", "dna") or answer in ("tags", "numbers"):
        return None
    # A pattern says, or a model that learnt from files by their names, that each file is one text.
    given = next((pattern for pattern in data.target if names.is_pattern(pattern)), None)
    if len(files) < 2 and given is None:
        return None
    if any(file.suffix in _TABLES for file in files) or b"\0" in files[0].content()[:4096]:
        return None
    if given is None and not _documents([_path(file) for file in files]):
        return _lines_by_file(files, data, answer)
    if answer is None:
        texts = [_document(file, data.encoding) for file in files]
        return Examples(kind_for(texts, data), texts, None, [file.name for file in files], parts=parts_of(files))
    return _documents_by_name(files, given, data, answer)


def _documents_by_name(files: Files, given: str | None, data: DataSettings, answer: Answer) -> Examples:
    inside, notes = _in_folders(files)
    paths = [_path(file) for file in inside]
    told = names.Told(given, data.group) if given else names.guess(paths, files.asked, data.group)
    if told.target is None:
        raise names.nothing_told(files.asked, "text files", paths)
    texts = [_document(file, data.encoding) for file in inside]
    classes = names.pick_all(told.target, paths, "target")
    kind = kind_for(texts, data)
    return Examples(
        kind,
        texts,
        _as_asked(classes, answer),
        [file.name for file in inside],
        groups=names.pick_all(told.group, paths, "group") if told.group else None,
        parts=parts_of(inside),
        notes=(*notes, *told.notes, "Each file is a text."),
        guessed={"kind": kind, "target": (told.target,), **({"group": told.group} if told.group else {})},
    )


def _path(file: SourceFile) -> PurePosixPath:
    """Its path without folders that say train, valid or test."""
    return PurePosixPath(*file.folders, file.path.name)


def _in_folders(files: Files) -> tuple[list[SourceFile], list[str]]:
    """The files without those that have no class, and the few that lie beside the folders of all others."""
    unknown = [file for file in files if _UNLABELLED.intersection(map(str.lower, file.folders))]
    notes = [f"{len(unknown)} files in {unknown[0].folders[-1]} have no class and are left out."] if unknown else []
    labelled = [file for file in files if file not in set(unknown)]
    usual, _ = Counter(len(file.folders) for file in labelled).most_common(1)[0]
    outside = {file for file in labelled if len(file.folders) < usual}
    if not outside or len(outside) > _FEW * len(labelled):
        return labelled, notes
    some = sorted(file.name for file in outside)
    notes.append(
        f"Not read: {', '.join(some[:3])}{', ...' if len(some) > 3 else ''}, beside the folders of all others."
    )
    return [file for file in labelled if file not in outside], notes


def _documents(paths: Sequence[PurePosixPath]) -> bool:
    """Whether each file is one text: several in each of several folders, or names that count, as ``pos_1``."""
    folders = {path.parent for path in paths}
    if len(folders) > 1:
        return len(paths) >= 2 * len(folders)
    starts = {re.split(r"\d", path.stem)[0].strip("_-. ") for path in paths}
    counted = all(re.search(r"\d", path.stem) for path in paths)
    return counted and 2 <= len(starts) <= len(paths) / 2


def _document(file: SourceFile, encoding: str) -> str:
    text = file.text(encoding).strip()
    if not text:
        raise DataError(f"{file.name}: holds only white space. Take it out, or put its text in.")
    return text


def _lines_by_file(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """A class for each file, where names differ in more than the part; None for lines with labels of their own."""
    classes = classes_of(files)
    if len(set(classes)) < 2:
        return None
    texts, targets, places, rows = [], [], [], []
    for file, label in zip(files, classes, strict=True):
        lines = lines_of(file, data.encoding)
        if answer is not None and first_words([line for _, line in lines]) is not None:
            return None
        texts += [line for _, line in lines]
        places += [f"{file.name}, row {number}" for number, _ in lines]
        targets += [label] * len(lines)
        rows += [file] * len(lines)
    kind = kind_for(texts, data)
    shown = ", ".join(sorted(set(classes))[:6]) + (
        f", ... ({len(set(classes))} in all)" if len(set(classes)) > 6 else ""
    )
    note = f"Each file is a class ({shown}), each line a sequence."
    return Examples(
        kind,
        texts,
        _as_asked(targets, answer),
        places,
        parts=parts_of(rows),
        notes=(note,) if answer is not None else ("Each line is a sequence.",),
        guessed={"kind": kind},
    )


def _as_asked(classes: Sequence[str], answer: Answer | None) -> list[Target] | None:
    if answer is None:
        return None
    return [frozenset([label]) if answer == "classes" else label for label in classes]


def classes_of(files: Sequence[SourceFile]) -> list[str]:
    """What differs in the names of files: ``film.pos`` and ``film.neg`` are of the classes pos and neg."""
    named = [_words(file) for file in files]
    shortest = min(map(len, named))
    start = next((n for n in range(shortest) if len({words[n] for words in named}) > 1), shortest)
    left = shortest - start
    end = next((n for n in range(left) if len({words[-1 - n] for words in named}) > 1), left)
    classes = ["_".join(words[start : len(words) - end]) for words in named]
    return classes if all(classes) else ["_".join(words) for words in named]


def _words(file: SourceFile) -> list[str]:
    """The pieces of a file's folders and name, without those that tell its part."""
    stem = file.path.stem if file.suffix in _PLAIN else file.path.name
    pieces = [*file.folders, *name_words(stem)]
    return [piece for piece in pieces if piece.lower() not in PART_NAMES]
