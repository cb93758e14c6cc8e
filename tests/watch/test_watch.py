from __future__ import annotations

from pathlib import Path

import small_models
from elman.watch import read


def test_models_are_named_by_their_folders(tmp_path: Path) -> None:
    folders = [small_models.bundle(tmp_path / name) for name in ("a", "b")]
    assert list(read(folders)) == ["a", "b"]


def test_equal_names_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    folders = [small_models.bundle(tmp_path / name / "model") for name in ("a", "b")]
    assert list(read(folders)) == [str(folder) for folder in folders]
