from __future__ import annotations

import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman import system
from elman.errors import SaveError
from elman.system import (
    available_cores,
    cache_folder,
    catch_interrupt,
    is_terminal,
    lock_folder,
    physical_cores,
    processor,
    publish,
    replacing_files,
    write_atomically,
)


def contents(folder: Path) -> dict[str, str]:
    """Every file below ``folder``, hidden ones included."""
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


def folder(**files: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        path.mkdir()
        for name, content in files.items():
            (path / name).write_text(content)

    return write


def test_a_file_or_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "file", text("one"))
    write_atomically(tmp_path / "new" / "file", text("two"))
    write_atomically(tmp_path / "model", folder(a="1", b="2"))
    write_atomically(tmp_path / "model", folder(b="3"))
    assert contents(tmp_path) == {"new/file": "two", "model/b": "3"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO])
@pytest.mark.parametrize("place", ["writer", "_flush"])
def test_a_failure_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, place: str
) -> None:
    def fail(path: Path) -> None:
        if place == "writer":
            path.write_text("hal")
        raise OSError(code, os.strerror(code))

    write_atomically(tmp_path / "model", folder(a="old"))
    monkeypatch.setattr(system, "_flush", fail)
    writer = fail if place == "writer" else folder(a="new")
    reason = {errno.ENOSPC: "disk is full", errno.EDQUOT: "disk is full", errno.EIO: os.strerror(errno.EIO)}
    with pytest.raises(SaveError, match=reason.get(code, "no permission")):
        write_atomically(tmp_path / "model", writer)
    assert contents(tmp_path) == {"model/a": "old"}


def test_publishing_makes_folders_and_takes_the_place_of_the_old(tmp_path: Path) -> None:
    publish(tmp_path / "new" / "file", b"one")
    publish(tmp_path / "new" / "file", b"two")
    assert contents(tmp_path) == {"new/file": "two"}


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_what_cannot_be_published_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(path: Path, content: bytes) -> None:
        path.touch()
        raise OSError(code, os.strerror(code))

    publish(tmp_path / "file", b"old")
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(SaveError, match="disk is full" if code == errno.ENOSPC else "no permission"):
        publish(tmp_path / "file", b"new")
    assert contents(tmp_path) == {"file": "old"}


CACHES = {
    "linux": {"XDG_CACHE_HOME": ("caches", "caches/elman"), "": ("", "home/.cache/elman")},
    "darwin": {"": ("", "home/Library/Caches/elman")},
    "win32": {"LOCALAPPDATA": ("local", "local/elman"), "": ("", "home/AppData/Local/elman")},
}


@pytest.mark.parametrize(("platform", "variable"), [(name, variable) for name in CACHES for variable in CACHES[name]])
def test_the_cache_folder_is_where_the_system_has_caches(
    monkeypatch: pytest.MonkeyPatch, platform: str, variable: str
) -> None:
    for name in ("ELMAN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    value, expected = CACHES[platform][variable]
    if variable:
        monkeypatch.setenv(variable, value)
    assert cache_folder() == Path(expected)
    monkeypatch.setenv("ELMAN_CACHE", "asked")
    assert cache_folder() == Path("asked")


def test_without_a_home_there_is_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("ELMAN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(SaveError, match="ELMAN_CACHE"):
        cache_folder()


def test_an_error_of_the_writer_itself_passes_through(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("hal")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "file", fail)
    assert contents(tmp_path) == {}


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SaveError, match="a file stands where a folder is needed"):
        write_atomically(tmp_path / "taken" / "file", text("x"))


@given(st.binary())
def test_what_is_written_is_what_is_read(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "file"
        write_atomically(file, lambda path: path.write_bytes(content))
        assert file.read_bytes() == content


def test_files_are_replaced_together_and_others_left_alone(tmp_path: Path) -> None:
    folder(model="old", log="kept")(tmp_path / "run")
    with replacing_files(tmp_path / "run") as draft:
        (draft / "model").write_text("new")
        (draft / "config").write_text("new")
        assert (tmp_path / "run" / "model").read_text() == "old"
    assert contents(tmp_path) == {"run/model": "new", "run/config": "new", "run/log": "kept"}


@pytest.mark.parametrize(
    ("error", "seen"), [(OSError(errno.ENOSPC, "full"), SaveError), (ZeroDivisionError(), ZeroDivisionError)]
)
def test_when_one_file_fails_none_is_replaced(tmp_path: Path, error: Exception, seen: type[Exception]) -> None:
    def save() -> None:
        with replacing_files(tmp_path / "run") as draft:
            (draft / "model").write_text("hal")
            raise error

    folder(model="old")(tmp_path / "run")
    with pytest.raises(seen):
        save()
    assert contents(tmp_path) == {"run/model": "old"}


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SaveError, match="a file stands where a folder is needed"), lock_folder(tmp_path / "taken"):
        pass
    run = tmp_path / "run"
    with lock_folder(run), pytest.raises(SaveError, match="another process is training"), lock_folder(run):
        pass
    with lock_folder(run):
        pass


def test_cores_are_counted() -> None:
    assert 1 <= physical_cores() <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(("line", "cores"), [("150000 100000", 2), ("50000 100000", 1), ("200000 100000\n", 2)])
def test_a_container_limits_the_cores(tmp_path: Path, line: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(line)
    assert system._quota(tmp_path / "cpu.max") == cores


def test_no_quota_is_no_limit(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000")
    assert system._quota(tmp_path / "cpu.max") == system._quota(tmp_path / "none") > 10**6


def test_terminals_are_told_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    closed = io.StringIO()
    closed.close()
    assert is_terminal(Terminal())
    assert not any(is_terminal(stream) for stream in (io.StringIO(), closed, None))
    monkeypatch.setenv("TERM", "dumb")
    assert not is_terminal(Terminal())


def test_the_processor_has_a_name(tmp_path: Path) -> None:
    assert processor()
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nmodel name\t: Fast One\nflags\t\t: avx2 avx512f\n\n" * 2, encoding="utf-8")
    assert processor(told) == "Fast One, AVX-512"
    told.write_text("processor\t: 0\nFeatures\t: asimd\n", encoding="utf-8")
    assert processor(told) == processor(tmp_path / "nothing")


def test_ctrl_c_first_asks_then_forces_and_is_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with catch_interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_is_caught() -> None:
    seen = []

    def work() -> None:
        with catch_interrupt() as interrupt:
            seen.append(interrupt.requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
