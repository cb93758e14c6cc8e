from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from elman.codecs.raw import Series
from elman.codecs.sequence import Steps
from elman.codecs.series import SeriesCodec
from elman.errors import DataError, SettingsError


def random_series(seed: int, steps: int = 40, uneven: bool = False, gaps: bool = False) -> Series:
    rng = np.random.default_rng(seed)
    values = rng.normal([5, -300, 0.01], [1, 40, 0.002], (steps, 3))
    if gaps:
        values[rng.random(steps) < 0.4, 1] = np.nan
    times = 100 + np.cumsum(rng.exponential(2, steps)) if uneven else None
    return Series(values, times)


def cut(series: Series, places: list[int]) -> list[Series]:
    edges = [0, *sorted(place % (len(series.values) + 1) for place in places), len(series.values)]
    return [Series(series.values[a:b], None if series.times is None else series.times[a:b]) for a, b in pairwise(edges)]


def same(left: Steps, right: Steps) -> None:
    np.testing.assert_array_equal(left.values, right.values)
    assert left.values.dtype == np.float32
    assert (left.elapsed is None) == (right.elapsed is None)
    if left.elapsed is not None:
        np.testing.assert_array_equal(left.elapsed, right.elapsed)
        assert left.elapsed.dtype == np.float32


@pytest.mark.parametrize("differences", [False, True])
@pytest.mark.parametrize(("uneven", "gaps"), [(False, False), (True, False), (False, True), (True, True)])
@given(places=st.lists(st.integers(0, 40), max_size=5), seed=st.integers(0, 5))
def test_chunking_law(differences: bool, uneven: bool, gaps: bool, places: list[int], seed: int) -> None:
    codec = SeriesCodec.fit([random_series(9, uneven=uneven, gaps=gaps)], differences=differences)
    series = random_series(seed, uneven=uneven, gaps=gaps)
    encoder = codec.encoder()
    steps = encoder.push(Series(series.values[:0], None if series.times is None else series.times[:0]))
    for chunk in cut(series, places):
        steps += encoder.push(chunk)
    same(steps + encoder.flush(), codec.encode(series))
    assert steps.values.shape == (40, *codec.frame)


def test_scales_are_those_of_all_training_steps() -> None:
    train = [random_series(1), random_series(2, steps=7)]
    values = np.concatenate([series.values for series in train])
    steps = SeriesCodec.fit(train, differences=False).encode(train[0]).values
    np.testing.assert_allclose(steps, (train[0].values - values.mean(0)) / values.std(0), rtol=1e-5)


def test_gaps_are_filled_and_told() -> None:
    nan = np.nan
    train = Series(np.array([[nan, 1.0], [0.0, 2.0], [nan, 1.0], [nan, 2.0], [2.0, 1.0]]))
    codec = SeriesCodec.fit([train], differences=False)
    assert codec.gaps == (0,)
    value, _, measured, since = codec.encode(train).values.T
    assert value.tolist() == [0, -1, -1, -1, 1]
    assert measured.tolist() == [0, 1, 0, 0, 1]
    np.testing.assert_allclose(np.expm1(since), [0, 0, 1, 2, 0], atol=1e-6)


def test_uneven_steps_are_told_in_usual_steps() -> None:
    series = Series(np.arange(5.0)[:, None], np.array([10.0, 12, 14, 20, 22]))
    codec = SeriesCodec.fit([series], differences=False)
    assert codec.step == 2
    steps = codec.encode(series)
    assert steps.elapsed is not None
    assert steps.elapsed.tolist() == [1, 1, 1, 3, 1]
    np.testing.assert_allclose(np.expm1(steps.values[:, 1]), steps.elapsed, rtol=1e-6)
    assert codec.labels(series, steps) == ["10", "12", "14", "20", "22"]


def test_a_clock_that_trembles_is_even() -> None:
    times = np.arange(50.0) + np.random.default_rng(0).uniform(-0.02, 0.02, 50)
    codec = SeriesCodec.fit([Series(np.arange(50.0)[:, None], times)], differences=False)
    assert codec.step is None
    assert codec.frame == (1,)


def test_differences_are_in_usual_changes() -> None:
    series = random_series(3)
    codec = SeriesCodec.fit([series], differences=True)
    change = np.diff(series.values, axis=0)
    steps = codec.encode(series).values
    assert steps.shape == (40, 6)
    assert (steps[0, 3:] == 0).all()
    np.testing.assert_allclose(steps[1:, 3:], change / change.std(0), rtol=1e-4, atol=1e-6)


def test_what_never_changed_says_nothing() -> None:
    train = random_series(1).values
    train[:, 0], train[:, 1] = 0.1, np.nan
    codec = SeriesCodec.fit([train])
    other = random_series(2)
    assert (codec.encode(other).values[:, :2] == 0).all()


def test_arrays_stand_for_series() -> None:
    codec = SeriesCodec.fit([np.arange(5), [1, 2, 3]])
    same(codec.encode([1, 2]), codec.encode(Series(np.array([[1.0], [2.0]]))))


@pytest.mark.parametrize("uneven", [False, True])
def test_saved_and_loaded_is_the_same(uneven: bool, tmp_path: Path) -> None:
    codec = SeriesCodec.fit([random_series(1, uneven=uneven, gaps=True)], differences=True, augment="jitter=0.2")
    config = json.loads(json.dumps(codec.to_config()))
    again = SeriesCodec.load(tmp_path, config)
    assert again.to_config() == config
    assert again.frame == codec.frame
    series = random_series(2, uneven=uneven, gaps=True)
    same(again.encode(series), codec.encode(series))


@pytest.mark.parametrize(
    "change", [{"mean": [1.0]}, {"mean": None}, {"gaps": [3]}, {"step": 0}, {"change": [1.0]}, {"augment": None}]
)
def test_damaged_configurations_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    config = SeriesCodec.fit([random_series(1)]).to_config()
    with pytest.raises(DataError, match="codec of series"):
        SeriesCodec.load(tmp_path, {**config, **change})
    del config["mean"]
    with pytest.raises(DataError, match="codec of series"):
        SeriesCodec.load(tmp_path, config)


@pytest.mark.parametrize("uneven", [False, True])
def test_variants_have_as_many_steps_and_the_seed_decides(uneven: bool) -> None:
    series = random_series(1, uneven=uneven, gaps=True)
    codec = SeriesCodec.fit([series], differences=True)
    steps = codec.encode(series)
    kept = steps.values.copy()
    variant, again = (codec.augment(steps, np.random.default_rng(5)) for _ in range(2))
    same(variant, again)
    assert variant.values.shape == kept.shape
    assert not np.array_equal(variant.values, kept)
    assert set(np.unique(variant.values[:, 6])) == {0, 1}
    np.testing.assert_array_equal(steps.values, kept)
    values = variant.values
    np.testing.assert_allclose(values[1:, 3:6], np.diff(values[:, :3], axis=0) / codec.change, rtol=1e-3, atol=1e-5)


def test_warped_time_reads_what_is_there() -> None:
    line = np.linspace(0, 1, 60)
    codec = SeriesCodec.fit([line], augment="warp=0.5")
    steps = codec.encode(line)
    warped = codec.augment(steps, np.random.default_rng(0)).values
    assert (np.diff(warped[:, 0]) > 0).all()
    np.testing.assert_allclose(warped[[0, -1]], steps.values[[0, -1]], rtol=1e-6)
    assert np.abs(warped - steps.values).max() > 0.05


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_variants_of_short_series(steps: int) -> None:
    codec = SeriesCodec.fit([random_series(1, uneven=True)], differences=True)
    short = codec.encode(random_series(2, steps=steps, uneven=True))
    assert codec.augment(short, np.random.default_rng(0)).values.shape == (steps, 7)


@pytest.mark.parametrize("uneven", [False, True])
def test_a_series_is_said_faster_or_slower(uneven: bool) -> None:
    codec = SeriesCodec.fit([random_series(1, uneven=uneven)], augment="tempo=0.2", differences=False)
    steps = codec.encode(random_series(1, uneven=uneven))
    variants = [codec.augment(steps, np.random.default_rng(seed)) for seed in range(20)]
    lengths = [len(each.values) for each in variants]
    count = len(steps.values)
    assert min(lengths) < 0.9 * count
    assert max(lengths) > 1.1 * count
    assert all(0.79 * count < length < 1.21 * count for length in lengths)
    for each in variants:
        np.testing.assert_allclose(each.values[[0, -1], :3], steps.values[[0, -1], :3], rtol=1e-5)
        assert (each.elapsed is None) != uneven
        assert each.elapsed is None or len(each.elapsed) == len(each.values)


def test_masks_hide_stretches_of_what_was_measured() -> None:
    codec = SeriesCodec.fit([random_series(1)], augment="masks=0.3", differences=True)
    steps = codec.encode(random_series(1))
    found = codec.augment(steps, np.random.default_rng(3)).values
    hidden = (found[:, :3] == 0).all(1)
    assert 0 < hidden.sum() <= 0.6 * len(found) + 2
    np.testing.assert_array_equal(found[~hidden, :3], steps.values[~hidden, :3])


def test_none_changes_nothing() -> None:
    codec = SeriesCodec.fit([random_series(1)], augment="none", differences=False)
    steps = codec.encode(random_series(1))
    np.testing.assert_array_equal(codec.augment(steps, np.random.default_rng(0)).values, steps.values)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([], "without a single step"),
        ([np.zeros((0, 2))], "without a single step"),
        ([np.zeros((3, 2)), np.zeros((3, 1))], "the first has 2, the one after 1 others has 1"),
        ([np.array([1.0, np.inf])], "step 1, channel 0: the value is infinite"),
        (["abc"], "found str"),
        ([np.zeros((2, 2, 2))], "found shape"),
        ([Series(np.zeros((3, 1)), np.array([0.0, 2, 1]))], "step 2 has 1"),
        ([Series(np.zeros((3, 1)), np.array([0.0, 2]))], "as many times"),
    ],
)
def test_what_is_no_series_is_refused(train: list[NDArray[np.float64]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        SeriesCodec.fit(train)


def test_series_unlike_the_training_data_are_refused() -> None:
    codec = SeriesCodec.fit([random_series(1, uneven=True)])
    with pytest.raises(DataError, match="3 channels, as in training, found 1"):
        codec.encode(np.zeros(4))
    with pytest.raises(DataError, match="the time of every step"):
        codec.encode(random_series(1))
    encoder = codec.encoder()
    encoder.push(Series(np.zeros((1, 3)), np.array([5.0])))
    with pytest.raises(DataError, match="a step at 4 came after one at 5"):
        encoder.push(Series(np.zeros((1, 3)), np.array([4.0])))


@pytest.mark.parametrize(
    ("augment", "message"), [("wrap", "Did you mean 'warp'"), ("warp=x", "not 'x'"), ("warp=-1", "not '-1'")]
)
def test_unknown_augmentations_are_refused(augment: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SeriesCodec.fit([np.arange(3)], augment=augment)


def test_a_step_is_described() -> None:
    assert SeriesCodec.fit([np.arange(3)], differences=False).describe() == "A step is 1 scaled channel."
    text = SeriesCodec.fit([random_series(1, uneven=True, gaps=True)], differences=True).describe()
    assert text.startswith("A step is 3 scaled channels, how much each changed, for the 1 with gaps whether")
