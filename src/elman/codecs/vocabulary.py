"""The vocabulary file in a model folder: ``vocabulary.json``, a JSON list of symbols in the order of their ids."""

from __future__ import annotations

import json
from pathlib import Path

from elman.errors import DataError

FILE = "vocabulary.json"


def write(folder: Path, symbols: list[str], prefix: str = "") -> None:
    """Write ``symbols``, one per line; ``prefix`` begins the file's name where a folder has several."""
    text = json.dumps(symbols, ensure_ascii=False, indent=0)
    (folder / f"{prefix}{FILE}").write_text(text + "\n", encoding="utf-8")


def read(path: Path, *first: str) -> list[str]:
    """Return the symbols after the ``first`` ones, which must be there; raises `DataError` on anything damaged."""
    try:
        symbols = json.loads(read_file(path))
    except ValueError as error:
        raise damaged(path, f"is not valid JSON: {error}") from None
    if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
        raise damaged(path, "expected a list of texts")
    if symbols[: len(first)] != list(first) or len(set(symbols)) != len(symbols):
        raise damaged(path, f"expected distinct symbols that begin with {' and '.join(first)}")
    return symbols[len(first) :]


def read_file(path: Path) -> str:
    """Return the text of one file of a model folder, or raise `DataError`."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path}: is missing, the model folder is incomplete. Copy the whole folder again.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise damaged(path, "is not UTF-8 text") from None


def damaged(path: Path, what: str) -> DataError:
    """Return the error for a file that is there and makes no sense."""
    return DataError(f"{path}: {what}. The file is damaged; copy the model folder again.")
