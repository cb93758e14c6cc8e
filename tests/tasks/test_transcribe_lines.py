"""Lines of writing end to end: pictures in, text out, with and without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elman.codecs.raw import Picture, pieces
from elman.runtime.transcripts import Decoding
from elman.tasks.transcribe import Transcriber

#: How letters look, 8 pixels high and 6 wide.
_GLYPHS = {letter: np.random.default_rng(number).random((8, 6)) < 0.5 for number, letter in enumerate("abc")}


def written(text: str, rng: np.random.Generator) -> Picture:
    """A text in black on grey paper, on a line that is a little higher or lower."""
    paper = np.full((12, 8 * len(text) + 6), 200, np.uint8)
    top = int(rng.integers(1, 4))
    for place, letter in enumerate(text):
        left = 3 + 8 * place
        paper[top : top + 8, left : left + 6][_GLYPHS[letter]] = 30
    return Picture(paper[..., None])


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lines")
    rng = np.random.default_rng(0)
    for number in range(120):
        text = "".join(rng.choice(list("abc"), rng.integers(1, 5)))
        Image.fromarray(written(text, rng).pixels[..., 0]).save(folder / f"{number}.png")
        (folder / f"{number}.gt.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def model(lines: Path, tmp_path_factory: pytest.TempPathFactory) -> Transcriber:
    out = tmp_path_factory.mktemp("model") / "run"
    Transcriber(
        planes="6x3x3/2x2", hidden_size=16, num_layers=1, batch_size=6, epochs=12, learning_rate=0.02, dropout=0.0,
        dropout_input=0.0, augment="noise", held_out=0.1,
    ).fit(lines, out=out)  # fmt: skip
    return Transcriber.load(out)


def test_lines_are_read(model: Transcriber) -> None:
    assert model.model.codec.frame == (12,)
    assert model.model.reader.stride == 2
    assert model.metrics["held_out"]["model"]["cer"] < 0.15
    rng = np.random.default_rng(5)
    texts = ["abcab", "ccba", "b"]
    said = model.predict([written(text, rng) for text in texts], decoding=Decoding(beam=4))
    assert sum(one == other for one, other in zip(said, texts, strict=True)) >= 2


def test_files_are_read_as_in_training(model: Transcriber, lines: Path, tmp_path: Path) -> None:
    one = tmp_path / "new.png"
    one.write_bytes((lines / "3.png").read_bytes())
    (found,) = model.predict(str(one))
    assert found == model.predict([model.examples(str(one)).inputs[0]])[0]


def test_a_line_may_come_in_pieces(model: Transcriber) -> None:
    raw = written("cab", np.random.default_rng(1))
    live = model.stream()
    assert all(live.push(part) is None for part in pieces(raw, 5))
    assert live.flush().text == model.predict([raw])[0]
