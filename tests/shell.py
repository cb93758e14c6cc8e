"""The command line, run in this process as a shell would run it."""

from __future__ import annotations

import sys

import pytest

from elman.cli import main


class Shell:
    """Runs `elman ...` and returns exit code, standard output and standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["elman", *map(str, arguments)])
        try:
            main()
            code: object = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return int(str(code)), out, err
