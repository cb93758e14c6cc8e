from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.codecs.lines import LinesCodec
from elman.codecs.raw import Picture, joined, pieces
from elman.codecs.registry import codec_for, load_codec
from elman.errors import DataError, SettingsError
from elman.settings import SignalSettings


def line(height: int = 20, width: int = 30, ink: int = 0, paper: int = 255, channels: int = 1) -> Picture:
    """Paper with a bar of ink in the middle rows of columns 10 to 14."""
    pixels = np.full((height, width, channels), paper, np.uint8)
    pixels[height // 4 : -height // 4, 10:15] = ink
    return Picture(pixels)


def test_columns_hold_ink_from_left_to_right() -> None:
    codec = LinesCodec.fit([line(), line(height=22)])
    steps = codec.encode(line(height=22))
    assert codec.frame == (21,)
    assert steps.values.dtype == np.float32
    same = LinesCodec(20).encode(line()).values
    assert same.shape == (30, 20)
    assert same[10:15, 5:15].tolist() == np.ones((5, 10)).tolist()
    assert same.sum() == 50
    learnt = LinesCodec.fit([line()]).encode(line()).values
    assert np.square(learnt).mean() == pytest.approx(1)
    np.testing.assert_allclose(learnt / learnt.max(), same)


@pytest.mark.parametrize(
    "other",
    [line(ink=255, paper=0), line(ink=90, paper=160), line(channels=3), line(ink=200, paper=30, channels=3)],
    ids=["white on black", "faint", "coloured", "bright on dark"],
)
def test_ink_is_what_differs_from_paper(other: Picture) -> None:
    codec = LinesCodec(20)
    np.testing.assert_allclose(codec.encode(other).values, codec.encode(line()).values, atol=1e-6)


def test_pictures_come_to_one_height_in_proportion() -> None:
    codec = LinesCodec(10)
    found = codec.encode(line()).values
    assert found.shape == (15, 10)
    np.testing.assert_allclose(found[5:7, 3:7], 1)
    assert LinesCodec.fit([line(height=90)]).height == 40
    assert LinesCodec.fit([line(height=90)], line_height=64).height == 64


def test_an_empty_picture_is_paper() -> None:
    codec = LinesCodec(20)
    assert not codec.encode(Picture(np.full((20, 5, 1), 77, np.uint8))).values.any()
    assert codec.encode(Picture(np.zeros((20, 0, 1), np.uint8))).values.shape == (0, 20)


@pytest.mark.parametrize("count", [1, 3, 30])
def test_pieces_of_a_line_give_the_line_at_its_end(count: int) -> None:
    codec, whole = LinesCodec(16), line()
    encoder = codec.encoder()
    parts = pieces(whole, count)
    assert all(len(encoder.push(part).values) == 0 for part in parts)
    np.testing.assert_array_equal(encoder.flush().values, codec.encode(whole).values)
    again = joined(parts)
    assert isinstance(again, Picture)
    np.testing.assert_array_equal(again.pixels, whole.pixels)
    assert len(codec.encoder().flush().values) == 0


def test_variants_are_lines_of_the_same_height() -> None:
    codec = LinesCodec.fit([line()])
    steps = codec.encode(line())
    widths = set()
    for seed in range(20):
        found = codec.augment(steps, np.random.default_rng(seed)).values
        widths.add(len(found))
        assert found.shape[1:] == codec.frame
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
        assert abs(found).max() < 2 * steps.values.max()
    assert len(widths) > 5
    same = codec.augment(steps, np.random.default_rng(3)).values
    np.testing.assert_array_equal(same, codec.augment(steps, np.random.default_rng(3)).values)
    nothing = LinesCodec.fit([line()], augment="none")
    np.testing.assert_array_equal(nothing.augment(steps, np.random.default_rng(0)).values, steps.values)


def test_leaning_moves_the_top_against_the_foot() -> None:
    codec = LinesCodec.fit([line()], augment="slant=0.5")
    steps = codec.encode(line())
    moved = 0
    for seed in range(10):
        found = codec.augment(steps, np.random.default_rng(seed)).values
        assert found.sum() == pytest.approx(steps.values.sum(), rel=0.05)
        top, foot = (float(np.average(np.arange(30), weights=found[:, row])) for row in (6, 13))
        moved = max(moved, abs(round(top - foot)))
    assert moved > 1


def test_the_codec_is_made_again_from_its_configuration(tmp_path: Path) -> None:
    codec = codec_for("images", [line()], SignalSettings(line_height=24, augment="noise=0.1"))
    codec.save(tmp_path)
    again = load_codec(tmp_path, codec.to_config())
    assert again.to_config() == codec.to_config()
    assert again.describe() == codec.describe()
    np.testing.assert_array_equal(again.encode(line()).values, codec.encode(line()).values)


@pytest.mark.parametrize("change", [{"height": 0}, {"deviation": 0}, {"height": "x"}, {"augment": None}])
def test_a_damaged_configuration_is_an_error(change: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="configuration of a codec of lines"):
        LinesCodec.load(tmp_path, {**LinesCodec(20).to_config(), **change})


@pytest.mark.parametrize("raw", ["text", Picture(np.zeros((4, 4), np.uint8)), Picture(np.zeros((4, 4, 1)))])  # type: ignore[arg-type]
def test_what_is_no_picture_is_an_error(raw: Any) -> None:
    with pytest.raises(DataError, match="expected"):
        LinesCodec(20).encode(raw)


def test_what_cannot_be_learnt_from_is_an_error() -> None:
    with pytest.raises(DataError, match="no pictures"):
        LinesCodec.fit([])
    with pytest.raises(SettingsError, match="Did you mean 'slant'"):
        LinesCodec.fit([line()], augment="slent")
