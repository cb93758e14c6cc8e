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

from elman.data.examples import Answer, Examples
from elman.data.sources.files import Files, SourceFile, gather
from elman.errors import DataError
from elman.settings import DataSettings, flat, update

__all__ = ["FAMILIES", "Answer", "Files", "SourceFile", "gather", "read_examples", "settled"]

#: The families in the order in which they are asked: the surest first, plain text last.
FAMILIES = {
    "ink": "elman.data.sources.ink",
    "audio": "elman.data.sources.audio",
    "series": "elman.data.sources.series_files",
    "frames": "elman.data.sources.video",
    "npz": "elman.data.sources.npz",
    "ts": "elman.data.sources.ts_files",
    "dna": "elman.data.sources.dna",
    "tags": "elman.data.sources.tags",
    "folders": "elman.data.sources.folders",
    "tables": "elman.data.sources.tables",
    "lines": "elman.data.sources.lines",
}


def read_examples(paths: Path | str | Iterable[Path | str], data: DataSettings, answer: Answer | None) -> Examples:
    """The sequences in files, folders and archives, with what is to be learnt of each.

    ``answer`` says what that is: one ``class``, several ``classes``, ``tags`` for the steps, ``numbers``; with None
    nothing has to be there to learn, as in `elman predict`. Raises `DataError`.
    """
    files = gather(paths)
    for module in FAMILIES.values():
        examples: Examples | None = importlib.import_module(module).read(files, data, answer)
        if examples is not None:
            return _checked(examples, files)
    wanted = "" if data.kind == "auto" else f" of the kind '{data.kind}'"
    raise DataError(
        f"{files.asked}: expected sequences{wanted}, found {files[0].name}"
        f"{f' and {len(files) - 1} more files' if len(files) > 1 else ''}, which nothing here reads."
    )


def settled(data: DataSettings, examples: Examples) -> DataSettings:
    """The settings with which files like those of ``examples`` are read in the same way, without guesses."""
    usual = flat(DataSettings())
    return update(data, {name: value for name, value in examples.guessed.items() if flat(data)[name] == usual[name]})


def _checked(examples: Examples, files: Files) -> Examples:
    if not len(examples):
        raise DataError(f"{files.asked}: holds no sequences.")
    if examples.parts is not None and "train" not in examples.parts:
        return replace(examples, parts=None)
    return examples
