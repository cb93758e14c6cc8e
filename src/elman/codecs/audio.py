"""Sound as a network reads it: log-mel spectra or mel-frequency cepstra, 100 a second."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, final, get_args

import numpy as np
from numpy.typing import NDArray

from elman.codecs.augmentation import mask, read_between, smooth_noise, strengths
from elman.codecs.mel import cosines, longer_tract, mel_filters
from elman.codecs.raw import Raw, Recording
from elman.codecs.resampling import Resampler
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.errors import DataError, SettingsError

Features = Literal["log-mel", "mfcc"]

#: Seconds that a frame hears, and between two frames.
_WINDOW, _HOP = 0.025, 0.01
#: Mel bands of sound of so many samples a second or more, and of less.
_BANDS, _WIDE, _FEW_BANDS = 40, 12_000, 24
#: Cepstral coefficients that are kept: beyond them is the fine structure, the pitch.
_COEFFICIENTS = 20
#: Power below this is taken as this: -100 dB of a full-scale signal.
_LEAST_POWER = 1e-10
#: Decibels below the loudest of the training data that are still heard; digital silence is no louder.
_RANGE = 80.0
#: Decibels below the loudness of the usual recording at which a recording is thought to begin.
_ONSET = 20.0
#: Frames that are computed at once.
_BLOCK = 2048

#: Where, evenly over the mel bands, the colour of a sound is drawn.
_COLOURS = 5

#: What `AudioCodec.augment` does, and how much by itself; the docstring says in which units.
_AUGMENTATIONS = {"tempo": 0.15, "tract": 0.1, "level": 3.0, "colour": 6.0, "noise": 0.3, "masks": 0.1}


@final
class AudioCodec(SequenceCodec):
    """Log-mel spectra or cepstra of one channel of sound, each feature scaled by what the training data showed.

    Sound is brought to ``rate`` samples a second (soxr), cut into frames of 25 ms, one every 10 ms, under a Hann
    window; frame t is centred at sample t * hop, with silence before and after the sound, so that n samples are
    1 + n // hop frames.
    Features of a frame:

    - ``log-mel``: 10 log10 of the power in each mel band, in dB, at least that of the loudest in training less 80 dB;
    - ``mfcc``: the first 20 coefficients of the cosine transform of these.

    A ``relative`` loudness is that under the loudest frame so far (the mean of its bands in dB), so that it does not
    matter how near the microphone was; the level before the first frame is 20 dB under that of the usual recording.

    Each feature is then (x - mean) / standard deviation over the training data.

    Attributes:
        features: ``log-mel`` or ``mfcc``.
        rate: Samples a second.
        mels: Bands of the spectrum.
        onset: What relative levels begin from, in dB; None where levels are as they are.
        hop: Samples between two frames.
        lookahead: Samples, at ``rate``, that the incremental encoder holds back: half a transform.
    """

    kind = "audio"

    def __init__(
        self,
        features: Features,
        rate: int,
        mels: int,
        floor: float = -np.inf,
        onset: float | None = None,
        mean: NDArray[np.float64] | None = None,
        deviation: NDArray[np.float64] | None = None,
        augmentations: Mapping[str, float] | None = None,
    ) -> None:
        self.features, self.rate, self.mels, self.floor, self.onset = features, rate, mels, floor, onset
        size = mels if features == "log-mel" else min(_COEFFICIENTS, mels)
        self.mean = np.zeros(size) if mean is None else mean
        self.deviation = np.ones(size) if deviation is None else deviation
        self.augmentations = dict(augmentations or {})
        self.hop = round(_HOP * rate)
        self.transform = 1 << (round(_WINDOW * rate) - 1).bit_length()
        self.lookahead = self.transform // 2
        self.frame = (size,)
        self.step_seconds = self.hop / rate
        if not mel_filters(rate, self.transform, mels).any(1).all():
            raise SettingsError(f"mels: {mels} bands are too fine for sound of {rate} samples a second. Take fewer.")

    @classmethod
    def fit(
        cls,
        inputs: Sequence[Raw],
        *,
        features: Literal["auto", "log-mel", "mfcc"] = "auto",
        rate: int | Literal["auto"] = "auto",
        mels: int | Literal["auto"] = "auto",
        loudness: Literal["auto", "relative", "kept"] = "auto",
        augment: str = "auto",
    ) -> AudioCodec:
        """Learn loudness and scales of ``inputs``, the training data.

        ``features`` auto takes log-mel, ``rate`` auto the commonest of the recordings, ``mels`` auto 40 bands, or 24
        below 12,000 samples a second: finer ones hear the pitch of a voice. ``loudness`` auto takes relative levels;
        ``kept`` is as it is. ``augment`` is ``auto``, ``none`` or a list of these, each with ``=STRENGTH`` if
        wanted: ``tempo`` (slower or faster by up to this share), ``tract`` (frequencies stretched by up to this share,
        as by another speaker), ``level`` (louder or softer, its standard deviation in dB), ``colour`` (some frequencies
        louder than others, as by another microphone, in dB), ``noise`` (share of the sequences that get some),
        ``masks`` (SpecAugment: the longest, as a share of time and of frequency). Raises `DataError` where there is no
        sound, `SettingsError` where ``mels`` are too many.
        """
        recordings = [_checked(raw) for raw in inputs]
        rates = Counter(recording.rate for recording in recordings if len(recording.samples))
        if not rates:
            raise DataError("a codec cannot be learnt from recordings without a single sample. Give training data.")
        common = min(found for found, count in rates.items() if count == max(rates.values()))
        found: Features = "log-mel" if features == "auto" else features
        rate = common if rate == "auto" else rate
        mels = (_BANDS if rate >= _WIDE else _FEW_BANDS) if mels == "auto" else mels
        plain = cls(found, rate, mels)
        spectra = [plain.decibels(recording) for recording in recordings if len(recording.samples)]
        plain.floor = max(float(decibels.max()) for decibels in spectra) - _RANGE
        spectra = [np.maximum(decibels, plain.floor) for decibels in spectra]
        if loudness != "kept":
            plain.onset = float(np.median([decibels.mean(1).max() for decibels in spectra])) - _ONSET
            spectra = [decibels - plain.loudest(decibels)[:, None] for decibels in spectra]
        frames = np.concatenate([plain.cepstra(decibels) for decibels in spectra])
        deviation = frames.std(0)
        deviation[deviation < 1e-6] = 1.0
        augmentations = strengths(augment, _AUGMENTATIONS)
        return cls(found, plain.rate, mels, plain.floor, plain.onset, frames.mean(0), deviation, augmentations)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> AudioCodec:
        """Make the codec that `to_config` describes. Raises `DataError` where something is missing or damaged."""
        try:
            features, rate, mels = config["features"], int(config["rate"]), int(config["mels"])
            mean, deviation = (np.asarray(config[name], dtype=np.float64) for name in ("mean", "deviation"))
            augmentations = {name: float(strength) for name, strength in config["augment"].items()}
            floor, onset = float(config["floor"]), config["onset"]
            onset = None if onset is None else float(onset)
            if features not in get_args(Features) or rate < 1000 or mels < 1:
                raise ValueError
            codec = cls(cast("Features", features), rate, mels, floor, onset, mean, deviation, augmentations)
            if mean.shape != codec.frame or deviation.shape != codec.frame:
                raise ValueError
        except (KeyError, TypeError, ValueError, AttributeError, SettingsError):
            raise DataError(f"{folder}: expected the configuration of a codec of sound, found {config}.") from None
        return codec

    def to_config(self) -> dict[str, Any]:
        """All that the codec is, in plain values."""
        return {
            "kind": self.kind,
            "features": self.features,
            "rate": self.rate,
            "mels": self.mels,
            "floor": self.floor,
            "onset": self.onset,
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "augment": self.augmentations,
        }

    def encode(self, raw: Raw) -> Steps:
        """All frames of a `Recording` of any rate."""
        encoder = self.encoder()
        return encoder.push(raw) + encoder.flush()

    def encoder(self) -> SequenceEncoder:
        """A fresh incremental encoder; every chunk is a `Recording` of the same rate."""
        return _AudioEncoder(self)

    def describe(self) -> str:
        """What a step is."""
        what = f"{self.mels} mel bands" if self.features == "log-mel" else f"{self.frame[0]} mel-frequency cepstra"
        return f"A step is 10 ms of sound, as {what} of {self.transform / self.rate * 1000:.0f} ms at {self.rate} Hz."

    def labels(self, raw: Raw, steps: Steps) -> list[str]:
        """The seconds at which each frame is centred."""
        return [f"{number * self.hop / self.rate:.2f} s" for number in range(len(steps.values))]

    def decibels(self, recording: Recording) -> NDArray[np.float64]:
        """The log-mel spectrum of a whole recording before scaling, (frames, mels) in dB."""
        encoder = _AudioEncoder(self)
        return self.spectrum(np.concatenate([encoder.windows(recording), encoder.last_windows()]))

    def spectrum(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """The log-mel spectra (frames, mels) in dB of pieces of sound (frames, transform)."""
        found = [np.zeros((0, self.mels))]
        for start in range(0, len(windows), _BLOCK):
            power = np.abs(np.fft.rfft(windows[start : start + _BLOCK] * self._hann)) ** 2
            found.append(10 * np.log10(np.maximum(power @ self._filters, _LEAST_POWER)))
        return np.maximum(np.concatenate(found), self.floor)

    def loudest(self, decibels: NDArray[np.float64], before: float | None = None) -> NDArray[np.float64]:
        """The level of the loudest frame up to each, (frames,): of these and of those ``before``."""
        before = self.onset if before is None else before
        assert before is not None
        return np.maximum(np.maximum.accumulate(decibels.mean(1)), before)

    def cepstra(self, decibels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log-mel spectra in dB as the features that are asked for, before scaling."""
        return decibels if self.features == "log-mel" else decibels @ self._cosines.T

    def scaled(self, features: NDArray[np.float64]) -> Steps:
        """Features as a network reads them."""
        return Steps(((features - self.mean) / self.deviation).astype(np.float32))

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """The recording as if said faster or slower, by another vocal tract, elsewhere, in noise, with holes.

        All of this happens to the spectrum (of cepstra: to the smooth one that they stand for), the holes last, as in
        SpecAugment (Park et al. 2019): two bands and two stretches of time are set to the mean of the training data.
        """
        if not len(steps.values):
            return steps
        tempo, tract, level, colour, noise, masks = (self.augmentations.get(name, 0.0) for name in _AUGMENTATIONS)
        features = steps.values * self.deviation + self.mean
        decibels = features if self.features == "log-mel" else features @ self._cosines
        if tempo:
            length = max(1, round(len(decibels) * (1 + rng.uniform(-tempo, tempo))))
            decibels = read_between(decibels, np.linspace(0, len(decibels) - 1, length))
        if tract:
            places = longer_tract(self.rate, self.mels, 1 + rng.uniform(-tract, tract))
            decibels = read_between(decibels.T, places).T
        if level:
            decibels = decibels + rng.normal(0, level)
        if colour:
            decibels = decibels + smooth_noise(self.mels, _COLOURS, colour, rng)
        if noise and rng.random() < noise:
            decibels = _noisy(decibels, rng)
        floor = self.floor if self.onset is None else -np.inf
        values = self.scaled(self.cepstra(np.maximum(decibels, floor))).values
        if masks:
            mask(values, masks, rng)
            if self.features == "log-mel":
                mask(values.T, masks, rng)
        return Steps(values)

    @cached_property
    def _hann(self) -> NDArray[np.float64]:
        window = round(_WINDOW * self.rate)
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
        before = (self.transform - window) // 2
        return np.pad(hann, (before, self.transform - window - before))

    @cached_property
    def _filters(self) -> NDArray[np.float64]:
        return mel_filters(self.rate, self.transform, self.mels).T

    @cached_property
    def _cosines(self) -> NDArray[np.float64]:
        return cosines(self.mels, self.frame[0])


@final
class _AudioEncoder(SequenceEncoder):
    """Holds the samples that frames to come will hear."""

    def __init__(self, codec: AudioCodec) -> None:
        self.codec = codec
        self.held = np.zeros(codec.lookahead or 0, np.float32)
        self.heard = 0
        self._loudest: float | None = None
        self._resampler = Resampler(codec.rate)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_resampler": copy.copy(self._resampler)}

    def push(self, chunk: Raw) -> Steps:
        return self._steps(self.windows(chunk))

    def flush(self) -> Steps:
        return self._steps(self.last_windows())

    def windows(self, chunk: Raw) -> NDArray[np.float32]:
        """The pieces of sound, (frames, transform), that are complete now."""
        recording = _checked(chunk)
        return self._cut(self._resampler.push(recording.samples, recording.rate))

    def last_windows(self) -> NDArray[np.float32]:
        """Those that reach into the silence after the end."""
        end = self._resampler.flush()
        heard = self.heard + len(end) > 0
        return self._cut(np.concatenate([end, np.zeros(self.codec.transform // 2 if heard else 0, np.float32)]))

    def _cut(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        size, hop = self.codec.transform, self.codec.hop
        self.heard += len(samples)
        sound = np.concatenate([self.held, samples])
        frames = max(0, (len(sound) - size) // hop + 1)
        self.held = sound[frames * hop :]
        if not frames:
            return np.zeros((0, size), np.float32)
        return np.lib.stride_tricks.sliding_window_view(sound, size)[: frames * hop : hop]

    def _steps(self, windows: NDArray[np.float32]) -> Steps:
        decibels = self.codec.spectrum(windows)
        if self.codec.onset is not None and len(decibels):
            loudest = self.codec.loudest(decibels, self._loudest)
            self._loudest = float(loudest[-1])
            decibels = decibels - loudest[:, None]
        return self.codec.scaled(self.codec.cepstra(decibels))


def _checked(raw: Raw) -> Recording:
    if not isinstance(raw, Recording):
        raise DataError(f"expected a Recording(samples, rate), found {type(raw).__name__}.")
    samples, rate = np.asarray(raw.samples), raw.rate
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise DataError(
            "expected one channel of sound, (samples,) of numbers within -1 and 1, "
            f"found {samples.dtype} of shape {samples.shape}."
        )
    if rate < 1000:
        raise DataError(f"expected sound of at least 1000 samples a second, found {rate}.")
    if not np.isfinite(samples).all():
        raise DataError(f"sample {int(np.argmin(np.isfinite(samples)))} of the recording is no finite number.")
    return Recording(samples.astype(np.float32, copy=False), int(rate))


def _noisy(decibels: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """With noise of a random tilt, its level 5 to 40 dB below the mean power of the recording."""
    frames, mels = decibels.shape
    power = 10 ** (decibels / 10)
    level = 10 * np.log10(power.mean()) - rng.uniform(5, 40)
    colour = 10 ** ((level + rng.normal(0, 5) * np.linspace(-1, 1, mels)) / 10)
    noisy: NDArray[np.float64] = 10 * np.log10(power + colour * rng.gamma(4.0, 1 / 4.0, (frames, mels)))
    return noisy
