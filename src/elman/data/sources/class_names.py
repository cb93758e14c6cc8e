"""A file beside the data that names their classes, one on each line, where the data have numbers for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from elman.data.examples import Examples
from elman.data.sources.files import Files, SourceFile, name_words

#: Words of which one stands in the name of such a file, and the kinds of file that hold numbers for classes.
_CALLED = frozenset({"label", "labels", "class", "classes", "categories", "names"})
_DATA = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".npz", ".npy")

#: Characters of the longest name of a class.
_LONGEST = 60


def apart(files: Files, encoding: str) -> tuple[Files, tuple[str, ...]]:
    """The files without the one that names classes, and its names; none where there is no such file."""
    others = [file for file in files if not _may_name(file)]
    if len(others) != len(files) - 1 or not others or any(file.suffix not in _DATA for file in others):
        return files, ()
    names = tuple(filter(None, map(str.strip, _file(files, others).text(encoding).lstrip("\ufeff").split("\n"))))
    if len(names) < 2 or len(set(names)) < len(names) or not all(map(_is_name, names)):
        return files, ()
    return replace(files, files=tuple(others)), names


def named(examples: Examples, names: Sequence[str]) -> Examples:
    """The examples with names in place of the numbers of classes, counted from 0 or from 1; else as they are."""
    if not names or examples.targets is None:
        return examples
    found = {label for target in examples.targets for label in (target if isinstance(target, frozenset) else {target})}
    labels = [label for label in found if isinstance(label, str) and re.fullmatch(r"\d+", label)]
    if len(labels) < len(found):
        return examples
    numbers = {int(label) for label in labels}
    first = 0 if 0 in numbers else 1
    if max(numbers) - first >= len(names):
        return replace(examples, notes=(*examples.notes, f"A file names {len(names)} classes, the data have others."))
    shown = ", ".join(f"{number} is {names[number - first]}" for number in sorted(numbers)[:4])

    def name(label: str) -> str:
        return names[int(label) - first]

    targets: list[Any] = [
        frozenset(map(name, target)) if isinstance(target, frozenset) else name(str(target))
        for target in examples.targets
    ]
    return replace(examples, targets=targets, notes=(*examples.notes, f"Classes have names in a file: {shown}."))


def _may_name(file: SourceFile) -> bool:
    words = {word.lower() for word in name_words(file.path.stem)}
    return file.suffix in (".csv", ".txt", "") and bool(words & _CALLED)


def _file(files: Files, others: Sequence[SourceFile]) -> SourceFile:
    return next(file for file in files if file not in others)


def _is_name(line: str) -> bool:
    """Whether a line is one name: no row of a table, and no number."""
    return len(line) <= _LONGEST and not re.search(r"[,;\t|]", line) and not re.fullmatch(r"[-+.\deE]+", line)
