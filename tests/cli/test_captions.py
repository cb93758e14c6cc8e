"""train caption, and what predict and evaluate make of its models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from shell import Shell
from tasks.test_caption import SMALL, scenes


@pytest.fixture
def elman(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_from_a_folder_of_pictures_to_captions(elman: Shell, tmp_path: Path) -> None:
    pictures, captions = scenes(30)
    photos = tmp_path / "photos"
    photos.mkdir()
    rows = ["image,caption"]
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        Image.fromarray(picture.pixels).save(photos / f"{number}.png")
        rows.append(f"{number}.png,{caption}")
    (photos / "captions.csv").write_text("\n".join(rows) + "\n")
    options = [item for name, value in SMALL.items() for item in (f"--{name.replace('_', '-')}", str(value))]
    code, said, error = elman("train", "caption", photos, "--out", tmp_path / "run", "--steps", 3, *options)
    assert code == 0, error
    assert "CIDEr-D" in said
    code, said, error = elman(
        "predict", tmp_path / "run", photos / "0.png", "--alignments", tmp_path / "looks", "--json"
    )
    assert code == 0, error
    assert set(json.loads(said)) == {"name", "caption", "score"}
    assert (tmp_path / "looks" / "1.png").exists()
    code, said, _ = elman("evaluate", tmp_path / "run", photos, "--beam", 2)
    assert code == 0
    assert "BLEU-4" in said
    code, _, error = elman("predict", tmp_path / "run", photos / "0.png", "--stream")
    assert code == 2
    assert "--stream is not for models of the task 'caption'" in error
