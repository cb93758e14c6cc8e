"""Transcripts in files of their own: ``line1.gt.txt`` beside ``line1.png``, ``a.txt`` or ``a.lab`` beside ``a.wav``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from elman.data.examples import Examples, Kind
from elman.data.sources import names
from elman.data.sources.files import Files, SourceFile, part_in
from elman.data.sources.items import Item
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: What follows the name of the other file, the surest first.
_ENDS = (".gt.txt", ".txt", ".lab", ".transcript")
#: Files without a text beside that may be left out, as a share of all.
_FEW = 0.1


def named_beside(kind: Kind, items: Sequence[Item], files: Files, data: DataSettings) -> Examples | None:
    """The sequences with the texts of files that are called like theirs; None where hardly any has one.

    Raises `DataError` for an empty text.
    """
    texts = _texts(files)
    beside = [texts.get(_key(item.path)) for item in items]
    alone = [item for item, file in zip(items, beside, strict=True) if file is None]
    if not items or len(alone) > _FEW * len(items):
        return None
    pairs = [(item, file) for item, file in zip(items, beside, strict=True) if file is not None]
    notes = ["The text of each file stands in a file beside it."]
    if alone:
        notes.append(f"{len(alone)} files without a text beside them, such as {alone[0].path}, are left out.")
    paths = [item.path for item, _ in pairs]
    parts = [part_in(path) for path in paths]
    return Examples(
        kind,
        [item.load() for item, _ in pairs],
        [_written(file, data.encoding) for _, file in pairs],
        [str(path) for path in paths],
        groups=names.pick_all(data.group, paths, "group") if data.group else None,
        parts=parts if "train" in parts and len(set(parts)) > 1 else None,
        notes=tuple(notes),
        guessed={"kind": kind},
    )


def _texts(files: Files) -> dict[str, SourceFile]:
    found: dict[str, SourceFile] = {}
    for end in reversed(_ENDS):
        found |= {str(file.path)[: -len(end)]: file for file in files if file.path.name.lower().endswith(end)}
    return found


def _key(path: PurePosixPath) -> str:
    """The path without suffixes; ``.bin`` and ``.nrm`` are what OCRopus makes of a picture."""
    plain = path.with_suffix("")
    return str(plain.with_suffix("") if plain.suffix in (".bin", ".nrm") else plain)


def _written(file: SourceFile, encoding: str) -> str:
    text = " ".join(file.text(encoding).split())
    if not text:
        raise DataError(f"{file.name}: is empty. Write what is said or written, or take both files out.")
    return text
