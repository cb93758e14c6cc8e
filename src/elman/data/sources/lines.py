"""Plain text, an example a line: a label and then the text, or, to predict, the text alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from elman.data.examples import Answer, Examples, Target
from elman.data.sources.files import Files
from elman.data.sources.tables import kind_of_texts
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


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Examples of text files, or None where the files are of other kinds."""
    if data.kind not in ("auto", "text", "words", "dna"):
        return None
    kinds = files.kinds()
    if len(kinds) > 1:
        found = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
        raise DataError(f"{files.asked}: holds files of several kinds ({found}). Name those that belong together.")
    files.one_set()
    names: list[str] = []
    parts: list[str | None] = []
    lines: list[str] = []
    for file in files:
        for number, line in enumerate(file.text(data.encoding).split("\n"), 1):
            if line.strip():
                lines.append(line.strip())
                names.append(f"{file.name}, row {number}")
                parts.append(file.part)
    if answer == "tags":
        raise DataError(
            f"{files.asked}: expected a tag for each word: a table, columns of words and tags with blank lines between"
            " sentences, or the parallel files seq.in and seq.out; found plain text."
        )
    labels = first_words(lines)
    given = [part or "train" for part in parts] if "train" in parts and len(set(parts)) > 1 else None
    if answer is None:
        texts = [text for _, text in labels] if labels is not None and data.target == ("1",) else lines
        return Examples(_kind(data, texts), texts, None, names, parts=given)
    if labels is None:
        what = "number" if answer == "numbers" else "label"
        raise DataError(
            f"{files.asked}: no {what} was found: expected a table with a column of {what}s, lines that begin with one"
            f" (such as '1 a fine film'), or a file or folder for each class; found lines such as '{lines[0][:60]}'."
            " To learn to continue text, without labels: elman train language-model."
        )
    targets = [_target(files, name, label, answer) for name, (label, _) in zip(names, labels, strict=True)]
    texts = [text for _, text in labels]
    empty = [name for name, text in zip(names, texts, strict=True) if not text]
    if empty:
        raise DataError(f"{empty[0]}: holds a label and no text. Add the text or take the line out.")
    return Examples(
        _kind(data, texts),
        texts,
        targets,
        names,
        parts=given,
        outputs=("1",) if answer == "numbers" else (),
        notes=("Each line is a label and the text.",),
        guessed={"kind": _kind(data, texts), "target": ("1",)},
    )


def _kind(data: DataSettings, texts: list[str]):  # type: ignore[no-untyped-def]
    return kind_of_texts(texts) if data.kind == "auto" else data.kind


def first_words(lines: Sequence[str]) -> list[tuple[str, str]] | None:
    """Label and text of each line, or None where the first words are no labels."""
    if lines and all(line.startswith(_FASTTEXT) for line in lines):
        return [_fasttext(line) for line in lines]
    cut = [re.split(r"\s+", line, maxsplit=1) for line in lines]
    if any(len(pieces) < 2 for pieces in cut):
        numbered = all(re.fullmatch(r"-?\d+(\.\d+)?", pieces[0]) for pieces in cut)
        if not numbered:
            return None
    labels = Counter(pieces[0] for pieces in cut)
    numbers = all(re.fullmatch(r"-?\d+(\.\d+)?", label) for label in labels)
    few = 2 <= len(labels) <= min(_MOST_LABELS, max(2, len(lines) // _LINES_PER_LABEL), len(lines) - 1)
    if not numbers and not (few and _set_apart(labels, cut)):
        return None
    return [(pieces[0], pieces[1] if len(pieces) > 1 else "") for pieces in cut]


def _set_apart(labels: Counter[str], cut: Sequence[Sequence[str]]) -> bool:
    """Whether the first words hardly stand in the texts, as labels do not and the first words of sentences do."""
    inside = sum(word in labels for pieces in cut for word in pieces[-1].split())
    return inside < _WITHIN_TEXTS * len(cut)


def _fasttext(line: str) -> tuple[str, str]:
    words = line.split()
    labels = [word.removeprefix(_FASTTEXT) for word in words if word.startswith(_FASTTEXT)]
    return " ".join(labels), " ".join(word for word in words if not word.startswith(_FASTTEXT))


def _target(files: Files, name: str, label: str, answer: Answer) -> Target:
    import numpy as np

    if answer == "numbers":
        try:
            return np.array([float(label)])
        except ValueError:
            raise DataError(f"{name}: expected a number before the text, found '{label}'.") from None
    if answer == "classes":
        return frozenset(label.split())
    return label
