"""The one module of platform-specific calls: safe writing, the cache folder, processor cores, terminals and Ctrl-C.

Everything here works on Linux, macOS and Windows, and nothing here imports torch.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from elman.errors import SaveError

#: File by which a folder is held.
LOCK = ".lock"

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


def write_atomically(path: Path, writer: Callable[[Path], object]) -> None:
    """Let ``writer`` write a sibling of ``path``, then put it in the place of ``path``.

    ``writer`` is given a path in the same folder and makes a file or a folder there. Whatever happens
    (an exception, a full disk, ``kill -9``), ``path`` afterwards holds either all of the old or all of
    the new content. Missing parent folders are made. Only the replacement of an existing *folder* takes
    two renames; a kill between them leaves the old folder as ``.NAME.old``.

    Raises `SaveError` when the system refuses to write; exceptions of ``writer`` itself pass through.
    """
    part, old = path.with_name(f".{path.name}.part"), path.with_name(f".{path.name}.old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)
        try:
            writer(part)
            _flush(part)
            if path.is_dir():
                _remove(old)
                path.replace(old)
            part.replace(path)
        except BaseException:
            _remove(part)
            raise
        _remove(old)
        _flush_entry(path.parent)
    except OSError as error:
        raise SaveError(_reason(path, error)) from error


@contextlib.contextmanager
def replacing_files(folder: Path) -> Iterator[Path]:
    """Give a draft folder to write files into; at the end of the block they take their places in ``folder``.

    Nothing in ``folder`` changes before every file is complete and on the disk; other files there are left
    alone. Raises `SaveError` when the system refuses to write.
    """
    draft = folder / ".draft"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove(draft)
        draft.mkdir()
        try:
            yield draft
            _flush(draft)
            for file in sorted(draft.iterdir()):
                file.replace(folder / file.name)
            _flush_entry(folder)
        finally:
            _remove(draft)
    except OSError as error:
        raise SaveError(_reason(folder, error)) from error


def publish(path: Path, content: bytes) -> None:
    """Write a file that other processes may read, or be writing too, at this moment: they see all of it or none.

    For what can be made again: nobody waits for the disk, so after a power cut the file may be damaged. Missing parent
    folders are made. Raises `SaveError` when the system refuses to write.
    """
    # A name that no other process takes; `write_atomically` has one for all who write the same file.
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(content)
            part.replace(path)
        except BaseException:
            _remove(part)
            raise
    except OSError as error:
        raise SaveError(_reason(path.parent, error)) from error


def cache_folder() -> Path:
    """Where what can be made again is kept: ``ELMAN_CACHE``, or ``elman`` where the system has its user's caches.

    Raises `SaveError` where the user has no home folder.
    """
    asked = os.environ.get("ELMAN_CACHE")
    try:
        return Path(asked).expanduser() if asked else _user_caches() / "elman"
    except RuntimeError as error:
        raise SaveError("This user has no home folder; ELMAN_CACHE can name one for what is kept.") from error


def _user_caches() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process alone; the system lets go of it when the process ends, however it ends.

    Where the folder is missing it is made, and goes again if nothing was put into it.
    Raises `SaveError` when another process holds it or the folder cannot be made.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("ab")
    except OSError as error:
        raise SaveError(_reason(folder, error)) from error
    try:
        with file:
            try:
                _lock(file.fileno())
            except OSError:
                raise SaveError(f"{folder}: another process is training in this folder; choose another one.") from None
            yield
    finally:
        if made and {entry.name for entry in folder.iterdir()} == {LOCK}:
            _remove(folder)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _reason(path: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return f"{path}: the disk is full; free some space and try again (nothing was left half-written)."
    if error.errno in _FORBIDDEN:
        return f"{path}: there is no permission to write here; choose another folder or change its rights."
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"{path}: a file stands where a folder is needed; choose another place or move it away."
    return f"{path}: cannot be written ({error.strerror or error})."


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Ask the system to bring a file, or every file of a folder, to the disk."""
    for file in [path] if path.is_file() else [entry for entry in path.rglob("*") if entry.is_file()]:
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())


def _flush_entry(folder: Path) -> None:
    # A rename is only certain to survive a power cut once its folder is flushed; Windows cannot open folders.
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def available_cores() -> int:
    """Logical processors that this process may use: its affinity and, in a container, its quota."""
    if sys.platform == "linux":
        return max(1, min(len(os.sched_getaffinity(0)), _quota(Path("/sys/fs/cgroup/cpu.max"))))
    return os.cpu_count() or 1


def _quota(file: Path) -> int:
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no such file, or "max 100000": no limit
        return sys.maxsize


def physical_cores() -> int:
    """Cores that this process may use, two hardware threads of one core counted once.

    Where the system does not tell (Windows), this is the number of logical processors: an upper limit.
    """
    cores = available_cores()
    if sys.platform == "linux":
        return min(cores, _linux_cores(os.sched_getaffinity(0)) or cores)
    if sys.platform == "darwin":
        return min(cores, _mac_cores() or cores)
    return cores


def _linux_cores(processors: set[int]) -> int:
    siblings = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
    try:
        return len({Path(siblings.format(number)).read_text(encoding="ascii") for number in processors})
    except OSError:
        return 0


def _mac_cores() -> int:
    try:
        answer = subprocess.run(["sysctl", "-n", "hw.physicalcpu"], capture_output=True, text=True, check=True)
        return int(answer.stdout)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return 0


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor as the system tells it; on Linux also whether it has AVX-512 and matrix units (AMX)."""
    name = platform.processor() or platform.machine()
    if not cpuinfo.exists():
        return name
    lines = [line.partition(":") for line in cpuinfo.read_text(encoding="utf-8").splitlines()]
    told = {key.strip(): value.strip() for key, _, value in lines}
    flags = told.get("flags", "").split()
    units = [unit for unit, flag in (("AVX-512", "avx512f"), ("AMX", "amx_bf16")) if flag in flags]
    return ", ".join([told.get("model name", name), *units])


def is_terminal(stream: Any) -> bool:
    """Whether lines of ``stream`` can change before somebody: not in a file, a pipe, a closed or a dumb terminal."""
    try:
        return bool(stream.isatty()) and os.environ.get("TERM") not in ("dumb", "unknown")
    except (AttributeError, ValueError):  # None under pythonw, ValueError once closed
        return False


def share_cores() -> None:
    """Let torch's threads wait less stubbornly for each other; only of use before torch is imported.

    GNU OpenMP, which torch uses on Linux, lets a thread that waits for the others spin on its core for long. With
    one busy process beside us two threads then train an LSTM at a twentieth of their speed. At 3,000 turns they
    give way soon enough to keep a fifth, and lose nothing measurable on an idle machine.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")


class Interrupt:
    """Whether Ctrl-C was pressed inside `catch_interrupt`."""

    def __init__(self) -> None:
        self.requested = False


@contextlib.contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """Turn the first Ctrl-C into a request and leave the second one its force.

    Inside the block the first Ctrl-C sets ``requested``, for a loop to end cleanly at its next step;
    the second raises ``KeyboardInterrupt``. Outside the main thread, where Python delivers no signals,
    ``requested`` simply stays False.

    >>> with catch_interrupt() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupt.requested
    True
    """
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if interrupt.requested:
            raise KeyboardInterrupt
        interrupt.requested = True

    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupt
    finally:
        # None stands for a handler that was not set from Python; Python's own is the nearest to it.
        signal.signal(signal.SIGINT, signal.default_int_handler if previous is None else previous)
