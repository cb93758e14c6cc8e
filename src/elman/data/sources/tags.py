"""A tag for every word: CoNLL columns with blank lines between sentences, or parallel files as seq.in and seq.out."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from elman.data.examples import Answer, Examples, Kind, Target
from elman.data.sources.files import PART_NAMES, Files, SourceFile, parts_of
from elman.data.sources.tag_tables import same_length
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: Parallel files by what they hold.
_WORD_FILES = (
    "seq.in",
    "words",
    "tokens",
    "sentences",
    "text",
    "source.txt",
    "words.txt",
    "tokens.txt",
    "sentences.txt",
)
_TAG_FILES = ("seq.out", "tags", "slots", "target.txt", "tags.txt", "slots.txt", "labels.txt")
_LABEL_FILES = ("label", "intent", "intents", "label.txt", "intent.txt")
#: Columns of CoNLL-U, from 1. Specification: universaldependencies.org.
_CONLLU = {"form": 2, "lemma": 3, "upos": 4, "xpos": 5, "deprel": 8}
#: Lines by which columns are recognised.
_LOOK = 500


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples with words and tags, or None where the files are of other kinds."""
    if data.kind not in ("auto", "text", "words"):
        return None
    names = {_name(file) for file in files}
    words_alone = answer is None and data.kind == "words" and names <= set(_WORD_FILES)
    if words_alone or (names & set(_WORD_FILES) and names & {*_TAG_FILES, *_LABEL_FILES}):
        return _parallel(files, data, answer)
    if answer in ("tags", None) and all(_in_columns(file, data) for file in files):
        files.one_set()
        return _columns(files, data, answer)
    return None


def _name(file: SourceFile) -> str:
    """The name of a file without what tells its part: ``train.seq.in`` is ``seq.in``."""
    pieces = file.path.name.lower().split(".")
    return ".".join(piece for piece in pieces if piece not in PART_NAMES)


# ---- parallel files


def _parallel(files: Files, data: DataSettings, answer: Answer | None) -> Examples:
    """Lines of one file with the same lines of another: words, their tags, and the label of the whole."""
    sets: dict[tuple[PurePosixPath, str | None], dict[str, SourceFile]] = defaultdict(dict)
    for file in files:
        sets[file.path.parent, file.part][_name(file)] = file
    wanted = data.target[0].lower() if data.target else None
    inputs: list[tuple[str, ...]] = []
    targets: list[Target] = []
    names: list[str] = []
    rows: list[SourceFile] = []
    for members in sets.values():
        words = _member(files, members, _WORD_FILES, data.input_column[0] if data.input_column else None)
        sentences = _lines(words, data.encoding)
        inputs += [tuple(line.split()) for line in sentences]
        names += [f"{words.name}, row {number}" for number in range(1, len(sentences) + 1)]
        rows += [words] * len(sentences)
        if answer is None:
            continue
        known = _TAG_FILES if answer == "tags" else _LABEL_FILES
        other = _member(files, members, known, wanted)
        answers = _lines(other, data.encoding)
        if len(answers) != len(sentences):
            raise DataError(
                f"{other.name}: expected {len(sentences)} lines, as in {words.name}, found {len(answers)}."
                " Parallel files have the same number of lines."
            )
        slots = _name(other) in _TAG_FILES
        for number, (sentence, line) in enumerate(zip(inputs[-len(sentences) :], answers, strict=True), 1):
            targets.append(_answer(f"{other.name}, row {number}", sentence, line, answer, slots, data.separator))
    for place, sentence in zip(names, inputs, strict=True):
        same_length(place, sentence, sentence)  # not empty
    kind: Kind = "words" if answer == "tags" or data.kind == "words" else "text"
    learnt = {None: "", "tags": ", the lines of the other file their tags"}.get(
        answer, ", the other file tells the label"
    )
    return Examples(
        kind,
        inputs if kind == "words" else [" ".join(sentence) for sentence in inputs],
        targets if answer is not None else None,
        names,
        parts=parts_of(rows),
        notes=(f"The lines of {rows[0].path.name} are words{learnt}.",),
        guessed={"kind": kind, **({"target": (wanted,)} if wanted else {})},
    )


def _member(files: Files, members: dict[str, SourceFile], known: Sequence[str], wanted: str | None) -> SourceFile:
    for name in (wanted,) if wanted else known:
        if name in members:
            return members[name]
    here = next(iter(members.values())).name
    raise DataError(
        f"{files.asked}: beside {here} expected a file called {wanted or ' or '.join(known[:3])}, found"
        f" {', '.join(sorted(members))}. Say which file holds what is to be learnt with --target."
    )


def _lines(file: SourceFile, encoding: str) -> list[str]:
    return [line.strip() for line in file.text(encoding).removesuffix("\n").split("\n")]


def _answer(place: str, words: Sequence[str], line: str, answer: Answer, slots: bool, separator: str) -> Target:
    if slots:
        tags = tuple(line.split())
        same_length(place, words, tags)
        if answer == "tags":
            return tags
        return frozenset(tag.partition("-")[2] or tag for tag in tags if tag not in ("O", "o", "_"))
    if not line:
        raise DataError(f"{place}: is empty. Expected the label of the same line of words.")
    return frozenset(piece.strip() for piece in line.split(separator)) if answer == "classes" else line


# ---- columns


def _in_columns(file: SourceFile, data: DataSettings) -> bool:
    """Whether sentences stand in lines of as many columns, with blank lines between them."""
    if file.suffix in (".conll", ".conllu", ".conll2003", ".iob", ".iob2", ".bio", ".bioes"):
        return True
    if file.suffix in (".csv", ".json", ".jsonl", ".parquet", ".npz", ".ts", ".fa", ".fasta"):
        return False
    raw = file.content()
    if b"\0" in raw[:4096]:
        return False
    lines = file.text(data.encoding).strip("\n").split("\n", _LOOK)[:_LOOK]
    filled = [line for line in lines if line.strip() and not line.startswith("# ")]
    blank = sum(not line.strip() for line in lines)
    widths = Counter(len(_cells(line)) for line in filled)
    return bool(filled) and blank > 0 and len(widths) == 1 and 2 <= next(iter(widths)) <= 15


def _cells(line: str) -> list[str]:
    """The columns of a line: between tabs where there are some, else between spaces."""
    return [cell.strip() for cell in line.strip().split("\t")] if "\t" in line.strip() else line.split()


def _columns(files: Files, data: DataSettings, answer: Answer | None) -> Examples:
    inputs: list[tuple[str, ...]] = []
    targets: list[Target] = []
    names: list[str] = []
    rows: list[SourceFile] = []
    where = ""
    for file in files:
        sentences = _sentences(file, data.encoding)
        if not sentences:
            raise DataError(f"{file.name}: holds no words; expected a word and its tag on each line.")
        width = Counter(len(cells) for sentence in sentences for _, cells in sentence).most_common(1)[0][0]
        universal = file.suffix == ".conllu" or (width == 10 and sentences[0][0][1][0] == "1")
        word = _column(file, data.input_column, width, 2 if universal else 1, "input-column")
        tag = _column(file, data.target, width, 4 if universal else width, "target") if answer is not None else 1
        where = f"Column {word} of {width} is the word" + (f", column {tag} its tag." if answer is not None else ".")
        for sentence in sentences:
            kept = [(n, cells) for n, cells in sentence if not (universal and re.search(r"[-.]", cells[0]))]
            for number, cells in kept:
                if len(cells) != width:
                    raise DataError(
                        f"{file.name}, row {number}: expected {width} columns, as on most lines, found {len(cells)}:"
                        f" '{' '.join(cells)[:60]}'. A blank line stands between sentences only."
                    )
            inputs.append(tuple(cells[word - 1] for _, cells in kept))
            targets.append(tuple(cells[tag - 1] for _, cells in kept))
            names.append(f"{file.name}, row {sentence[0][0]}")
            rows.append(file)
    return Examples(
        "words",
        inputs,
        targets if answer is not None else None,
        names,
        parts=parts_of(rows),
        notes=(where,),
        guessed={"kind": "words"},
    )


def _sentences(file: SourceFile, encoding: str) -> list[list[tuple[int, list[str]]]]:
    """The lines of each sentence with their numbers, without comments and marks of documents."""
    sentences: list[list[tuple[int, list[str]]]] = [[]]
    for number, line in enumerate(file.text(encoding).split("\n"), 1):
        if not line.strip():
            sentences.append([])
        elif not line.startswith("# ") and not line.startswith("-DOCSTART-"):
            sentences[-1].append((number, _cells(line)))
    return [sentence for sentence in sentences if sentence]


def _column(file: SourceFile, given: Sequence[str], width: int, usual: int, option: str) -> int:
    if not given:
        return usual
    number = _CONLLU.get(given[0].lower()) if width == 10 else None
    if number is None and re.fullmatch(r"-?[1-9]\d*", given[0]):
        number = int(given[0])
        number = width + 1 + number if number < 0 else number
    if number is None or not 1 <= number <= width:
        raise DataError(f"{file.name}: --{option} takes the number of a column, 1 to {width}, not '{given[0]}'.")
    return number
