from __future__ import annotations

import copy
import json
from itertools import pairwise
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.codecs.audio import AudioCodec
from elman.codecs.raw import Recording
from elman.errors import DataError, SettingsError
from tolerances import RESAMPLED, SPECTRA, SPECTRUM_CHUNKS


def sound(seed: int, seconds: float = 0.4, rate: int = 8000) -> Recording:
    """A gliding tone with overtones, that swells and fades, in noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = 2 * np.pi * np.cumsum(rng.uniform(100, 300) * (1 + 0.2 * np.sin(4 * time))) / rate
    tone = sum(np.sin(k * pitch) / k for k in range(1, 8)) * np.sin(np.pi * time / seconds)
    return Recording((0.2 * tone + 0.002 * rng.normal(size=len(time))).astype(np.float32), rate)


TRAIN = [sound(seed) for seed in range(3)]
PLAIN = AudioCodec.fit(TRAIN)


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
@pytest.mark.parametrize("samples", [1, 700, 3200])
def test_spectra_and_cepstra_are_those_of_librosa(rate: int, samples: int) -> None:
    recording = Recording(sound(1).samples[:samples], rate)
    codec = AudioCodec("mfcc", rate, 32)
    options = {"n_fft": codec.transform, "win_length": round(0.025 * rate), "hop_length": codec.hop, "n_mels": 32}
    padded = np.pad(recording.samples, codec.transform // 2)
    power = librosa.feature.melspectrogram(y=padded, sr=rate, center=False, **options)
    expected = librosa.power_to_db(power, top_db=None)
    decibels = codec.decibels(recording)
    assert decibels.shape == (1 + samples // codec.hop, 32)
    np.testing.assert_allclose(decibels, expected.T, atol=SPECTRA)
    cepstra = librosa.feature.mfcc(S=expected, n_mfcc=20)
    np.testing.assert_allclose(codec.cepstra(decibels), cepstra.T, atol=10 * SPECTRA)


@pytest.mark.parametrize(
    ("features", "loudness", "rate"), [("log-mel", "auto", 8000), ("mfcc", "kept", 8000), ("log-mel", "auto", 11025)]
)
@given(places=st.lists(st.integers(0, 3200), max_size=5), seed=st.integers(0, 5))
def test_chunking_law(features: str, loudness: str, rate: int, places: list[int], seed: int) -> None:
    codec = AudioCodec.fit(TRAIN, features=features, loudness=loudness)
    recording = sound(seed, rate=rate)
    encoder = codec.encoder()
    steps = encoder.push(Recording(recording.samples[:0], rate))
    for start, end in pairwise([0, *sorted(places), len(recording.samples)]):
        steps += encoder.push(Recording(recording.samples[start:end], rate))
    steps += encoder.flush()
    np.testing.assert_allclose(steps.values, codec.encode(recording).values, atol=SPECTRUM_CHUNKS)
    assert steps.values.dtype == np.float32


def test_no_more_is_held_back_than_is_said() -> None:
    encoder = PLAIN.encoder()
    samples = sound(1).samples
    arrived = [len(encoder.push(Recording(samples[n : n + 1], 8000)).values) for n in range(1000)]
    seen = np.cumsum(arrived)
    certain = (np.arange(1, 1001) - PLAIN.lookahead) // PLAIN.hop + 1
    np.testing.assert_array_equal(seen, np.maximum(certain, 0))


def test_features_are_scaled_by_the_training_data() -> None:
    frames = np.concatenate([PLAIN.encode(recording).values for recording in TRAIN])
    np.testing.assert_allclose(frames.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(frames.std(0), 1, atol=1e-4)


def test_other_rates_are_resampled_to_the_commonest() -> None:
    assert PLAIN.rate == 8000
    assert AudioCodec.fit([*TRAIN, sound(7, rate=16000)]).rate == 8000
    assert AudioCodec.fit(TRAIN, rate=4000, mels=20).rate == 4000
    tone = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)
    same = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    left, right = (PLAIN.decibels(Recording(*pair)) for pair in ((tone, 16000), (same, 8000)))
    assert left.shape == right.shape
    np.testing.assert_allclose(left[5:-5, :12], right[5:-5, :12], atol=0.1)


def test_narrow_sound_has_fewer_bands() -> None:
    assert PLAIN.mels == 24
    assert AudioCodec.fit([sound(3, rate=16000)]).mels == 40


def test_silence_is_no_deeper_than_the_range() -> None:
    codec = AudioCodec.fit(TRAIN, loudness="kept")
    quiet = codec.encode(Recording(np.zeros(800, np.float32), 8000)).values
    np.testing.assert_allclose(quiet[0] * codec.deviation + codec.mean, codec.floor, rtol=1e-4)
    assert PLAIN.encode(Recording(np.zeros(0, np.float32), 8000)).values.shape == (0, PLAIN.mels)


@pytest.mark.parametrize("gain", [0.5, 4.0])
def test_relative_levels_do_not_depend_on_the_distance(gain: float) -> None:
    near, far = TRAIN[0], Recording(TRAIN[0].samples * np.float32(gain), 8000)
    kept = AudioCodec.fit(TRAIN, loudness="kept")
    change = (kept.encode(far).values - kept.encode(near).values) * kept.deviation
    np.testing.assert_allclose(np.median(change), 20 * np.log10(gain), atol=0.1)
    settled = slice(10, None)  # until then a recording that swells may be under the level it is thought to begin with
    np.testing.assert_allclose(PLAIN.encode(far).values[settled], PLAIN.encode(near).values[settled], atol=0.02)


def test_relative_levels_are_under_the_loudest_so_far() -> None:
    decibels = np.array([[-90.0, -70], [-20, -40], [-60, -60], [-10, -20]])
    assert PLAIN.onset is not None
    assert -80 < PLAIN.onset < -30
    assert PLAIN.loudest(decibels).tolist() == [PLAIN.onset, -30, -30, -15]
    assert PLAIN.loudest(decibels[2:], -30).tolist() == [-30, -15]


@pytest.mark.parametrize("features", ["log-mel", "mfcc"])
def test_saved_and_loaded_is_the_same(features: str, tmp_path: Path) -> None:
    codec = AudioCodec.fit(TRAIN, features=features, augment="tempo=0.3,masks")
    config = json.loads(json.dumps(codec.to_config()))
    again = AudioCodec.load(tmp_path, config)
    assert again.to_config() == config
    np.testing.assert_array_equal(again.encode(TRAIN[0]).values, codec.encode(TRAIN[0]).values)


@pytest.mark.parametrize(
    "change", [{"mean": [1.0]}, {"features": "chroma"}, {"rate": 0}, {"mels": 500}, {"augment": 3}]
)
def test_damaged_configurations_are_refused(change: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="codec of sound"):
        AudioCodec.load(tmp_path, {**PLAIN.to_config(), **change})


@pytest.mark.parametrize("features", ["log-mel", "mfcc"])
def test_every_augmentation_does_something_and_the_seed_decides(features: str) -> None:
    for name in ("tempo=0.3", "tract", "level", "colour", "noise=1", "masks=0.3", "auto"):
        codec = AudioCodec.fit(TRAIN, features=features, augment=name)
        steps = codec.encode(TRAIN[0])
        kept = steps.values.copy()
        variant, again = (codec.augment(steps, np.random.default_rng(4)).values for _ in range(2))
        np.testing.assert_array_equal(variant, again)
        np.testing.assert_array_equal(steps.values, kept)
        assert variant.dtype == np.float32
        assert np.isfinite(variant).all()
        assert variant.shape != kept.shape or np.abs(variant - kept).max() > 0.1
        assert (variant.shape == kept.shape) == ("tempo" not in name and name != "auto")


@pytest.mark.parametrize("features", ["log-mel", "mfcc"])
def test_no_augmentation_changes_nothing(features: str) -> None:
    codec = AudioCodec.fit(TRAIN, features=features, augment="none")
    steps = codec.encode(TRAIN[0])
    rng = np.random.default_rng(0)
    np.testing.assert_allclose(codec.augment(steps, rng).values, steps.values, atol=0.02)
    assert codec.augment(codec.encode(Recording(np.zeros(0, np.float32), 8000)), rng).values.shape[0] == 0


def test_louder_is_louder_by_as_many_decibels() -> None:
    codec = AudioCodec.fit(TRAIN, loudness="kept", augment="level=20")
    steps = codec.encode(TRAIN[0])
    change = (codec.augment(steps, np.random.default_rng(3)).values - steps.values) * codec.deviation
    expected = np.random.default_rng(3).normal(0, 20)
    loud = steps.values * codec.deviation + codec.mean > codec.floor + abs(expected)
    assert loud.mean() > 0.3
    np.testing.assert_allclose(change[loud], expected, atol=1e-3)


def test_masks_are_holes_in_time_and_frequency() -> None:
    codec = AudioCodec.fit(TRAIN, augment="masks=0.4")
    values = codec.augment(codec.encode(TRAIN[0]), np.random.default_rng(1)).values
    assert 0 < (values == 0).all(1).mean() <= 0.8
    assert 0 < (values == 0).all(0).mean() <= 0.8


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_stream_can_be_forked(rate: int) -> None:
    samples = sound(1, seconds=1.2, rate=rate).samples
    encoder = PLAIN.encoder()
    encoder.push(Recording(samples[: rate // 2], rate))
    fork = copy.copy(encoder)
    ends = []
    for each in (encoder, fork):
        steps = each.push(Recording(samples[rate // 2 :], rate)) + each.flush()
        ends.append(steps.values)
    assert len(ends[0]) > 60
    np.testing.assert_allclose(*ends, atol=RESAMPLED)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (np.zeros(3), "expected a Recording"),
        (Recording(np.zeros((3, 2), np.float32), 8000), "one channel"),
        (Recording(np.zeros(3, np.int16), 8000), "int16"),
        (Recording(np.array([0, np.nan], np.float32), 8000), "sample 1 of"),
        (Recording(np.zeros(3, np.float32), 1), "at least 1000"),
        (Recording(np.zeros(0, np.float32), 8000), "without a single sample"),
    ],
)
def test_what_is_no_sound_is_refused(raw: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        AudioCodec.fit([raw])


def test_a_rate_that_changes_and_bands_that_are_too_fine_are_refused() -> None:
    encoder = PLAIN.encoder()
    encoder.push(TRAIN[0])
    with pytest.raises(DataError, match="began with 8000 Hz, now 16000"):
        encoder.push(sound(1, rate=16000))
    with pytest.raises(SettingsError, match="200 bands are too fine"):
        AudioCodec.fit(TRAIN, mels=200)


def test_a_step_is_described() -> None:
    assert PLAIN.describe() == "A step is 10 ms of sound, as 24 mel bands of 32 ms at 8000 Hz."
    steps = PLAIN.encode(TRAIN[0])
    assert PLAIN.labels(TRAIN[0], steps)[:3] == ["0.00 s", "0.01 s", "0.02 s"]
