"""Moving pictures as a network reads them: small frames, scaled, with what changed since the one before."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.augmentation import strengths
from elman.codecs.raw import Frames, Raw
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.errors import DataError

#: Pixels of the longer side of a frame, by itself at most.
_SIDE = 32
#: Where red, green and blue differ less than this on average, of 255, a picture is grey; compression makes some colour.
_GREY = 3.0
#: Brightness of red, green and blue (ITU-R BT.601).
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
#: Frames that are made smaller at once.
_BLOCK = 32

#: Rates that differ by less than this share are taken as one: 30 and 29.97 frames a second.
_SAME_RATE = 0.02

#: What `FramesCodec.augment` does, and how much by itself.
_AUGMENTATIONS = {"shift": 0.08, "level": 0.2, "noise": 0.05, "flip": 0.0}


@final
class FramesCodec(SequenceCodec):
    """A step is a frame (height, width, channels) of pixels, each (x - mean) / standard deviation over training data.

    Every frame is brought to one size; a smaller pixel is the mean of what it covers. With ``differences`` as many
    channels follow that say how much each pixel changed since the frame before, 0 at the first. A network of small
    convolutions over the pixels, trained along, makes features of a frame (`elman.shapes.LabelShape`).

    Clips of other rates are brought to ``rate`` frames a second: step k is the frame that is seen at k / rate seconds.

    Attributes:
        height: Rows of pixels.
        width: Columns.
        colours: 1 for grey, 3 for red, green and blue.
        differences: Whether changes follow.
        rate: Frames a second that clips are brought to; 0 leaves them as they are, and so are clips of unknown rate.
    """

    kind = "frames"

    def __init__(
        self,
        height: int,
        width: int,
        colours: int,
        differences: bool,
        mean: NDArray[np.float32],
        deviation: NDArray[np.float32],
        augmentations: Mapping[str, float] | None = None,
        rate: float = 0.0,
    ) -> None:
        self.height, self.width, self.colours, self.differences = height, width, colours, differences
        self.mean, self.deviation = mean, deviation
        self.augmentations = dict(augmentations or {})
        self.rate = rate
        self.step_seconds = 1 / rate if rate else None
        self.frame = (height, width, colours * (2 if differences else 1))

    @classmethod
    def fit(
        cls,
        inputs: Sequence[Raw],
        *,
        frame_size: int | Literal["auto"] = "auto",
        frame_rate: float | Literal["auto"] = "auto",
        differences: bool = True,
        augment: str = "auto",
    ) -> FramesCodec:
        """Learn size, rate, colour and brightness of ``inputs``, the training data.

        ``frame_size`` is the longer side in pixels; auto takes that of the frames, at most 32. ``frame_rate`` auto is
        the commonest of those that are known, 0 leaves all as they are. Pictures whose colours
        hardly differ become grey. ``augment`` is ``auto``, ``none`` or a list of these, each with ``=STRENGTH`` if
        wanted: ``shift`` (moved by up to this share of the size), ``level`` (brighter or darker, and more or less
        contrast, in standard deviations), ``noise``, ``flip`` (mirrored left to right with this probability; by itself
        never, for it turns directions round). Raises `DataError` where there is no frame.
        """
        found = [clip for clip in map(_checked, inputs) if len(clip.pixels)]
        if not found:
            raise DataError("a codec cannot be learnt from clips without a single frame. Give training data.")
        rows, columns = np.median([clip.pixels.shape[1:3] for clip in found], axis=0)
        side = min(_SIDE, max(rows, columns)) if frame_size == "auto" else frame_size
        height, width = (max(1, round(float(size * side / max(rows, columns)))) for size in (rows, columns))
        colours = 3 if any(_is_coloured(clip.pixels) for clip in found) else 1
        none, one = np.zeros(colours, np.float32), np.ones(colours, np.float32)
        plain = cls(height, width, colours, False, none, one)
        mean, deviation = _moments([plain.encode(clip).values for clip in found])
        rates = Counter(clip.rate for clip in found if clip.rate)
        usual = max(rates, key=lambda known: (rates[known], -known), default=0.0)
        rate = usual if frame_rate == "auto" else frame_rate
        return cls(height, width, colours, differences, mean, deviation, strengths(augment, _AUGMENTATIONS), rate)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> FramesCodec:
        """Make the codec that `to_config` describes. Raises `DataError` where something is missing or damaged."""
        try:
            height, width, colours = (int(config[name]) for name in ("height", "width", "colours"))
            mean, deviation = (np.asarray(config[name], np.float32) for name in ("mean", "deviation"))
            augmentations = {name: float(strength) for name, strength in config["augment"].items()}
            whole = min(height, width) > 0 and colours in (1, 3) and mean.shape == deviation.shape == (colours,)
            rate = float(config["rate"])
            whole = whole and isinstance(config["differences"], bool) and rate >= 0
        except (KeyError, TypeError, ValueError, AttributeError):
            whole = False
        if not whole:
            raise DataError(f"{folder}: expected the configuration of a codec of frames, found {config}.")
        return cls(height, width, colours, config["differences"], mean, deviation, augmentations, rate)

    def to_config(self) -> dict[str, Any]:
        """All that the codec is, in plain values."""
        return {
            "kind": self.kind,
            "height": self.height,
            "width": self.width,
            "colours": self.colours,
            "differences": self.differences,
            "rate": self.rate,
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "augment": self.augmentations,
        }

    def encode(self, raw: Raw) -> Steps:
        """All frames of `Frames` of any size."""
        return self.encoder().push(raw)

    def encoder(self) -> SequenceEncoder:
        """A fresh incremental encoder, which holds nothing back."""
        return _FramesEncoder(self)

    def describe(self) -> str:
        """What a step is."""
        colour = "grey" if self.colours == 1 else "coloured"
        change = ", and how much each changed since the frame before" if self.differences else ""
        return f"A step is a frame of {self.width} x {self.height} {colour} pixels{change}."

    def labels(self, raw: Raw, steps: Steps) -> list[str]:
        """When each frame is shown, or its number."""
        rate = self.rate or _checked(raw).rate
        return super().labels(raw, steps) if not rate else [f"{n / rate:.2f} s" for n in range(len(steps.values))]

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """The clip moved a little, its border repeated; brighter or darker; with noise; mirrored where asked for."""
        shift, level, noise, flip = (self.augmentations.get(name, 0.0) for name in _AUGMENTATIONS)
        pixels = steps.values[..., : self.colours]
        if shift:
            rows, columns = (_moved(size, shift, rng) for size in pixels.shape[1:3])
            pixels = pixels[:, rows][:, :, columns]
        if flip and rng.random() < flip:
            pixels = pixels[:, :, ::-1]
        if level:
            pixels = pixels * np.float32(np.exp(rng.normal(0, level))) + np.float32(rng.normal(0, level))
        if noise:
            pixels = pixels + noise * rng.standard_normal(pixels.shape, np.float32)
        return Steps(self._with_changes(np.ascontiguousarray(pixels), pixels[:1]))

    def seen(self, before: int, after: int, rate: float | None) -> NDArray[np.int64]:
        """Which of the frames from number ``before`` to ``after`` of a clip of this ``rate`` become steps, in order."""
        if not rate or not self.rate or abs(rate / self.rate - 1) < _SAME_RATE:
            return np.arange(before, after)
        ratio = rate / self.rate
        # The first step that is seen at a frame or later; rounding must not move a frame that is met exactly.
        first, end = (math.ceil(frame / ratio - 1e-6) for frame in (before, after))
        found: NDArray[np.int64] = np.floor(np.arange(first, end) * ratio + 2e-6 * ratio).astype(np.int64)
        return found

    def small(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Frames in the codec's size and colours, scaled."""
        found = [np.zeros((0, self.height, self.width, self.colours), np.float32)]
        for start in range(0, len(pixels), _BLOCK):
            block: NDArray[Any] = pixels[start : start + _BLOCK]
            if self.colours == 1 and block.shape[3] == 3:
                block = (block @ _BRIGHTNESS)[..., None]
            # Grey pixels for a codec of colours get three equal ones here, by broadcasting.
            found.append((resize(block, self.height, self.width) / np.float32(255) - self.mean) / self.deviation)
        return np.concatenate(found)

    def _with_changes(self, pixels: NDArray[np.float32], before: NDArray[np.float32]) -> NDArray[np.float32]:
        if not self.differences:
            return pixels
        return np.concatenate([pixels, np.diff(pixels, axis=0, prepend=before[: len(pixels)])], axis=3)


@final
class _FramesEncoder(SequenceEncoder):
    """Remembers the last frame."""

    def __init__(self, codec: FramesCodec) -> None:
        self.codec = codec
        self.last: NDArray[np.float32] | None = None
        self.frames = 0

    def push(self, chunk: Raw) -> Steps:
        clip, begin = _checked(chunk), self.frames
        self.frames += len(clip.pixels)
        pixels = self.codec.small(clip.pixels[self.codec.seen(begin, self.frames, clip.rate) - begin])
        before = pixels[:1] if self.last is None else self.last
        if len(pixels):
            self.last = pixels[-1:]
        return Steps(self.codec._with_changes(pixels, before))

    def flush(self) -> Steps:
        return Steps(np.zeros((0, *self.codec.frame), np.float32))


def resize(pixels: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """Frames (time, rows, columns, channels) in another size: a pixel is the mean of the area that it covers.

    >>> resize(np.array([0, 4, 8, 6]).reshape(1, 1, 4, 1), 1, 2).ravel().tolist()
    [2.0, 7.0]
    """
    frames = np.asarray(pixels, np.float32)
    rows, columns = frames.shape[1:3]
    if rows != height:
        frames = np.moveaxis(np.tensordot(_covers(rows, height), frames, (1, 1)), 0, 1)
    if columns != width:
        frames = np.moveaxis(np.tensordot(_covers(columns, width), frames, (1, 2)), 0, 2)
    return np.ascontiguousarray(frames)


def _covers(old: int, new: int) -> NDArray[np.float32]:
    """How much of each old pixel is in each new one, (new, old); every row sums to 1."""
    edges = np.arange(new + 1) * old / new
    begins, ends = edges[:-1, None], edges[1:, None]
    pixel = np.arange(old)
    inside = np.minimum(ends, pixel + 1) - np.maximum(begins, pixel)
    covers: NDArray[np.float32] = (np.maximum(inside, 0) * new / old).astype(np.float32)
    return covers


def _moved(size: int, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Which rows or columns stand where after a random shift of at most ``share`` of the ``size``."""
    most = int(share * size + 0.5)
    places: NDArray[np.int64] = np.clip(np.arange(size) + rng.integers(-most, most + 1), 0, size - 1)
    return places


def _moments(clips: Sequence[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation of each colour, (colours,)."""
    count = sum(clip[..., 0].size for clip in clips)
    mean = np.sum([clip.sum((0, 1, 2), dtype=np.float64) for clip in clips], axis=0) / count
    squares = np.sum([((clip - mean) ** 2).sum((0, 1, 2)) for clip in clips], axis=0)
    deviation = np.sqrt(squares / count)
    return mean.astype(np.float32), np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)


def _is_coloured(pixels: NDArray[np.uint8]) -> bool:
    if pixels.shape[3] == 1:
        return False
    some = pixels[:: max(1, len(pixels) // 8)].astype(np.int16)
    return bool((some.max(axis=3) - some.min(axis=3)).mean() > _GREY)


def _checked(raw: Raw) -> Frames:
    if not isinstance(raw, Frames):
        raise DataError(f"expected Frames(pixels), found {type(raw).__name__}.")
    pixels = np.asarray(raw.pixels)
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or not all(pixels.shape[1:]):
        raise DataError(
            "expected frames (time, height, width, channels) of uint8 with 1 or 3 channels, "
            f"found {pixels.dtype} of shape {pixels.shape}."
        )
    return raw
