"""Sound: WAV, FLAC, OGG and what else libsndfile reads; classes by folders, by names, or by a table of files."""

from __future__ import annotations

import io
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from elman.codecs.raw import Recording
from elman.data.examples import Answer, Examples
from elman.data.sources.files import Files
from elman.data.sources.items import Item, items_of, named_by_path, named_by_table, tables_of
from elman.data.sources.texts_beside import named_beside
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".w64")


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Recordings, each with what its folder, its name or a table tells; None where the files are no sound."""
    if data.kind not in ("auto", "audio"):
        return None
    sounds = files.of(*SUFFIXES)
    items = items_of(sounds, lambda file: decode(file.content(), file.name))
    table = tables_of(files, SUFFIXES, data, bool(items))
    if table is not None:
        found = named_by_table("audio", table, items, _item_at, data, answer)
        if found is not None:
            return found
    if answer == "text":
        beside = named_beside("audio", items, files, data)
        if beside is None and items:
            raise DataError(
                f"{files.asked}: {len(items)} recordings, such as {items[0].path}, but nothing that says what is said"
                " in them. Give a table (CSV, JSON lines) with the columns path and text, or a.txt beside a.wav."
            )
        return beside
    if not items or (len(items) < len(files) / 2 and data.kind == "auto"):
        return None
    return named_by_path("audio", items, files.asked, data, answer, "recordings")


def decode(raw: bytes, name: str) -> Recording:
    """The bytes of a file of sound as one channel, the mean of all that it has. Raises `DataError`."""
    import soundfile

    try:
        samples, rate = soundfile.read(io.BytesIO(raw), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise DataError(
            f"{name}: is no sound that libsndfile reads ({error.error_string}). Convert it to WAV."
        ) from None
    return Recording(samples.mean(axis=1, dtype=np.float32), int(rate))


def _item_at(path: Path) -> Item | None:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return None
    return Item(PurePosixPath(path.name), lambda: decode(path.read_bytes(), str(path)))


def one_rate(examples: Examples) -> None:
    """Raise `DataError` where recordings have several rates, with a file of each: nobody said which one is meant."""
    found: dict[int, list[str]] = {}
    for raw, name in zip(examples.inputs, examples.names, strict=True):
        if isinstance(raw, Recording):
            found.setdefault(raw.rate, []).append(name)
    if len(found) > 1:
        rates = ", ".join(f"{len(names):,} of {rate} such as {names[0]}" for rate, names in sorted(found.items()))
        raise DataError(
            f"The recordings have {len(found)} sample rates: {rates}. Bring them to one, or say with --rate to which."
        )
