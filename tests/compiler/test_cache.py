from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.sequences import Sequences
from elman.cells import Cell, make
from elman.cells.modifiers import FastActivations
from elman.cells.rnn import RNNCell
from elman.compiler import cache
from elman.compiler.cache import load
from elman.compiler.compiled_cell import CompiledCell
from elman.compiler.machine import Code, Host
from elman.compiler.vector import Precision
from elman.errors import BackendError

HOST = Host.here()


class Text:
    """LLVM's text of a function that returns a number; counts how often it is asked for."""

    def __init__(self, number: int) -> None:
        self.number, self.calls = number, 0

    def __call__(self) -> str:
        self.calls += 1
        return f"define i32 @f() {{ ret i32 {self.number} }}"


def result(code: Code) -> int:
    return int(ctypes.CFUNCTYPE(ctypes.c_int32)(code.address("f"))())


def new_process() -> None:
    """Forget what this process has loaded and said."""
    cache._loaded.clear()
    cache._tell_once.cache_clear()
    cache._remove_unused.cache_clear()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ELMAN_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_loaded", {})
    cache._tell_once.cache_clear()
    return tmp_path / "kernels"


def test_code_is_compiled_once() -> None:
    text = Text(7)
    assert result(load(text, HOST, "graph", "float32")) == 7
    assert load(text, HOST, "graph", "float32") is load(text, HOST, "graph", "float32")
    new_process()
    assert result(load(text, HOST, "graph", "float32")) == 7
    assert text.calls == 1


@pytest.mark.parametrize(
    "shaped_by", [("graph", "float64"), ("other", "float32"), ("graph",), ("graph", "float", "32")]
)
def test_whatever_shapes_code_keeps_it_apart(shaped_by: tuple[str, ...]) -> None:
    load(Text(1), HOST, "graph", "float32")
    assert result(load(Text(2), HOST, *shaped_by)) == 2
    new_process()
    assert result(load(Text(0), HOST, "graph", "float32")) == 1
    assert result(load(Text(0), HOST, *shaped_by)) == 2


@pytest.mark.parametrize("kind", ["avx2", "portable"])
def test_every_host_has_its_own(kind: str) -> None:
    try:
        host = Host.named(kind)
    except BackendError as error:
        pytest.skip(str(error))
    other = Host(HOST.triple, "+sse3" if host == HOST else HOST.features, HOST.vector_bytes)
    load(Text(1), host, "graph")
    assert result(load(Text(2), other, "graph")) == 2


def test_another_compiler_makes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    load(Text(1), HOST, "graph")
    monkeypatch.setattr(cache, "_COMPILER", "changed")
    assert result(load(Text(2), HOST, "graph")) == 2


def test_the_compiler_is_its_source_and_llvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache._compiler()
    with monkeypatch.context() as patch:
        patch.setattr(cache.llvm, "llvm_version_info", (1, 2, 3))
        assert cache._compiler() != before
    copied = tmp_path / "compiler"
    copied.mkdir()
    for file in Path(cache.__file__).parent.glob("*.py"):
        (copied / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(cache, "__file__", str(copied / "cache.py"))
    assert cache._compiler() == before
    with (copied / "graph.py").open("a") as stream:
        stream.write("\n")
    assert cache._compiler() != before


def only(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_changed_byte_is_noticed_and_the_entry_made_again(
    folder: Path, place: int, caplog: pytest.LogCaptureFixture
) -> None:
    load(Text(1), HOST, "graph")
    content = bytearray(only(folder).read_bytes())
    content[place] ^= 1
    only(folder).write_bytes(content)
    new_process()
    text = Text(1)
    assert result(load(text, HOST, "graph")) == 1
    assert "damaged" in caplog.text
    new_process()
    load(text, HOST, "graph")
    assert text.calls == 1


@pytest.mark.parametrize("length", [0, 10, 32, 100, -1])
def test_a_cut_entry_is_made_again(folder: Path, length: int) -> None:
    load(Text(1), HOST, "graph")
    only(folder).write_bytes(only(folder).read_bytes()[:length])
    new_process()
    text = Text(1)
    assert result(load(text, HOST, "graph")) == 1
    assert text.calls == 1


def test_where_nothing_can_be_kept_that_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "kernels").write_text("a file stands in the way")
    assert result(load(Text(1), HOST, "one")) == 1
    assert result(load(Text(2), HOST, "two")) == 2
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "Compiled code is not kept" in record.message
    assert "ELMAN_CACHE" in record.message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_the_right_to_write_is_read_and_breaks_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(Text(1), HOST, "kept")
    folder.chmod(0o500)
    try:
        new_process()
        assert result(load(Text(0), HOST, "kept")) == 1
        assert not caplog.records
        assert result(load(Text(2), HOST, "new")) == 2
    finally:
        folder.chmod(0o700)
    assert "no permission" in caplog.text


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("ELMAN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert result(load(Text(1), HOST, "one")) == 1
    assert result(load(Text(2), HOST, "two")) == 2
    assert len(caplog.records) == 1


def test_what_nobody_used_for_long_goes_and_what_is_used_stays(folder: Path) -> None:
    for name in ("unused", "used"):
        load(Text(1), HOST, name)
    (folder / ".x.kernel.0123.part").write_bytes(b"of a process that was stopped")
    (folder / "notes.txt").write_text("not ours")
    for file in folder.iterdir():
        os.utime(file, (0, 0))
    new_process()
    load(Text(0), HOST, "used")
    load(Text(1), HOST, "new")
    new_process()
    assert result(load(Text(0), HOST, "used")) == 1
    assert result(load(Text(0), HOST, "unused")) == 0
    assert (folder / "notes.txt").exists()
    assert not (folder / ".x.kernel.0123.part").exists()


class Scaled(RNNCell):
    """A cell with a constant in its step."""

    def __init__(self, factor: float) -> None:
        super().__init__(3, 5)
        self.factor = factor

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        return {"hidden": super().step(ops, x, state, params)["hidden"] * self.factor}


def test_loops_are_kept_apart_by_cell_precision_host_and_direction(folder: Path) -> None:
    def made(cell: Cell, precision: Precision = "float32", host: Host = HOST) -> int:
        """Files that a run and its gradient add."""
        before = len(list(folder.iterdir())) if folder.exists() else 0
        given, compiled = Sequences(cell, [2, 1], precision), CompiledCell(cell, precision, host)
        run = compiled.forward(given.x, given.sizes, given.first, given.params)
        compiled.backward(run, given.upstream, given.last)
        return len(list(folder.iterdir())) - before

    made(make("rnn", 3, 4))  # and what is shared by all cells, unless this process had it before
    made(make("rnn", 3, 4), "float64")
    assert made(make("rnn", 3, 5)) == 2
    assert made(make("rnn", 3, 5)) == 0
    assert made(make("rnn", 3, 5), "float64") == 2
    assert made(make("rnn", 3, 5), host=replace(HOST, features=HOST.features + ",+popcnt")) >= 2
    assert made(FastActivations(make("rnn", 3, 5))) == 2
    assert made(Scaled(0.1)) == 2
    assert made(Scaled(0.1 + 1e-15)) == 2


PROCESS = """
import ctypes
from elman.compiler.cache import load
from elman.compiler.machine import Host

for number in range(20):
    code = load(lambda: f"define i32 @f() {{ ret i32 {number} }}", Host.here(), str(number))
    assert ctypes.CFUNCTYPE(ctypes.c_int32)(code.address("f"))() == number
"""


def test_processes_may_share_a_folder(folder: Path) -> None:
    processes = [subprocess.Popen([sys.executable, "-c", PROCESS], stderr=subprocess.PIPE) for _ in range(2)]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert said == [b"", b""]
    files = list(folder.iterdir())
    assert len(files) == 20
    assert all(cache._read(file) for file in files)
