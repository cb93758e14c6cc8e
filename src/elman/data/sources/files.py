"""What is there: the files that a user names, in folders and archives alike, each with the part that its name tells."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import final

from elman.data.text_files import decode
from elman.errors import DataError, nearest

#: What folders and files call the parts of a split.
PART_NAMES = {
    "train": "train", "training": "train", "trn": "train",
    "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid", "devel": "valid",
    "test": "test", "testing": "test", "tst": "test", "testa": "valid", "testb": "test",  # the last two in CoNLL
}  # fmt: skip

#: Suffixes of files that are surely no text to read line by line, by what they hold.
_KINDS = {
    "tables": (".csv", ".tsv", ".tab", ".psv", ".json", ".jsonl", ".ndjson", ".parquet"),
    "arrays": (".npz", ".npy"),
    "series": (".ts",),
    "FASTA": (".fa", ".fasta", ".fna", ".fas"),
    "recordings": (".wav", ".flac", ".ogg", ".mp3", ".opus", ".aiff"),
    "pictures": (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"),
    "video": (".mp4", ".avi", ".mov", ".mkv", ".webm"),
    "ink": (".inkml",),
}
#: What to do with files that are not read.
_ADVICE = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "Save the sheet as CSV."),
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".pt", ".pth"), "Loading it would run code. Save arrays as .npz."),
    **dict.fromkeys(
        (".mat", ".h5", ".hdf5", ".rdata", ".rda", ".arff", ".feather", ".tfrecord"), "Save it as .npz or CSV."
    ),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".html", ".rtf"), "Save its text as .txt."),
    ".7z": "Unpack it.",
    ".rar": "Unpack it.",
}
#: Suffixes that say how a file is packed, not what it holds.
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.decompress,
    ".xz": lzma.decompress,
    ".bz2": bz2.decompress,
}
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
#: Files that describe data and are none.
_ABOUT = re.compile(
    r"(?i)^(licen[cs]e|copying|notice|citation|changelog|authors|\.|~)|(^|[._-])readme|^__macosx|\.(md|rst|names)$"
)


@final
@dataclass(frozen=True, eq=False)
class SourceFile:
    """One file, on disk or in an archive.

    Attributes:
        name: What messages call it.
        path: Its place below what the user named, without the suffix of packing.
        load: Gives its bytes as they are stored.
        packing: ``.gz`` and the like; empty for a plain file.
        part: ``train``, ``valid`` or ``test`` where its name or folder says so.
        on_disk: Its path, for readers that cannot take bytes; None in an archive.
    """

    name: str
    path: PurePosixPath
    load: Callable[[], bytes]
    packing: str = ""
    part: str | None = None
    on_disk: Path | None = None

    @property
    def suffix(self) -> str:
        """The end of its name in lower case, such as ``.csv``; that of packing does not count."""
        return self.path.suffix.lower()

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders it lies in, below what the user named, without those that name a part."""
        return tuple(name for name in self.path.parts[:-1] if name.lower() not in PART_NAMES)

    def content(self) -> bytes:
        """Its bytes, unpacked. Raises `DataError`."""
        raw = self.load()
        if not self.packing:
            return raw
        try:
            return _UNPACK[self.packing](raw)
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            raise DataError(f"{self.name}: is not a whole {self.packing} file. Get it again or unpack it.") from None

    def text(self, encoding: str) -> str:
        r"""Its text with plain line ends; ``auto`` takes UTF-8, or UTF-16 by its mark, else cp1252."""
        return decode(self.name, raw := self.content(), guess_encoding(raw) if encoding == "auto" else encoding)


def guess_encoding(raw: bytes) -> str:
    r"""The encoding that the bytes of a text are surely or likely in.

    >>> guess_encoding("né".encode()), guess_encoding("né".encode("latin-1")), guess_encoding("né".encode("utf-16"))
    ('utf-8', 'cp1252', 'utf-16')
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"


@final
@dataclass(frozen=True)
class Files(Sequence[SourceFile]):
    """The files that a user named, in the order of their names."""

    files: tuple[SourceFile, ...]
    asked: str
    #: Whether the user named them one by one, in an order that may tell something.
    in_order: bool = False

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self.files[index]

    def __len__(self) -> int:
        return len(self.files)

    def of(self, *suffixes: str) -> Files:
        """Those whose names end so."""
        return replace(self, files=tuple(file for file in self.files if file.suffix in suffixes))

    def all_of(self, *suffixes: str) -> bool:
        """Whether every file's name ends so."""
        return bool(self.files) and all(file.suffix in suffixes for file in self.files)

    def kinds(self) -> dict[str, int]:
        """How many files are tables, arrays, recordings and so on, as their names tell; others are text."""
        found = (next((kind for kind, ends in _KINDS.items() if file.suffix in ends), "text") for file in self.files)
        return dict(Counter(found))

    def one_set(self) -> None:
        """Raise `DataError` where files for training and test, by their names, belong to several data sets."""
        sets: dict[str, list[str]] = {}
        for file in self.files:
            if len(file.path.parts) == 1 and _part(file.path):
                start = re.split(rf"(?i)[^a-z0-9](?:{'|'.join(PART_NAMES)})(?![a-z0-9])", file.path.name)
                sets.setdefault(start[0] if len(start) > 1 else "", []).append(file.name)
        with_parts = {name: files for name, files in sets.items() if name and len(files) > 1}
        if len(with_parts) > 1:
            folder = Path(next(iter(with_parts.values()))[0]).parent
            choices = " or ".join(str(folder / name) for name in with_parts)
            raise DataError(
                f"{self.asked}: holds {len(with_parts)} data sets, each with its parts. Name one of them: {choices}."
            )


def gather(paths: Path | str | Iterable[Path | str]) -> Files:
    """The files below ``paths``: files, folders, archives, or the common beginning of the names of some files.

    Hidden files, and those that only describe others (README, LICENSE), are left out. Raises `DataError`.
    """
    several = [Path(path) for path in ([paths] if isinstance(paths, (str, Path)) else paths)]
    if not several:
        raise DataError("expected the path of a file or folder, found none.")
    found: list[SourceFile] = []
    for path in several:
        found += _below(path, keep_name=len(several) > 1)
    asked = ", ".join(map(str, several))
    if not found:
        raise DataError(f"{asked}: holds no file with data in it.")
    for file in found:
        if len(found) == 1 and file.suffix in _ADVICE:
            raise DataError(f"{file.name}: files of the kind {file.suffix} are not read. {_ADVICE[file.suffix]}")
    in_order = len(several) > 1 and all(path.is_file() for path in several)
    return Files(tuple(replace(file, part=_part(file.path)) for file in found), asked, in_order)


def _below(path: Path, keep_name: bool) -> list[SourceFile]:
    if path.is_dir():
        return list(_folder(path, PurePosixPath(path.name) if keep_name else PurePosixPath()))
    if path.is_file():
        return list(_file(path, PurePosixPath(path.name)))
    same_start = sorted(path.parent.glob(path.name + "[._-]*")) if path.name else []
    same_start = [file for file in same_start if file.is_file() and _part(PurePosixPath(file.name))]
    if same_start:
        return [found for file in same_start for found in _file(file, PurePosixPath(file.name))]
    beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
    raise DataError(f"{path}: there is no such file or folder.{nearest(path.name, beside)}")


def _folder(folder: Path, inside: PurePosixPath) -> Iterator[SourceFile]:
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if _ABOUT.search(path.name):
            continue
        if path.is_dir():
            yield from _folder(path, inside / path.name)
        elif path.is_file():
            yield from _file(path, inside / path.name)


def _file(path: Path, inside: PurePosixPath) -> Iterator[SourceFile]:
    if path.name.lower().endswith(_ARCHIVES):
        yield from _archive(path)
    else:
        yield _source(str(path), inside, lambda: _read(path), path)


def _source(name: str, inside: PurePosixPath, load: Callable[[], bytes], on_disk: Path | None = None) -> SourceFile:
    packing = inside.suffix.lower() if inside.suffix.lower() in _UNPACK else ""
    plain = inside.with_name(inside.name[: -len(packing)]) if packing else inside
    return SourceFile(name, plain, load, packing, on_disk=on_disk)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


def _archive(path: Path) -> Iterator[SourceFile]:
    try:
        members = _zipped(path) if path.suffix.lower() == ".zip" else _tarred(path)
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{path}: is not a whole archive ({error}). Get it again or unpack it.") from None
    for name in sorted(members):
        inside = PurePosixPath(name)
        if not any(_ABOUT.search(part) for part in inside.parts):
            yield _source(f"{path}/{name}", inside, members[name])


def _zipped(path: Path) -> dict[str, Callable[[], bytes]]:
    archive = zipfile.ZipFile(path)
    return {item.filename: partial(archive.read, item) for item in archive.infolist() if not item.is_dir()}


def _tarred(path: Path) -> dict[str, Callable[[], bytes]]:
    """A packed tar cannot be read in any order, so its contents stay in memory."""
    contents: dict[str, Callable[[], bytes]] = {}
    with tarfile.open(path) as archive:
        for item in archive:
            reader = archive.extractfile(item) if item.isfile() else None
            if reader is not None:
                contents[item.name.removeprefix("./")] = io.BytesIO(reader.read()).getvalue
    return contents


def parts_of(files: Sequence[SourceFile]) -> list[str] | None:
    """The part of each file, where folders or names tell of training and of others."""
    parts = [file.part for file in files]
    return [part or "train" for part in parts] if "train" in parts and len(set(parts)) > 1 else None


def part_in(path: PurePosixPath) -> str:
    """The part that the folders of a path tell, be it by a piece of their names; else ``train``.

    >>> part_in(PurePosixPath("extra_test/a.png")), part_in(PurePosixPath("a.png"))
    ('test', 'train')
    """
    words = [word.lower() for folder in path.parts[:-1] for word in name_words(folder)]
    return next((PART_NAMES[word] for word in words if word in PART_NAMES), "train")


def name_words(name: str) -> list[str]:
    """The pieces of a file's name: ``stsa.binary.train`` gives ``["stsa", "binary", "train"]``."""
    return [word for word in re.split(r"[^\w]|_", name) if word]


def _part(path: PurePosixPath) -> str | None:
    """The part of a split that a folder or a piece of the name tells."""
    for folder in path.parts[:-1]:
        if folder.lower() in PART_NAMES:
            return PART_NAMES[folder.lower()]
    parts = {PART_NAMES[word.lower()] for word in name_words(path.name) if word.lower() in PART_NAMES}
    return parts.pop() if len(parts) == 1 else None
