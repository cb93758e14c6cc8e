from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from elman.codecs.frames import FramesCodec, resize
from elman.codecs.raw import Frames
from elman.errors import DataError
from tolerances import PIXELS


def clip(seed: int, frames: int = 6, size: tuple[int, int] = (24, 40), channels: int = 3) -> Frames:
    """Random pixels that change slowly."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 6, (frames, *size, channels)).cumsum(0)
    return Frames(np.clip(rng.integers(0, 256, (*size, channels)) + steps, 0, 255).astype(np.uint8), 25.0)


TRAIN = [clip(seed) for seed in range(3)]


@pytest.mark.parametrize("differences", [False, True])
@given(places=st.lists(st.integers(0, 6), max_size=3), seed=st.integers(0, 3))
def test_chunking_law(differences: bool, places: list[int], seed: int) -> None:
    codec = FramesCodec.fit(TRAIN, differences=differences)
    whole, encoder = clip(seed), codec.encoder()
    steps = encoder.push(Frames(whole.pixels[:0]))
    for start, end in pairwise([0, *sorted(places), 6]):
        steps += encoder.push(Frames(whole.pixels[start:end]))
    np.testing.assert_allclose((steps + encoder.flush()).values, codec.encode(whole).values, atol=PIXELS)
    assert steps.values.dtype == np.float32
    assert steps.values.shape == (6, *codec.frame)


def test_frames_get_small_and_keep_their_shape() -> None:
    codec = FramesCodec.fit(TRAIN)
    assert codec.frame == (19, 32, 6)
    assert FramesCodec.fit(TRAIN, frame_size=20).frame == (12, 20, 6)
    assert FramesCodec.fit([clip(1, size=(9, 7))]).frame == (9, 7, 6)
    assert codec.encode(clip(5, size=(50, 30), channels=1)).values.shape == (6, 19, 32, 6)


@pytest.mark.parametrize(("height", "width"), [(12, 20), (7, 40), (24, 13), (30, 50)])
def test_a_pixel_is_the_mean_of_what_it_covers(height: int, width: int) -> None:
    pixels = clip(1, frames=1, channels=1).pixels
    small = resize(pixels, height, width)
    assert small.shape == (1, height, width, 1)
    np.testing.assert_allclose(small.mean(), pixels.mean(), rtol=1e-5)
    if height < 24 and width < 40 and 24 % height == 0 and 40 % width == 0:
        expected = Image.fromarray(pixels[0, :, :, 0].astype(np.float32)).resize((width, height), Image.Resampling.BOX)
        np.testing.assert_allclose(small[0, :, :, 0], np.asarray(expected), atol=1e-3)


def test_pixels_are_scaled_by_the_training_data_and_changes_follow() -> None:
    codec = FramesCodec.fit(TRAIN)
    values = np.concatenate([codec.encode(one).values for one in TRAIN])
    np.testing.assert_allclose(values[..., :3].mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(values[..., :3].std((0, 1, 2)), 1, atol=1e-4)
    one = codec.encode(TRAIN[0]).values
    np.testing.assert_allclose(one[1:, ..., 3:], np.diff(one[..., :3], axis=0), atol=PIXELS)
    assert (one[0, ..., 3:] == 0).all()


@pytest.mark.parametrize(("rate", "seen"), [(25, range(6)), (25.2, range(6)), (50, [0, 2, 4]), (10, None)])
def test_clips_are_brought_to_the_commonest_rate(rate: float, seen: list[int] | None) -> None:
    codec = FramesCodec.fit([*TRAIN, Frames(clip(7).pixels, 50.0)])
    assert codec.rate == 25
    same, other = clip(4), Frames(clip(4).pixels, rate)
    # A slower clip shows each frame for two steps or three: 0.1 s are two and a half.
    places = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5] if seen is None else list(seen)
    expected = codec.encode(Frames(same.pixels[places])).values
    np.testing.assert_allclose(codec.encode(other).values, expected, atol=PIXELS)
    encoder, steps = codec.encoder(), []
    for frame in range(6):
        steps.append(encoder.push(Frames(other.pixels[frame : frame + 1], rate)).values)
    np.testing.assert_allclose(np.concatenate(steps), expected, atol=PIXELS)
    kept = FramesCodec.fit(TRAIN, frame_rate=0)
    assert len(kept.encode(other).values) == 6
    assert kept.rate == 0


def test_grey_is_grey_though_it_is_stored_in_colours() -> None:
    grey = clip(1, channels=1)
    stored = Frames(np.repeat(grey.pixels, 3, axis=3))
    codec = FramesCodec.fit([stored], differences=False)
    assert codec.frame == (19, 32, 1)
    np.testing.assert_allclose(codec.encode(stored).values, codec.encode(grey).values, atol=1e-4)


def test_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    codec = FramesCodec.fit(TRAIN, augment="shift")
    config = json.loads(json.dumps(codec.to_config()))
    again = FramesCodec.load(tmp_path, config)
    assert again.to_config() == config
    np.testing.assert_array_equal(again.encode(TRAIN[0]).values, codec.encode(TRAIN[0]).values)


@pytest.mark.parametrize(
    "change", [{"mean": [1.0]}, {"colours": 2}, {"height": 0}, {"differences": 1}, {"augment": []}]
)
def test_damaged_configurations_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="codec of frames"):
        FramesCodec.load(tmp_path, {**FramesCodec.fit(TRAIN).to_config(), **change})


@pytest.mark.parametrize("augment", ["shift=0.2", "level", "noise", "flip=1", "auto"])
def test_variants_keep_the_size_and_the_seed_decides(augment: str) -> None:
    codec = FramesCodec.fit(TRAIN, augment=augment)
    steps = codec.encode(TRAIN[0])
    kept = steps.values.copy()
    variant, again = (codec.augment(steps, np.random.default_rng(2)).values for _ in range(2))
    np.testing.assert_array_equal(variant, again)
    np.testing.assert_array_equal(steps.values, kept)
    assert variant.shape == kept.shape
    assert variant.dtype == np.float32
    assert np.abs(variant - kept).max() > 0.05
    np.testing.assert_allclose(variant[1:, ..., 3:], np.diff(variant[..., :3], axis=0), atol=1e-5)
    if augment == "flip=1":
        np.testing.assert_array_equal(variant[..., :3], kept[:, :, ::-1, :3])


def test_clips_without_frames_have_no_steps() -> None:
    codec = FramesCodec.fit(TRAIN)
    empty = codec.encode(Frames(np.zeros((0, 4, 4, 1), np.uint8)))
    assert codec.augment(empty, np.random.default_rng(0)).values.shape == (0, *codec.frame)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros((2, 4, 4, 1), np.uint8), "expected Frames"),
        (Frames(np.zeros((2, 4, 4), np.uint8)), r"shape \(2, 4, 4\)"),
        (Frames(np.zeros((2, 4, 4, 1))), "float64"),
        (Frames(np.zeros((2, 4, 4, 4), np.uint8)), "1 or 3 channels"),
        (Frames(np.zeros((0, 4, 4, 1), np.uint8)), "without a single frame"),
    ],
)
def test_what_is_no_clip_is_refused(raw: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        FramesCodec.fit([raw])


def test_a_step_is_described() -> None:
    codec = FramesCodec.fit(TRAIN)
    assert codec.describe().startswith("A step is a frame of 32 x 19 coloured pixels, and how much")
    assert codec.labels(TRAIN[0], codec.encode(TRAIN[0]))[:2] == ["0.00 s", "0.04 s"]
