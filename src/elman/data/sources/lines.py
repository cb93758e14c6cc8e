"""Plain text, an example a line: a label and then the text, or, to predict, the text alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from elman.data.examples import Answer, Examples, Target
from elman.data.sources.files import Files, SourceFile, parts_of
from elman.data.sources.tables import kind_for
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: A label stands on so many lines on average at least.
_LINES_PER_LABEL = 3
_MOST_LABELS = 500
#: Labels stand inside so many texts at most, on average.
_WITHIN_TEXTS = 0.5
#: What fastText writes before each label.
_FASTTEXT = "__label__"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of text files, or None where the files are of other kinds."""
    if data.kind not in ("auto", "text", "words", "dna"):
        return None
    kinds = files.kinds()
    if len(kinds) > 1:
        found = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
        raise DataError(f"{files.asked}: holds files of several kinds ({found}). Name those that belong together.")
    files.one_set()
    if answer == "tags":
        raise DataError(
            f"{files.asked}: expected a tag for each word: a table, columns of words and tags with blank lines between"
            " sentences, or the parallel files seq.in and seq.out; found plain text."
        )
    rows = [(file, number, line) for file in files for number, line in lines_of(file, data.encoding)]
    lines = [line for _, _, line in rows]
    names = [f"{file.name}, row {number}" for file, number, _ in rows]
    parts = parts_of([file for file, _, _ in rows])
    cut = first_words(lines)
    if answer is None:
        # Without labels, unless the model learnt from lines that have them and so do these.
        texts = [text for _, text in cut] if cut is not None and data.target == ("1",) else lines
        return Examples(kind_for(texts, data), texts, None, names, parts=parts)
    if cut is None:
        raise _no_labels(files, lines, answer)
    texts = [text for _, text in cut]
    for name, text in zip(names, texts, strict=True):
        if not text:
            raise DataError(f"{name}: holds a label and no text. Add the text or take the line out.")
    kind = kind_for(texts, data)
    return Examples(
        kind,
        texts,
        _targets(names, [labels for labels, _ in cut], answer, data.separator),
        names,
        parts=parts,
        outputs=("1",) if answer == "numbers" else (),
        notes=("Each line is a label and the text.",),
        guessed={"kind": kind, "target": ("1",)},
    )


def lines_of(file: SourceFile, encoding: str) -> list[tuple[int, str]]:
    """Number and text of the lines of a file in which something stands."""
    lines = ((number, line.strip()) for number, line in enumerate(file.text(encoding).split("\n"), 1))
    return [(number, line) for number, line in lines if line]


def _no_labels(files: Files, lines: Sequence[str], answer: Answer) -> DataError:
    what = "number" if answer == "numbers" else "label"
    return DataError(
        f"{files.asked}: no {what} was found: expected a table with a column of {what}s, lines that begin with one"
        f" (such as '1 a fine film'), or a file or folder for each class; found lines such as '{lines[0][:60]}'."
        " To learn to continue text, without labels: elman train language-model."
    )


def first_words(lines: Sequence[str]) -> list[tuple[tuple[str, ...], str]] | None:
    """Labels and text of each line, or None where the first words are no labels.

    >>> first_words(["1 a fine film", "0 so dull", "1 good"])
    [(('1',), 'a fine film'), (('0',), 'so dull'), (('1',), 'good')]
    >>> first_words(["a film of a man", "the end of the day"]) is None
    True
    """
    if lines and all(line.startswith(_FASTTEXT) for line in lines):
        return [_fasttext(line) for line in lines]
    cut = [(*re.split(r"\s+", line, maxsplit=1), "")[:2] for line in lines]
    labels = Counter(label for label, _ in cut)
    if not all(map(_NUMBER.fullmatch, labels)):
        few = 2 <= len(labels) <= min(_MOST_LABELS, max(2, len(lines) // _LINES_PER_LABEL), len(lines) - 1)
        if not few or not all(text for _, text in cut) or not _set_apart(labels, [text for _, text in cut]):
            return None
    return [((label,), text) for label, text in cut]


def _set_apart(labels: Counter[str], texts: Sequence[str]) -> bool:
    """Whether the first words hardly stand in the texts, as labels do not and the first words of sentences do."""
    inside = sum(word in labels for text in texts for word in text.split())
    return inside < _WITHIN_TEXTS * len(texts)


def _fasttext(line: str) -> tuple[tuple[str, ...], str]:
    words = line.split()
    labels = tuple(word.removeprefix(_FASTTEXT) for word in words if word.startswith(_FASTTEXT))
    return labels, " ".join(word for word in words if not word.startswith(_FASTTEXT))


def _targets(names: Sequence[str], labels: Sequence[tuple[str, ...]], answer: Answer, separator: str) -> list[Target]:
    if answer == "numbers":
        return [np.array([_number(name, label)]) for name, (label, *_) in zip(names, labels, strict=True)]
    if answer == "classes" or any(len(several) > 1 for several in labels):
        return [frozenset(piece for label in several for piece in label.split(separator)) for several in labels]
    return [label for (label,) in labels]


def _number(name: str, label: str) -> float:
    if not _NUMBER.fullmatch(label):
        raise DataError(f"{name}: expected a number before the text, found '{label}'.")
    return float(label)
