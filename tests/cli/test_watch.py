from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

import small_models
from elman.cli import main


def failing(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["elman", "watch", "--no-browser", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    return int(str(end.value.code))


def test_a_port_that_is_taken_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small_models.bundle(tmp_path / "model")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert failing(model, "--port", port, monkeypatch=monkeypatch) == 2
    assert f"Port {port} cannot be listened on" in capsys.readouterr().err


def test_at_most_two_models_are_watched(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing("a", "b", "c", monkeypatch=monkeypatch) == 2
    assert "found 3" in capsys.readouterr().err


def test_one_model_twice_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert failing("runs/a", "runs/a", monkeypatch=monkeypatch) == 2
    assert "given twice" in capsys.readouterr().err


def test_what_is_no_model_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(tmp_path / "missing", monkeypatch=monkeypatch) == 1
    assert "is not a folder" in capsys.readouterr().err


def test_the_browser_is_opened_at_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("elman.watch.serve", lambda app, port, ready: ready(f"http://127.0.0.1:{port}/"))
    monkeypatch.setattr(sys, "argv", ["elman", "watch", str(small_models.bundle(tmp_path / "model"))])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    assert opened == ["http://127.0.0.1:8765/"]
    assert "http://127.0.0.1:8765/" in capsys.readouterr().out
