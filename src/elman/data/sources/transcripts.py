"""Transcripts by key: Kaldi's folders, Sphinx's ``.transcription`` and ``.fileids``, LibriSpeech's ``.trans.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, final

from elman.data.examples import Answer, Examples, Kind
from elman.data.sources import audio, npz
from elman.data.sources.files import Files, SourceFile, part_in
from elman.data.sources.items import Item, items_of
from elman.data.sources.spans import cut
from elman.errors import DataError

if TYPE_CHECKING:
    from elman.settings import DataSettings

#: A line of Sphinx: what was said, and the end of a file's name.
_SPHINX = re.compile(r"(.*?)\s*\(([^()\s]+)\)")
_SENTENCE_MARKS = re.compile(r"</?s>")
_ARRAYS = (".npz",)


@final
@dataclass(frozen=True)
class _Row:
    """What one line of transcripts says, and where it stands."""

    key: str
    text: str
    place: str
    part: str | None
    folder: str


def read(files: Files, data: DataSettings, answer: Answer | None) -> Examples | None:
    """Recordings, or features of them in ``.npz``, with their transcripts; None where the files are of other forms."""
    if answer not in ("text", None) or data.kind not in ("auto", "audio", "series"):
        return None
    lists = [file for file in files if file.path.name == "wav.scp"]
    if lists:
        return _kaldi(files, lists, data, answer)
    if answer is None and data.kind == "auto":  # a folder to read may hold transcripts beside
        return None
    rows = [*_sphinx_rows(files, data.encoding), *_libri_rows(files, data.encoding)]
    return _by_key(rows, files, data, answer) if rows else None


# ---- Kaldi


def _kaldi(files: Files, lists: Sequence[SourceFile], data: DataSettings, answer: Answer | None) -> Examples:
    found = [_kaldi_folder(files, scp, data, answer) for scp in lists]
    parts = [scp.part or part_in(scp.path) for scp in lists for _ in range(len(found[lists.index(scp)]))]
    first = found[0]
    groups = [group for each in found for group in each.groups or ()]
    return replace(
        first,
        inputs=[raw for each in found for raw in each.inputs],
        targets=None if answer is None else [target for each in found for target in each.targets or ()],
        names=[name for each in found for name in each.names],
        groups=groups if len(groups) == len(parts) else None,
        parts=parts if "train" in parts and len(set(parts)) > 1 else None,
    )


def _kaldi_folder(files: Files, scp: SourceFile, data: DataSettings, answer: Answer | None) -> Examples:
    beside = {file.path.name: file for file in files if file.path.parent == scp.path.parent}
    sounds = dict(_pairs(scp, data.encoding))
    segments = _segments(beside["segments"], data.encoding) if "segments" in beside else None
    speakers = dict(_pairs(beside["utt2spk"], data.encoding)) if "utt2spk" in beside else {}
    texts = list(_keyed(beside["text"], data.encoding)) if "text" in beside else []
    if answer is not None and not texts:
        raise DataError(f"{scp.name}: expected a file 'text' with the transcripts beside it, found none.")
    keys = [row.key for row in texts] if answer is not None else list(segments or sounds)
    places = [row.place for row in texts] if answer is not None else [f"{scp.name}, {key}" for key in keys]
    spans, items = [], []
    made: dict[str, Item] = {}
    for key, place in zip(keys, places, strict=True):
        sound, start, end = segments[key] if segments and key in segments else (key, 0.0, float("inf"))
        if sound not in sounds:
            raise DataError(f"{place}: '{sound}' is not in {scp.name}. Every transcript needs its sound.")
        if sound not in made:
            made[sound] = _sound(sounds[sound], scp, files)
        items.append(made[sound])
        spans.append((start, end))
    groups = [speakers[key] for key in keys] if keys and all(key in speakers for key in keys) else None
    return Examples(
        "audio",
        cut(items, spans, places),
        [row.text for row in texts] if answer is not None else None,
        keys,
        groups=groups,
        notes=("The files are Kaldi's: 'wav.scp' names the recordings, 'text' what is said in them.",),
        guessed={"kind": "audio"},
    )


def _segments(file: SourceFile, encoding: str) -> dict[str, tuple[str, float, float]]:
    found = {}
    for number, line in _lines(file, encoding):
        cells = line.split()
        try:
            key, sound, start, end = cells[0], cells[1], float(cells[2]), float(cells[3])
        except (IndexError, ValueError):
            raise DataError(
                f"{file.name}, row {number}: expected a name, its recording, start and end in seconds, found '{line}'."
            ) from None
        if not 0 <= start < end:
            raise DataError(f"{file.name}, row {number}: expected a start before an end, found {start:g} to {end:g}.")
        found[key] = (sound, start, end)
    return found


def _sound(cell: str, scp: SourceFile, files: Files) -> Item:
    """The recording that a line of wav.scp names."""
    if cell.endswith("|"):
        raise DataError(
            f"{scp.name}: '{cell[:60]}' is a command, and commands are not run. Write the sounds to files and name"
            " them."
        )
    for place in (PurePosixPath(cell), scp.path.parent / cell):
        for file in files:
            if file.path == place:
                return items_of(replace(files, files=(file,)), lambda file: audio.decode(file.content(), file.name))[0]
    for path in (Path(cell), *([scp.on_disk.parent / cell] if scp.on_disk is not None else [])):
        if path.is_file():
            return Item(PurePosixPath(path.name), lambda path=path: audio.decode(path.read_bytes(), str(path)))  # type: ignore[misc]
    raise DataError(f"{scp.name}: there is no file '{cell}'. Paths are below the folder of wav.scp, or whole ones.")


def _pairs(file: SourceFile, encoding: str) -> Iterator[tuple[str, str]]:
    """A key and what follows it, of each line."""
    for number, line in _lines(file, encoding):
        key, *rest = line.split(maxsplit=1)
        if not rest:
            raise DataError(f"{file.name}, row {number}: expected a name and what belongs to it, found '{line}'.")
        yield key, rest[0]


def _keyed(file: SourceFile, encoding: str) -> Iterator[_Row]:
    for number, line in _lines(file, encoding):
        key, *rest = line.split(maxsplit=1)
        if not rest:
            raise DataError(f"{file.name}, row {number}: '{key}' has no transcript. Write it, or take the line out.")
        yield _Row(key, " ".join(rest[0].split()), f"{file.name}, row {number}", file.part, str(file.path.parent))


def _lines(file: SourceFile, encoding: str) -> Iterator[tuple[int, str]]:
    lines = ((number, line.strip()) for number, line in enumerate(file.text(encoding).split("\n"), 1))
    return ((number, line) for number, line in lines if line)


# ---- keys that are ends of names


def _sphinx_rows(files: Files, encoding: str) -> Iterator[_Row]:
    """The lines of ``.transcription`` files, each ``WHAT IS SAID (name)``, with the whole name from ``.fileids``."""
    for file in files.of(".transcription"):
        ids = [other for other in files.of(".fileids") if other.path.stem == file.path.stem]
        whole = {PurePosixPath(line).name: line for other in ids for _, line in _lines(other, encoding)}
        for number, line in _lines(file, encoding):
            match = _SPHINX.fullmatch(line)
            text = "" if match is None else " ".join(_SENTENCE_MARKS.sub(" ", match[1]).split())
            if match is None or not text:
                raise DataError(
                    f"{file.name}, row {number}: expected what is said and the name of its file in brackets, found"
                    f" '{line[:60]}'."
                )
            key = match[2]
            yield _Row(whole.get(PurePosixPath(key).name, key), text, f"{file.name}, row {number}", file.part, "")


def _libri_rows(files: Files, encoding: str) -> Iterator[_Row]:
    for file in files:
        if file.path.name.lower().endswith(".trans.txt"):
            yield from _keyed(file, encoding)


def _by_key(rows: Sequence[_Row], files: Files, data: DataSettings, answer: Answer | None) -> Examples:
    """The recordings or arrays of features that keys name: by their whole path, else by the end of it."""
    sounds = files.of(*audio.SUFFIXES)
    if len(sounds):
        kind: Kind = "audio"
        items = items_of(sounds, lambda file: audio.decode(file.content(), file.name))
    else:
        kind, items = "series", npz.array_items(files.of(*_ARRAYS))
    whole = {str(item.path.with_suffix("")) if kind == "audio" else str(item.path): item for item in items}
    ends = {PurePosixPath(name).name: item for name, item in whole.items()}
    found = []
    for row in rows:
        item = whole.get(row.key) or whole.get(f"{row.folder}/{row.key}") or ends.get(PurePosixPath(row.key).name)
        if item is None:
            what = "recording" if kind == "audio" else "array in a .npz file"
            raise DataError(f"{row.place}: there is no {what} '{row.key}' in {files.asked}.")
        found.append(item)
    parts = [row.part or part_in(item.path) for row, item in zip(rows, found, strict=True)]
    folders = [item.path.parent.name for item in found]
    few = 1 < len(set(folders)) < len(found) / 2
    notes = [f"A transcript names its {'recording' if kind == 'audio' else 'array of features'}."]
    if few:
        notes.append(f"Files belong together by their folders ({len(set(folders))} of them).")
    return Examples(
        kind,
        [item.load() for item in found],
        None if answer is None else [row.text for row in rows],
        [str(item.path) for item in found],
        groups=folders if few else None,
        parts=parts if "train" in parts and len(set(parts)) > 1 else None,
        notes=tuple(notes),
        guessed={"kind": kind},
    )
