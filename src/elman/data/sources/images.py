"""Pictures with text: lines of writing, each with its transcript beside it or in a table, and scenes with captions."""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from elman.codecs.raw import Picture
from elman.data.examples import Answer, Examples
from elman.data.sources.captions import caption_table
from elman.data.sources.files import Files, parts_of
from elman.data.sources.items import Item, items_of, named_by_table, tables_of
from elman.data.sources.texts_beside import named_beside
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pbm")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Pictures, each with a text or several: of a table, or of a file beside it; None where there are no pictures."""
    if answer not in ("text", None) or (data.kind != "images" and (data.kind != "auto" or answer is None)):
        return None
    pictures = files.of(*SUFFIXES)
    items = items_of(pictures, lambda file: decode(file.content(), file.name))
    if answer is None and items:
        names = [str(item.path) for item in items]
        return Examples("images", [item.load() for item in items], None, names, parts=parts_of(list(pictures)))
    table = caption_table(files, data.encoding) or tables_of(files, SUFFIXES, data, bool(items))
    if table is not None:
        found = named_by_table("images", table, items, _item_at, data, answer)
        if found is not None:
            return found
    beside = named_beside("images", items, files, data)
    if beside is None and items:
        raise DataError(
            f"{files.asked}: {len(items)} pictures, such as {items[0].path}, but nothing that says what stands in them."
            " Give a table (CSV, JSON lines) with the columns file and text, or a.gt.txt beside a.png."
        )
    return beside


def decode(raw: bytes, name: str) -> Picture:
    """The bytes of a picture: grey where it has no colour. Raises `DataError`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(raw)) as picture:
            flat = _without_transparency(picture)
            return Picture(np.asarray(flat).reshape(flat.height, flat.width, -1))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise DataError(f"{name}: is no picture that Pillow reads, or not a whole one. Convert it to PNG.") from None


def _without_transparency(picture: Any) -> Any:
    """A picture in grey or in colour, on white."""
    from PIL import Image

    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("1", "L", "I", "F"):
        return picture.convert("L")
    if "A" in picture.getbands() or "transparency" in picture.info:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA"))
    colours = picture.convert("RGB")
    red, green, blue = (channel.tobytes() for channel in colours.split())
    return colours.getchannel(0) if red == green == blue else colours


def _item_at(path: Path) -> Item | None:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return None
    return Item(PurePosixPath(path.name), lambda: decode(path.read_bytes(), str(path)))
