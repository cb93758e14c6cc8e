"""From files to `Examples`: what they hold is found by looking; options say it where looking is not enough.

Every family of files has a module here with one function::

    def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None

It returns None where the files are of another family, looks at names before contents, and raises `DataError` that
names file and row where they are surely of its own family but damaged.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elman.codecs.raw import Series
from elman.data.examples import Answer, Examples
from elman.data.sources import class_names, pairs, tables
from elman.data.sources.files import Files, SourceFile, gather
from elman.data.sources.table import frame_table
from elman.errors import DataError
from elman.settings import DataSettings, flat, update

__all__ = ["FAMILIES", "Answer", "Files", "SourceFile", "gather", "read_examples", "read_frame", "settled"]

#: The families in the order in which they are asked: the surest first, plain text last.
FAMILIES = {
    "ink": "elman.data.sources.ink",
    "transcripts": "elman.data.sources.transcripts",
    "audio": "elman.data.sources.audio",
    "images": "elman.data.sources.images",
    "series": "elman.data.sources.series_files",
    "frames": "elman.data.sources.video",
    "npz": "elman.data.sources.npz",
    "ts": "elman.data.sources.ts_files",
    "pairs": "elman.data.sources.pairs",
    "dna": "elman.data.sources.dna",
    "tags": "elman.data.sources.tags",
    "folders": "elman.data.sources.folders",
    "tables": "elman.data.sources.tables",
    "lines": "elman.data.sources.lines",
}

#: Those that know texts which are to be learnt.
_WITH_TEXTS = ("ink", "transcripts", "audio", "images", "npz", "pairs")


def read_examples(paths: Path | str | Iterable[Path | str], data: DataSettings, answer: Answer | None) -> Examples:
    """The sequences in files, folders and archives, with what is to be learnt of each.

    ``answer`` says what that is: one ``class``, several ``classes``, ``tags`` for the steps, ``numbers``, a ``text``;
    with None nothing has to be there to learn, as in `elman predict`. Raises `DataError`.
    """
    files = gather(paths)
    names: tuple[str, ...] = ()
    if answer in ("class", "classes", None):
        files, names = class_names.apart(files, data.encoding)
    for family in _WITH_TEXTS if answer == "text" else FAMILIES:
        examples: Examples | None = importlib.import_module(FAMILIES[family]).read(files, data, answer)
        if examples is not None:
            return class_names.named(_checked(examples, files.asked, answer), names)
    wanted = "" if data.kind == "auto" else f" of the kind '{data.kind}'"
    raise DataError(
        f"{files.asked}: expected sequences{wanted}, found {files[0].name}"
        f"{f' and {len(files) - 1} more files' if len(files) > 1 else ''}, which nothing here reads."
    )


def read_frame(frame: Any, data: DataSettings, answer: Answer | None) -> Examples:
    """As `read_examples` of a file with the rows of a pandas or polars data frame."""
    if answer == "text":
        return _checked(pairs.examples_of(frame_table(frame), data), "the data frame", answer)
    return _checked(tables.examples_of(frame_table(frame), data, answer), "the data frame", answer)


def settled(data: DataSettings, examples: Examples) -> DataSettings:
    """The settings with which files like those of ``examples`` are read in the same way, without guesses."""
    usual = flat(DataSettings())
    return update(data, {name: value for name, value in examples.guessed.items() if flat(data)[name] == usual[name]})


def _checked(examples: Examples, asked: str, answer: Answer | None) -> Examples:
    """What every family's examples keep to. Raises `DataError`."""
    if not len(examples):
        raise DataError(f"{asked}: holds no sequences.")
    for name, raw in zip(examples.names, examples.inputs, strict=True):
        if isinstance(raw, Series) and np.isinf(raw.values).any():
            raise DataError(f"{name}: holds an infinite number. Correct it, or leave it empty where nothing is known.")
    for name, target in zip(examples.names, examples.targets or (), strict=False):
        if isinstance(target, np.ndarray) and not np.isfinite(target).all():
            raise DataError(f"{name}: expected a number to learn, found {target[~np.isfinite(target)][0]}.")
    if answer == "text":
        examples = replace(examples, answer="text")
    if examples.parts is not None and "train" not in examples.parts:
        return replace(examples, parts=None)
    return examples
