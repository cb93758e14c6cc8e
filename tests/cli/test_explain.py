from __future__ import annotations

from pathlib import Path

import pytest

import small_models
from elman.cli.explain import explain
from elman.errors import SettingsError, UsageError


def test_a_cell_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    explain(cell="gru", inputs=7, hidden=5, layers=2, bidirectional=True)
    out = capsys.readouterr().out
    for part in ("Recurrent(gru, 7 -> 5, 5, bidirectional", "Backend compiled", "gru, 10 inputs, 5 units"):
        assert part in out


def test_a_model_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    explain(small_models.bundle(tmp_path / "model"))
    out = capsys.readouterr().out
    assert out.startswith("As a stream, without torch\n\nBackend compiled: ")
    assert "As layers of torch\n\nrecurrent: Recurrent(" in out
    assert "at every step" in out


def test_one_or_the_other(tmp_path: Path) -> None:
    for folder, cell in [(None, None), (tmp_path, "lstm")]:
        with pytest.raises(UsageError, match="either the folder of a model or --cell"):
            explain(folder, cell)


def test_an_unknown_cell_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Did you mean 'lstm'"):
        explain(cell="lst")
