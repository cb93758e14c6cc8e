"""Lines of writing as a network reads them: columns of ink from left to right, all of one height."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter, minimum_filter

from elman.codecs.augmentation import read_between, strengths, uneven_clock
from elman.codecs.frames import resize
from elman.codecs.raw import Picture, Raw
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.errors import DataError

#: Rows of pixels, by itself at most.
_HEIGHT = 40
#: Brightness of red, green and blue (ITU-R BT.601).
_BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)
#: Share of the pixels that is darker than the darkest ink that counts, and less bright than the brightest.
_DARKEST, _BRIGHTEST = 0.5, 99.5
#: Differences of brightness of 255 below which a picture shows nothing.
_FAINT = 8.0
#: Pictures by which it is learnt how much ink there is.
_FITTED = 500
#: How much thinner strokes get at most: of some that are one pixel wide nothing else would be left.
_THINNER = 0.5

#: What `LinesCodec.augment` does, and how much by itself.
_AUGMENTATIONS = {"stretch": 0.1, "slant": 0.2, "size": 0.08, "shift": 0.05, "stroke": 0.3, "noise": 0.05}


@final
class LinesCodec(SequenceCodec):
    """A step is a column of pixels, (height,), from top to bottom: 0 is paper, 1 / deviation the darkest ink.

    Paper is the brightness that most pixels of a picture have; writing in white on black is turned round. The picture
    is brought to one height, in proportion, so lines should be cut as close in training as later.

    Attributes:
        height: Rows of pixels of a column.
        deviation: Root of the mean square of all pixels of the training data, where paper is 0 and the darkest ink of
            each picture 1. Thin strokes are few pixels: a network learns late of what is hardly more than nothing.
    """

    kind = "lines"
    lookahead = None

    def __init__(self, height: int, deviation: float = 1.0, augmentations: Mapping[str, float] | None = None) -> None:
        self.height, self.deviation = height, deviation
        self.augmentations = dict(augmentations or {})
        self.frame = (height,)

    @classmethod
    def fit(
        cls,
        inputs: Sequence[Raw],
        *,
        line_height: int | Literal["auto"] = "auto",
        augment: str = "auto",
    ) -> LinesCodec:
        """Learn the height of ``inputs``, the training data, and how much ink is in them.

        ``line_height`` is in pixels; auto takes that of the pictures, at most 40. ``augment`` is ``auto``, ``none`` or
        a list of these, each with ``=STRENGTH`` if wanted: ``stretch`` (time runs unevenly, see
        `elman.codecs.augmentation.uneven_clock`), ``slant`` (columns lean by up to this many pixels a row), ``size``
        and ``shift`` (higher or lower, by this share of the height), ``stroke`` (strokes get thicker or thinner with
        this probability), ``noise``. Raises `DataError` where there is no picture.
        """
        heights = [_checked(raw).pixels.shape[0] for raw in inputs]
        if not heights:
            raise DataError("a codec cannot be learnt from no pictures. Give training data.")
        height = int(min(_HEIGHT, np.median(heights))) if line_height == "auto" else line_height
        plain = cls(height)
        some = [inputs[place] for place in np.unique(np.linspace(0, len(inputs) - 1, _FITTED).astype(int))]
        squares = [np.square(plain.encode(raw).values, dtype=np.float64) for raw in some]
        deviation = float(np.sqrt(sum(each.sum() for each in squares) / max(1, sum(each.size for each in squares))))
        return cls(height, deviation or 1.0, strengths(augment, _AUGMENTATIONS))

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> LinesCodec:
        """Make the codec that `to_config` describes. Raises `DataError` where something is missing or damaged."""
        try:
            height, deviation = int(config["height"]), float(config["deviation"])
            augmentations = {name: float(strength) for name, strength in config["augment"].items()}
            whole = height > 0 and deviation > 0
        except (KeyError, TypeError, ValueError, AttributeError):
            whole = False
        if not whole:
            raise DataError(f"{folder}: expected the configuration of a codec of lines, found {config}.")
        return cls(height, deviation, augmentations)

    def to_config(self) -> dict[str, Any]:
        """All that the codec is, in plain values."""
        return {
            "kind": self.kind,
            "height": self.height,
            "deviation": self.deviation,
            "augment": self.augmentations,
        }

    def encode(self, raw: Raw) -> Steps:
        """The columns of a `Picture` of any size, (columns, height)."""
        ink = _ink(_checked(raw).pixels)
        if not ink.shape[1]:
            return Steps(np.zeros((0, self.height), np.float32))
        width = max(1, round(ink.shape[1] * self.height / ink.shape[0]))
        columns = resize(ink[None, :, :, None], self.height, width)[0, :, :, 0].T
        return Steps(np.ascontiguousarray(columns / np.float32(self.deviation)))

    def encoder(self) -> SequenceEncoder:
        """A fresh incremental encoder, which waits for the whole line: what is paper is not known before."""
        return _LineEncoder(self)

    def describe(self) -> str:
        """What a step is."""
        return f"A step is a column of {self.height} pixels, from left to right."

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """The line written a little wider or narrower, leaning, larger or smaller, higher or lower, bolder or finer."""
        stretch, slant, size, shift, stroke, noise = (self.augmentations.get(name, 0.0) for name in _AUGMENTATIONS)
        columns = steps.values
        if not len(columns):
            return steps
        if stroke and rng.random() < stroke:
            other, most = (maximum_filter, 1.0) if rng.random() < 0.5 else (minimum_filter, _THINNER)
            columns = columns + np.float32(rng.uniform(0, most)) * (other(columns, (2, 2)) - columns)
        if stretch:
            width = max(1, round(len(columns) * float(np.exp(rng.normal(0, stretch)))))
            clock = uneven_clock(len(columns), stretch, rng)
            columns = read_between(columns, np.interp(np.linspace(0, len(clock) - 1, width), range(len(clock)), clock))
        if slant:
            columns = _leaning(columns, rng.uniform(-slant, slant))
        if size or shift:
            columns = _moved(columns, float(np.exp(rng.normal(0, size))), rng.normal(0, shift))
        if noise:
            columns = columns * np.float32(rng.uniform(0.7, 1.1))
            columns = columns + np.float32(noise / self.deviation) * rng.standard_normal(columns.shape, np.float32)
        return Steps(np.ascontiguousarray(columns, np.float32))


@final
class _LineEncoder(SequenceEncoder):
    """Keeps the pieces of a line from left to right."""

    def __init__(self, codec: LinesCodec) -> None:
        self.codec = codec
        self.pieces: list[NDArray[np.uint8]] = []

    def push(self, chunk: Raw) -> Steps:
        self.pieces.append(_checked(chunk).pixels)
        return Steps(np.zeros((0, self.codec.height), np.float32))

    def flush(self) -> Steps:
        if not self.pieces:
            return Steps(np.zeros((0, self.codec.height), np.float32))
        return self.codec.encode(Picture(np.concatenate(self.pieces, axis=1)))


def _ink(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How dark each pixel is between paper, 0, and the darkest ink, 1: (height, width)."""
    grey = pixels[..., 0].astype(np.float32) if pixels.shape[2] == 1 else pixels @ _BRIGHTNESS
    if not grey.size:
        return grey
    dark, paper, bright = np.percentile(grey, [_DARKEST, 50, _BRIGHTEST])
    ink = dark if paper - dark >= bright - paper else bright
    if abs(ink - paper) < _FAINT:
        return np.zeros_like(grey)
    found: NDArray[np.float32] = np.clip((paper - grey) / np.float32(paper - ink), 0, 1).astype(np.float32)
    return found


def _leaning(columns: NDArray[np.float32], slant: float) -> NDArray[np.float32]:
    """Columns whose rows move by ``slant`` pixels for each row above the lowest."""
    time, height = columns.shape
    moves = np.rint(slant * (height / 2 - np.arange(height))).astype(np.int64)
    most = int(np.abs(moves).max())
    padded = np.pad(columns, ((most, most), (0, 0)))
    places = np.arange(time)[:, None] + most - moves
    found: NDArray[np.float32] = padded[places.clip(0, len(padded) - 1), np.arange(height)]
    return found


def _moved(columns: NDArray[np.float32], scale: float, shift: float) -> NDArray[np.float32]:
    """Columns ``scale`` times as high, moved by ``shift`` of their height; paper comes in."""
    height = columns.shape[1]
    rows = (np.arange(height) - (height - 1) / 2 - shift * height) / scale + (height - 1) / 2
    inside = (rows >= 0) & (rows <= height - 1)
    found = read_between(columns.T, rows.clip(0, height - 1)) * inside[:, None]
    moved: NDArray[np.float32] = found.T.astype(np.float32)
    return moved


def _checked(raw: Raw) -> Picture:
    if not isinstance(raw, Picture):
        raise DataError(f"expected Picture(pixels), found {type(raw).__name__}.")
    pixels = np.asarray(raw.pixels)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or not pixels.shape[0]:
        raise DataError(
            "expected a picture (height, width, channels) of uint8 with 1 or 3 channels, "
            f"found {pixels.dtype} of shape {pixels.shape}."
        )
    return raw
