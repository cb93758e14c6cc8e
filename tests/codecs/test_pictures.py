from __future__ import annotations

import numpy as np
import pytest

from elman.codecs.pictures import PicturesCodec
from elman.codecs.raw import Picture, Series
from elman.errors import DataError, SettingsError


def pictures(count: int = 4, size: tuple[int, int] = (30, 40), channels: int = 3) -> list[Picture]:
    rng = np.random.default_rng(0)
    return [Picture(rng.integers(0, 255, (*size, channels), np.uint8)) for _ in range(count)]


def test_pictures_are_brought_to_one_size_and_scaled() -> None:
    codec = PicturesCodec.fit(pictures())
    found = np.stack([codec.encode(each) for each in pictures()])
    assert found.shape == (4, 32, 40, 3)
    np.testing.assert_allclose(found.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(found.std((0, 1, 2)), 1, atol=1e-3)
    assert codec.encode(Picture(np.zeros((90, 10, 3), np.uint8))).shape == (32, 40, 3)


def test_grey_and_colour_are_brought_together() -> None:
    codec = PicturesCodec.fit(pictures(channels=1))
    assert codec.encode(pictures(1)[0]).shape == (32, 40, 1)
    colour = PicturesCodec.fit(pictures())
    grey = colour.encode(Picture(np.full((30, 40, 1), 90, np.uint8))) * colour.deviation + colour.mean
    np.testing.assert_allclose(grey, 90, atol=1e-3)


def test_a_size_may_be_asked_for() -> None:
    assert PicturesCodec.fit(pictures(size=(100, 50)), picture_size=48).size == (48, 24)
    assert PicturesCodec.fit(pictures(size=(300, 300))).size == (64, 64)


def test_variants_differ_by_their_random_numbers_alone() -> None:
    codec = PicturesCodec.fit(pictures(), augment="shift,contrast,brightness,flip=0.5,zoom=0.4")
    picture = codec.encode(pictures(1)[0])
    first, again, other = (codec.augment(picture, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert first.shape == picture.shape
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(
        PicturesCodec.fit(pictures(), augment="none").augment(picture, np.random.default_rng(0)), picture
    )


def test_what_is_not_usual_needs_a_strength() -> None:
    assert PicturesCodec.fit(pictures(), augment="shift").augmentations["shift"] > 0
    with pytest.raises(SettingsError, match=r"say how strongly, such as flip=0\.2"):
        PicturesCodec.fit(pictures(), augment="shift,flip")


def test_regions_come_ready() -> None:
    rng = np.random.default_rng(0)
    regions = [Series(rng.normal(3, 2, (5 + number, 7))) for number in range(3)]
    codec = PicturesCodec.fit(regions)
    assert (codec.size, codec.frame) == (None, (7,))
    np.testing.assert_allclose(np.concatenate([codec.encode(each) for each in regions]).std(0), 1, atol=1e-5)
    with pytest.raises(DataError, match="regions of 7 features, found 6"):
        codec.encode(Series(np.zeros((4, 6))))


def test_a_configuration_makes_the_same_codec() -> None:
    for inputs in (pictures(), [Series(np.random.default_rng(0).normal(size=(4, 5)))]):
        codec = PicturesCodec.fit(inputs)
        again = PicturesCodec.from_config(codec.to_config())
        np.testing.assert_array_equal(again.encode(inputs[0]), codec.encode(inputs[0]))
        assert again.describe() == codec.describe()
    with pytest.raises(DataError, match="configuration of a codec of pictures"):
        PicturesCodec.from_config({"size": [3, 4]})


@pytest.mark.parametrize("wrong", ["a text", np.zeros((2, 2, 2, 2)), np.zeros((0, 4, 3))])
def test_what_is_no_picture_is_refused(wrong: object) -> None:
    with pytest.raises(DataError, match="expected a picture"):
        PicturesCodec.fit(pictures()).encode(wrong)
