"""Captions, from pictures in a folder to what is said of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elman
from elman.codecs.raw import Picture, Series
from elman.errors import DataError
from elman.tasks.caption import Captioner

SMALL: dict[str, Any] = {
    "hidden_size": 24, "embedding_size": 12, "batch_size": 16, "convolutions": "12x3/2", "picture_size": 8,
    "learning_rate": 0.02, "dropout": 0.0, "threads": 1, "augment": "none", "input_feeding": False,
}  # fmt: skip

COLOURS = {"red": (220, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220)}


def scenes(count: int, seed: int = 0) -> tuple[list[Picture], list[str]]:
    """Two halves, each of a colour."""
    rng = np.random.default_rng(seed)
    pictures, captions = [], []
    for _ in range(count):
        left, right = (str(rng.choice(list(COLOURS))) for _ in range(2))
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[:, :4], pixels[:, 4:] = COLOURS[left], COLOURS[right]
        pictures.append(Picture(pixels))
        captions.append(f"{left} beside {right}")
    return pictures, captions


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Captioner, Path]:
    folder = tmp_path_factory.mktemp("runs") / "scenes"
    return Captioner(**SMALL, steps=120).fit(*scenes(120), out=folder), folder


def test_halves_are_told_apart(trained: tuple[Captioner, Path]) -> None:
    model, _ = trained
    pictures, captions = scenes(40, seed=1)
    report = model.evaluate(pictures, captions)
    assert report.figures["data"]["model"]["exact"] > 0.9
    assert model.metrics["held_out"]["model"]["cider"] > model.metrics["held_out"]["the commonest caption"]["cider"]
    assert model.score(pictures, captions) == pytest.approx(report.figures["data"]["model"]["cider"])


def test_it_looks_at_what_it_names(trained: tuple[Captioner, Path]) -> None:
    model, _ = trained
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4], pixels[:, 4:] = COLOURS["red"], COLOURS["blue"]
    ((caption, *others),) = model.captions([Picture(pixels)], n_best=3)
    assert (caption.text, caption.symbols[-1], len(others)) == ("red beside blue", "<end>", 2)
    assert caption.score > others[0].score
    by_side = caption.attention.reshape(len(caption.symbols), 4, 4).sum(1)
    assert by_side[0, :2].sum() > 0.5 > by_side[2, :2].sum()


def test_a_caption_finds_its_picture(trained: tuple[Captioner, Path]) -> None:
    model, _ = trained
    pictures, captions = scenes(12, seed=2)
    found = model.log_probabilities(pictures, captions)
    assert found.shape == (12, 12)
    assert np.mean([captions[int(column.argmax())] == captions[number] for number, column in enumerate(found.T)]) > 0.9


def test_a_folder_keeps_the_model(trained: tuple[Captioner, Path]) -> None:
    model, folder = trained
    pictures, _ = scenes(5, seed=3)
    again = elman.load(folder)
    assert isinstance(again, Captioner)
    assert again.predict(pictures) == model.predict(pictures)
    assert "CIDEr-D" in (folder / "README.md").read_text()
    assert {each.name for each in (folder / "report" / "pictures").iterdir()} >= {"looks_1.png"}


def test_regions_that_come_ready_are_read() -> None:
    rng = np.random.default_rng(0)
    names = rng.integers(0, 3, 80)
    regions = [Series(np.eye(4)[[name, 3]] + rng.normal(0, 0.05, (2, 4))) for name in names]
    captions = [f"a {list(COLOURS)[name]} one" for name in names]
    model = Captioner(
        hidden_size=16, embedding_size=8, batch_size=16, steps=60, learning_rate=0.02, dropout=0.0, threads=1
    )
    assert np.mean([a == b for a, b in zip(model.fit(regions, captions).predict(regions), captions, strict=True)]) > 0.9


def test_other_data_are_refused() -> None:
    with pytest.raises(DataError, match="expected a picture, or its regions, found a str"):
        Captioner(**SMALL, steps=1).fit(["a text", "another"], ["1", "2"])


def test_captions_in_many_words_hide_more_of_words_and_pictures() -> None:
    rng = np.random.default_rng(0)
    seen = [Picture(rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)) for _ in range(80)]
    said = [" ".join(f"w{word}" for word in rng.integers(0, 350, 20)) for _ in seen]
    few, many = (Captioner(steps=1, hidden_size=4, threads=1).fit(seen, texts) for texts in (["dark"] * 80, said))
    assert (few.settings.network.dropout_words, few.model.codec.augmentations["zoom"]) == (0.0, 0.0)
    assert (many.settings.network.dropout_words, many.model.codec.augmentations["zoom"]) == (0.15, 0.4)
