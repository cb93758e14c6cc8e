"""Compiled code kept on disk, so that what was compiled once is there in milliseconds ever after.

An entry is one file: a digest of what follows, what the caller must know of the code as a line of JSON, the object
file. Its name is a digest of everything that shaped it, the compiler's own source among that, so entries never grow
old, they only fall out of use. A damaged one is made again. Processes may share the folder: entries appear whole, and
two that are made at the same time are equal. Whoever can write into the folder can run code as its user, as with the
``.pyc`` files beside Python's own modules.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from elman.errors import SaveError
from elman.system import cache_folder, publish

#: Entries that nobody has asked for in so many days are removed.
DAYS_UNUSED = 60

_logger = logging.getLogger("elman")


@dataclass(frozen=True)
class Entry:
    """Compiled code.

    Attributes:
        facts: What the caller must know of it; of JSON's types.
        object_file: As `elman.compiler.machine.compile_object` makes it.
    """

    facts: dict[str, Any]
    object_file: bytes


def recall(shaped_by: tuple[str, ...], make: Callable[[], Entry]) -> Entry:
    """The entry that the last process kept, or else a new one by ``make``.

    Args:
        shaped_by: Everything that the code depends on, but for the compiler itself.
        make: Compiles.
    """
    name = f"{_digest(*shaped_by)}.kernel"
    try:
        path = cache_folder() / "kernels" / name
    except SaveError as error:
        _tell_once(f"Compiled code is not kept. {error}")
        return make()
    entry = _read(path)
    if entry is None:
        entry = make()
        _keep(path, entry)
    return entry


def _digest(*shaped_by: str) -> str:
    return hashlib.sha256(json.dumps([_compiler(), *shaped_by]).encode()).hexdigest()[:40]


@functools.cache
def _compiler() -> str:
    """The compiler itself: its source, and the version of the library that makes machine code for it."""
    total = hashlib.sha256(f"LLVM {llvm.llvm_version_info}".encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        total.update(file.read_bytes())
    return total.hexdigest()


def _read(path: Path) -> Entry | None:
    """The entry, if it is there and whole; it is then marked as used."""
    try:
        content = path.read_bytes()
    except OSError:  # not there; if it cannot be read, that is told when it cannot be written either
        return None
    digest, _, rest = content.partition(b"\n")
    facts, _, object_file = rest.partition(b"\n")
    if digest != hashlib.sha256(rest).hexdigest().encode():
        _logger.warning("%s is damaged; it is compiled again.", path)
        return None
    with contextlib.suppress(OSError):  # a folder that is only read has no need of the mark
        os.utime(path)
    return Entry(json.loads(facts), object_file)


def _keep(path: Path, entry: Entry) -> None:
    rest = json.dumps(entry.facts).encode() + b"\n" + entry.object_file
    try:
        publish(path, hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    except SaveError as error:
        _tell_once(f"Compiled code is not kept; every process compiles anew. {error} ELMAN_CACHE names another folder.")
        return
    _remove_unused(path.parent)


def _remove_unused(folder: Path) -> None:
    """Also removes what processes left behind that were stopped while they wrote."""
    limit = time.time() - DAYS_UNUSED * 24 * 3600
    for file in [*folder.glob("*.kernel"), *folder.glob(".*.kernel.*.part")]:
        with contextlib.suppress(OSError):  # another process was quicker
            if file.stat().st_mtime < limit:
                file.unlink()


@functools.cache
def _tell_once(message: str) -> None:
    _logger.warning(message)
