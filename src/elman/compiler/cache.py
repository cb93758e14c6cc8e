"""Compiled code kept on disk, so that what was compiled once is there in milliseconds ever after.

An entry is one file: a digest of the object file, and the object file. Its name is a digest of everything that shaped
it, the compiler's own source among that, so entries never grow old, they only fall out of use. A damaged one is made
again. Processes may share the folder: entries appear whole, and two that are made at the same time are equal. Whoever
can write into the folder can run code as its user, as with the ``.pyc`` files beside Python's own modules.
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
from pathlib import Path

import llvmlite.binding as llvm

from elman.compiler.machine import Code, Host, compile_object
from elman.errors import SaveError
from elman.system import cache_folder, publish

#: Entries that nobody has asked for in so many days are removed.
DAYS_UNUSED = 60

_logger = logging.getLogger("elman")
_loaded: dict[str, Code] = {}


def load(write: Callable[[], str], host: Host, *shaped_by: str) -> Code:
    """Machine code of a text in LLVM's language, compiled unless this process or an earlier one has done it.

    Args:
        write: Writes the text; called only if it must be compiled.
        host: What it is compiled for.
        shaped_by: Everything else that the text depends on, but for the compiler's source.
    """
    name = _digest(host, *shaped_by)
    if name not in _loaded:
        _loaded[name] = Code(_recall(name, lambda: compile_object(write(), host)))
    return _loaded[name]


def _digest(host: Host, *shaped_by: str) -> str:
    return hashlib.sha256(json.dumps([_COMPILER, repr(host), *shaped_by]).encode()).hexdigest()[:40]


def _compiler() -> str:
    """The compiler itself: its source, and the version of the library that makes machine code for it."""
    total = hashlib.sha256(f"LLVM {llvm.llvm_version_info}".encode())
    for file in sorted(Path(__file__).parent.rglob("*.py")):
        total.update(file.read_bytes())
    return total.hexdigest()


#: Taken now: the files may change while this process runs on what it has read of them.
_COMPILER = _compiler()


def _recall(name: str, make: Callable[[], bytes]) -> bytes:
    """The object file that was kept under this name, or else a new one, which is kept."""
    try:
        path = cache_folder() / "kernels" / f"{name}.kernel"
    except SaveError as error:
        _tell_once(f"Compiled code is not kept; every process compiles anew. {error}")
        return make()
    found = _read(path)
    if found is None:
        found = make()
        _keep(path, found)
    return found


def _read(path: Path) -> bytes | None:
    """The object file of an entry, if it is there and whole; it is then marked as used."""
    try:
        content = path.read_bytes()
    except OSError:  # not there; if it cannot be read, that is told when it cannot be written either
        return None
    digest, object_file = content[:32], content[32:]
    if digest != hashlib.sha256(object_file).digest():
        _logger.warning("%s is damaged; it is compiled again.", path)
        return None
    with contextlib.suppress(OSError):  # a folder that is only read has no need of the mark
        os.utime(path)
    return object_file


def _keep(path: Path, object_file: bytes) -> None:
    try:
        publish(path, hashlib.sha256(object_file).digest() + object_file)
    except SaveError as error:
        _tell_once(f"Compiled code is not kept; every process compiles anew. {error} ELMAN_CACHE names another folder.")
        return
    _remove_unused(path.parent)


@functools.cache
def _remove_unused(folder: Path) -> None:
    """Look through the cache once in a process; also removes what was left behind by one that was stopped."""
    limit = time.time() - DAYS_UNUSED * 24 * 3600
    for file in [*folder.glob("*.kernel"), *folder.glob(".*.kernel.*.part")]:
        with contextlib.suppress(OSError):  # another process was quicker
            if file.stat().st_mtime < limit:
                file.unlink()


@functools.cache
def _tell_once(message: str) -> None:
    _logger.warning(message)
