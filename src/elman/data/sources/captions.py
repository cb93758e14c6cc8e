"""Captions as data sets of pictures write them: Flickr's ``image.jpg#0<TAB>caption``, COCO's and Karpathy's JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from elman.data.sources.files import Files, SourceFile
from elman.data.sources.table import Table, join
from elman.errors import DataError

#: A line of Flickr's token files.
_TOKEN = re.compile(r"(\S+\.\w+)#\d+\t(.*)")


def caption_table(files: Files, encoding: str) -> Table | None:
    """The columns ``image``, ``caption`` and maybe ``split`` of files in those forms; None where there are none."""
    found = [table for file in files if (table := _flickr(file, encoding) or _nested(file, encoding)) is not None]
    return join(found, files.asked) if found else None


def _flickr(file: SourceFile, encoding: str) -> Table | None:
    if file.suffix not in (".txt", ".token", ".tsv"):
        return None
    lines = [(number, line) for number, line in enumerate(file.text(encoding).split("\n"), 1) if line.strip()]
    matches = [_TOKEN.fullmatch(line) for _, line in lines]
    if not lines or matches[0] is None:
        return None
    for (number, line), match in zip(lines, matches, strict=True):
        if match is None:
            raise DataError(
                f"{file.name}, row {number}: expected 'image.jpg#0', a tab and a caption, found '{line[:40]}'."
            )
    columns = {"image": [match[1] for match in matches if match], "caption": [match[2] for match in matches if match]}
    return Table(file.name, columns, [file] * len(lines), [number for number, _ in lines])


def _nested(file: SourceFile, encoding: str) -> Table | None:
    """COCO: ``images`` and ``annotations``; Karpathy's splits: ``images`` with ``sentences``."""
    if file.suffix != ".json":
        return None
    try:
        whole = json.loads(file.text(encoding))
    except json.JSONDecodeError as error:
        raise DataError(f"{file.name}, row {error.lineno}: is not JSON ({error.msg}).") from None
    if not isinstance(whole, dict) or not isinstance(whole.get("images"), list):
        return None
    images = [image for image in whole["images"] if isinstance(image, dict)]
    if isinstance(whole.get("annotations"), list):
        names = {image.get("id"): image.get("file_name") for image in images}
        rows = [(names.get(note.get("image_id")), note.get("caption"), None) for note in whole["annotations"]]
    else:
        rows = [
            (image.get("filename"), sentence.get("raw"), _part(image.get("split")))
            for image in images
            for sentence in image.get("sentences", ())
        ]
    if not rows or any(image is None or caption is None for image, caption, _ in rows):
        return None
    columns: dict[str, list[Any]] = {"image": [row[0] for row in rows], "caption": [row[1] for row in rows]}
    if all(part is not None for *_, part in rows):
        columns["split"] = [part for *_, part in rows]
    return Table(file.name, columns, [file] * len(rows), list(range(1, len(rows) + 1)))


def _part(name: Any) -> Any:
    return "train" if name == "restval" else name  # what COCO's validation images left for training
