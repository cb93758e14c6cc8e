"""Text files in, documents out: decoded, checked, with plain line ends."""

from __future__ import annotations

import codecs
import gzip
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError, SettingsError, nearest

Document = TypeVar("Document", str, NDArray[Any])

#: Control characters that plain text may hold: bell to carriage return, and escape for coloured terminals.
_PLAIN_CONTROLS = (*range(7, 14), 27)
#: Text has hardly any other control characters, arbitrary bytes have about 9%.
_MOST_CONTROLS = 0.05


def read_texts(paths: Sequence[Path], encoding: str = "utf-8", at_least: int = 2) -> list[str]:
    """Read each file as one document; raises `DataError` if they have fewer than ``at_least`` characters together."""
    texts = [read_text(path, encoding) for path in paths]
    total = sum(map(len, texts))
    if total < at_least:
        names = ", ".join(map(str, paths)) or "no file"
        raise DataError(f"{names}: expected at least {at_least} characters of text, found {total}. Give more text.")
    return texts


def read_text(path: Path, encoding: str = "utf-8") -> str:
    r"""Return the text of one file; ``.gz`` is unpacked, a byte order mark dropped, ``\r\n`` and ``\r`` become ``\n``.

    Raises `DataError` where the file is missing, a folder, unreadable, empty, binary or in another encoding,
    `SettingsError` where ``encoding`` has no meaning.
    """
    return decode(path, _read_bytes(path), encoding)


def decode(path: Path | str, raw: bytes, encoding: str = "utf-8") -> str:
    """The text of the bytes of a file, see `read_text`; ``path`` is for messages."""
    if not raw:
        raise DataError(f"{path}: is empty. Expected a text file.")
    try:
        wide = len("aa".encode(encoding)) - len("a".encode(encoding)) > 1
    except (LookupError, UnicodeError):
        raise SettingsError(f"encoding takes a name such as utf-8, cp1252 or utf-16, not '{encoding}'.") from None
    if not wide:
        _refuse_binary(path, raw)
    text = _decode(path, raw, encoding).removeprefix("\ufeff")
    if "\0" in text:
        raise DataError(f"{path}: holds NUL characters, so it is binary or not in the encoding {encoding}.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_held_out(documents: Sequence[Document], share: float) -> tuple[list[Document], list[Document]]:
    """Cut the concatenation of ``documents`` in two: its beginning to train, its last ``share`` held out.

    With n symbols in all the first floor((1 - share) n) are for training, as nanoGPT prepares
    tinyshakespeare. A document that lies across the cut becomes two.

    >>> split_held_out(["abcdef", "ghij"], 0.5)
    (['abcde'], ['f', 'ghij'])
    """
    cut = math.floor((1 - share) * sum(map(len, documents)))
    train: list[Document] = []
    held_out: list[Document] = []
    for document in documents:
        here = min(max(cut, 0), len(document))
        cut -= len(document)
        train += [document[:here]] if here else []
        held_out += [document[here:]] if here < len(document) else []
    return train, held_out


def _read_bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except FileNotFoundError:
        raise DataError(f"{path}: there is no such file.{nearest(path.name, _names_beside(path))}") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(f"{path}: is not a whole gzip file. Unpack it with gunzip to see what is wrong.") from None
    except OSError as error:
        if path.is_dir():
            raise DataError(f"{path}: is a folder. Name the text files in it, such as {path / '*.txt'}.") from None
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None


def _names_beside(path: Path) -> list[str]:
    try:
        return [file.name for file in path.parent.iterdir()]
    except OSError:
        return []


def _refuse_binary(path: Path | str, raw: bytes) -> None:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: looks like UTF-16 text. Say --encoding utf-16.")
    where = raw.find(b"\0")
    if where >= 0:
        raise DataError(f"{path}: is binary, not text: byte {where} is NUL. If it is UTF-16 say --encoding utf-16.")
    counts = np.bincount(np.frombuffer(raw, dtype=np.uint8), minlength=32)
    controls = counts[:32].sum() - counts[list(_PLAIN_CONTROLS)].sum()
    if controls > _MOST_CONTROLS * len(raw):
        raise DataError(f"{path}: is binary, not text: {controls / len(raw):.0%} of its bytes are control characters.")


def _decode(path: Path | str, raw: bytes, encoding: str) -> str:
    other = "cp1252" if codecs.lookup(encoding).name == "utf-8" else "utf-8"
    advice = f"Say which encoding the file has, for example --encoding {other}."
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = f"byte {error.start} (0x{raw[error.start]:02X}) is not {encoding} text"
        raise DataError(f"{path}, line {line}: {found}. {advice}") from None
    except UnicodeError as error:
        raise DataError(f"{path}: is not {encoding} text ({error}). {advice}") from None
