"""Pictures of one size, their colours scaled; or regions that some other network has made of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.augmentation import strengths
from elman.codecs.frames import resize
from elman.codecs.raw import Picture, Raw, Series
from elman.errors import DataError

Floats = NDArray[np.float32]

#: Pixels of the longer side, by itself at most, and a multiple of which both sides are.
_LARGEST, _MULTIPLE = 64, 8

#: What `PicturesCodec.augment` does, and how much by itself: a shift by a share of the size, contrast and brightness.
_AUGMENTATIONS = {"shift": 0.06, "contrast": 0.15, "brightness": 0.15}

#: Channels of a picture in colour.
_COLOURS = 3


@final
@dataclass(frozen=True, eq=False)
class PicturesCodec:
    """What a network reads of a picture: pixels (height, width, channels), or regions (regions, features).

    Pixels are the mean of the area that they cover, scaled by mean and deviation of each colour in the training data; a
    picture of other proportions is squeezed. Regions that come ready, a `Series` each, are scaled feature by feature.

    Attributes:
        size: (height, width) of pictures; None for regions.
        mean, deviation: Of each channel or feature, (channels,).
        augmentations: How strongly training pictures are varied.
    """

    size: tuple[int, int] | None
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    augmentations: Mapping[str, float]

    @classmethod
    def fit(
        cls, inputs: Sequence[Raw], *, picture_size: int | Literal["auto"] = "auto", augment: str = "auto"
    ) -> PicturesCodec:
        """Learn size and scales of ``inputs``, the training data.

        ``picture_size`` is the longer side in pixels; auto takes that of the pictures, at most 64. ``augment`` is
        ``auto``, ``none`` or a list of ``shift``, ``contrast``, ``brightness``, each with ``=STRENGTH`` if wanted;
        ``zoom`` cuts away at most such a share of the sides, and ``flip`` (left and right, by chance) is for captions
        that do not tell them apart. Raises `DataError`.

        >>> picture = Picture(np.full((30, 40, 3), 128, np.uint8))
        >>> PicturesCodec.fit([picture, Picture(np.zeros((30, 40, 3), np.uint8))]).encode(picture).shape
        (32, 40, 3)
        """
        if not len(inputs):
            raise DataError("a codec cannot be learnt from no pictures. Give training data.")
        if isinstance(inputs[0], Series):
            rows = np.concatenate([_regions(raw) for raw in inputs])
            return cls(None, rows.mean(0), _spread(rows), {})
        pixels = [_pixels(raw) for raw in inputs]
        shapes = np.array([each.shape[:2] for each in pixels])
        longest = min(_LARGEST, int(shapes.max())) if picture_size == "auto" else picture_size
        usual = np.median(shapes, 0)
        height, width = (max(_MULTIPLE, round(side * longest / usual.max() / _MULTIPLE) * _MULTIPLE) for side in usual)
        channels = max(each.shape[2] for each in pixels)
        small = np.stack([_sized(each, (height, width), channels) for each in pixels]).reshape(-1, channels)
        known = strengths(augment, {**_AUGMENTATIONS, "flip": 0.0, "zoom": 0.0})
        return cls((height, width), small.mean(0, dtype=np.float64), _spread(small), known)

    @property
    def frame(self) -> tuple[int, ...]:
        """The shape of a picture, or of a region."""
        return (len(self.mean),) if self.size is None else (*self.size, len(self.mean))

    def encode(self, raw: Raw) -> Floats:
        """A picture (height, width, channels), or regions (regions, features). Raises `DataError`."""
        if self.size is None:
            values: NDArray[Any] = _regions(raw)
            if values.shape[1] != len(self.mean):
                raise DataError(f"expected regions of {len(self.mean)} features, found {values.shape[1]}.")
        else:
            values = _sized(_pixels(raw), self.size, len(self.mean))
        return ((values - self.mean) / self.deviation).astype(np.float32)

    def augment(self, picture: Floats, rng: np.random.Generator) -> Floats:
        """A variant of an encoded training picture that has the same caption; regions stay as they are."""
        if self.size is None or not self.augmentations:
            return picture
        shift, contrast, brightness, flip, zoom = (
            self.augmentations.get(name, 0.0) for name in ("shift", "contrast", "brightness", "flip", "zoom")
        )
        if flip and rng.random() < flip:
            picture = picture[:, ::-1]
        if zoom:
            picture = _part(picture, 1 - zoom * rng.random(), rng)
        if shift:
            most = [round(shift * side) for side in picture.shape[:2]]
            down, right = (int(rng.integers(-limit, limit + 1)) for limit in most)
            padded = np.pad(picture, [(most[0],) * 2, (most[1],) * 2, (0, 0)], mode="edge")
            picture = padded[most[0] + down :, most[1] + right :][: picture.shape[0], : picture.shape[1]]
        stretched: Floats = picture * np.float32(np.exp(rng.normal(0, contrast))) + np.float32(
            rng.normal(0, brightness)
        )
        return stretched

    def describe(self) -> str:
        """What is read."""
        if self.size is None:
            return f"A picture is read as regions of {len(self.mean)} features that come ready."
        height, width = self.size
        colours = "in colour" if len(self.mean) == _COLOURS else "in grey"
        return f"A picture is read as {height} x {width} pixels {colours}."

    def to_config(self) -> dict[str, Any]:
        """All that it is, in plain values."""
        return {
            "kind": "pictures" if self.size else "regions",
            "size": None if self.size is None else list(self.size),
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "augment": dict(self.augmentations),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PicturesCodec:
        """What `to_config` gave. Raises `DataError`."""
        try:
            size = None if config["size"] is None else (int(config["size"][0]), int(config["size"][1]))
            mean, deviation = (np.array(config[name], np.float64) for name in ("mean", "deviation"))
            augmentations = {str(name): float(value) for name, value in config["augment"].items()}
            whole = mean.ndim == 1 and mean.shape == deviation.shape and len(mean) > 0
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            whole = False
        if not whole:
            raise DataError(f"expected the configuration of a codec of pictures, found {config}.")
        return cls(size, mean, deviation, augmentations)


def _pixels(raw: Raw) -> NDArray[Any]:
    """The pixels of a `Picture`, or of an array (height, width), or with channels."""
    pixels = np.asarray(raw.pixels if isinstance(raw, Picture) else raw)
    if pixels.dtype.kind not in "uif" or pixels.ndim not in (2, 3) or not pixels.size:
        raise DataError(f"expected a picture (height, width, channels), found {type(raw).__name__} {pixels.shape}.")
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _regions(raw: Raw) -> NDArray[np.float64]:
    values = np.asarray(raw.values if isinstance(raw, Series) else raw, np.float64)
    if values.ndim != 2 or not values.size or not np.isfinite(values).all():
        raise DataError(
            f"expected regions (regions, features) of a picture, all of them numbers, found {values.shape}."
        )
    return values


def _sized(pixels: NDArray[Any], size: tuple[int, int], channels: int) -> Floats:
    """A picture of this size and so many channels: grey has three alike, colour as grey is their mean."""
    if pixels.shape[2] != channels:
        grey = pixels[..., :_COLOURS].mean(2, keepdims=True)
        pixels = np.repeat(grey, channels, 2)
    sized: Floats = resize(pixels[None], *size)[0]
    return sized


def _part(picture: Floats, share: float, rng: np.random.Generator) -> Floats:
    """A ``share`` of the sides of a picture, from anywhere in it, as large as the whole."""
    sides = picture.shape[:2]
    part = [max(1, round(side * share)) for side in sides]
    row, column = (int(rng.integers(side - each + 1)) for side, each in zip(sides, part, strict=True))
    whole: Floats = resize(picture[None, row : row + part[0], column : column + part[1]], *sides)[0]
    return whole


def _spread(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Standard deviations, 1 where nothing varies."""
    deviation = np.asarray(rows.std(0, dtype=np.float64))
    return np.where(deviation > 0, deviation, 1.0)
