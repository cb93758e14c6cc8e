from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elman.compiler import cache
from elman.compiler.cache import Entry, recall

ENTRY = Entry({"slots": [1, 2], "name": "loop"}, b"\n\x00machine\ncode\xff")


class Maker:
    """Makes entries and counts how often."""

    def __init__(self, entry: Entry = ENTRY) -> None:
        self.entry, self.calls = entry, 0

    def __call__(self) -> Entry:
        self.calls += 1
        return self.entry


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    cache._tell_once.cache_clear()
    return tmp_path / "kernels"


def test_an_entry_is_made_once() -> None:
    make = Maker()
    assert recall(("graph", "float32"), make) == ENTRY
    assert recall(("graph", "float32"), make) == ENTRY
    assert make.calls == 1


@pytest.mark.parametrize(
    "shaped_by", [("graph", "float64"), ("other", "float32"), ("graph",), ("graph", "float", "32")]
)
def test_whatever_shapes_it_keeps_entries_apart(shaped_by: tuple[str, ...]) -> None:
    recall(("graph", "float32"), Maker())
    other = Maker(Entry({}, b"other"))
    assert recall(shaped_by, other) == other.entry
    assert recall(("graph", "float32"), Maker()) == ENTRY


def test_another_compiler_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    recall(("graph",), Maker())
    monkeypatch.setattr(cache, "_compiler", lambda: "changed")
    make = Maker()
    recall(("graph",), make)
    assert make.calls == 1


def test_the_compiler_is_its_source_and_llvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache._compiler.__wrapped__()
    with monkeypatch.context() as patch:
        patch.setattr(cache.llvm, "llvm_version_info", (1, 2, 3))
        assert cache._compiler.__wrapped__() != before
    copied = tmp_path / "compiler"
    copied.mkdir()
    for file in Path(cache.__file__).parent.glob("*.py"):
        (copied / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(cache, "__file__", str(copied / "cache.py"))
    assert cache._compiler.__wrapped__() == before
    with (copied / "graph.py").open("a") as stream:
        stream.write("\n")
    assert cache._compiler.__wrapped__() != before


def only(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


@pytest.mark.parametrize("place", [0, 30, 70, -1])
def test_a_changed_byte_is_noticed_and_the_entry_made_again(
    folder: Path, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    recall(("graph",), Maker())
    content = bytearray(only(folder).read_bytes())
    content[place] ^= 1
    only(folder).write_bytes(content)
    make = Maker()
    assert recall(("graph",), make) == ENTRY
    assert make.calls == 1
    assert "damaged" in caplog.text
    recall(("graph",), make)
    assert make.calls == 1


@pytest.mark.parametrize("length", [0, 10, 66, 100, -1])
def test_a_cut_entry_is_made_again(folder: Path, length: int) -> None:
    recall(("graph",), Maker())
    only(folder).write_bytes(only(folder).read_bytes()[:length])
    make = Maker()
    assert recall(("graph",), make) == ENTRY
    assert make.calls == 1


def test_where_nothing_can_be_kept_that_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "kernels").write_text("a file stands in the way")
    make = Maker()
    for name in ("one", "two"):
        assert recall((name,), make) == ENTRY
    assert make.calls == 2
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "Compiled code is not kept" in record.message
    assert "ELMAN_CACHE" in record.message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_the_right_to_write_breaks_nothing(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    recall(("kept",), Maker())
    folder.chmod(0o500)
    try:
        make = Maker()
        assert recall(("new",), make) == ENTRY
        assert recall(("kept",), make) == ENTRY
    finally:
        folder.chmod(0o700)
    assert make.calls == 1
    assert "no permission" in caplog.text


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("ELMAN_CACHE")
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    make = Maker()
    assert recall(("graph",), make) == ENTRY
    assert recall(("graph",), make) == ENTRY
    assert make.calls == 2
    assert len(caplog.records) == 1


def test_what_nobody_used_for_long_goes_and_what_is_used_stays(folder: Path) -> None:
    for name in ("unused", "used"):
        recall((name,), Maker())
    (folder / ".x.kernel.0123.part").write_bytes(b"of a process that was stopped")
    (folder / "notes.txt").write_text("not ours")
    for file in folder.iterdir():
        os.utime(file, (0, 0))
    recall(("used",), Maker())
    recall(("new",), Maker())
    make = Maker()
    recall(("used",), make)
    assert make.calls == 0
    recall(("unused",), make)
    assert make.calls == 1
    assert (folder / "notes.txt").exists()
    assert not (folder / ".x.kernel.0123.part").exists()


PROCESS = """
from elman.compiler.cache import Entry, recall
for number in range(100):
    entry = recall((str(number),), lambda: Entry({"number": number}, bytes([number]) * 50_000))
    assert entry == Entry({"number": number}, bytes([number]) * 50_000)
"""


def test_processes_may_share_a_folder(folder: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS], stderr=subprocess.PIPE) for _ in range(2)]
    told = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert told == [b"", b""]
    files = list(folder.iterdir())
    assert len(files) == 100
    assert all(cache._read(file) is not None for file in files)
