from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from elman import plots
from elman.errors import SaveError


def simple() -> bytes:
    figure, axes = plots.new(3, 2)
    with plots.context():
        axes.plot([0, 1], [0, 1])
        axes.set_title("a title")
    return plots.svg(figure)


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert simple() == simple()


def test_style_stays_inside_its_context() -> None:
    before = dict(matplotlib.rcParams)
    with plots.context():
        assert matplotlib.rcParams["axes.spines.top"] is False
    assert dict(matplotlib.rcParams) == before


def test_a_users_own_settings_change_nothing() -> None:
    ours = simple()
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
        assert simple() == ours


def test_save_writes_both_kinds(tmp_path: Path) -> None:
    figure, _ = plots.new(3, 2)
    png, svg = plots.save(figure, tmp_path / "new folder" / "picture")
    assert png.read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in svg.read_bytes()


def test_save_keeps_dots_in_the_name(tmp_path: Path) -> None:
    figure, _ = plots.new(3, 2)
    assert plots.save(figure, tmp_path / "lstm-1.5")[0].name == "lstm-1.5.png"


def test_save_names_the_file_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    figure, _ = plots.new(3, 2)
    with pytest.raises(SaveError, match=r"picture\.png: the picture cannot be written"):
        plots.save(figure, tmp_path / "file" / "picture")


def test_matplotlib_is_imported_on_use_and_pyplot_never() -> None:
    code = (
        "import sys, elman.plots as p; assert 'matplotlib' not in sys.modules;"
        "p.png(p.learning_curves({'a': ([1, 2], [2, 1])})); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
