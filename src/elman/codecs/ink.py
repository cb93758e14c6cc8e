"""Pen strokes: points at even distances, as directions and places, with what the pen does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.augmentation import smooth_noise, strengths
from elman.codecs.raw import Ink, Raw
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.errors import DataError, SettingsError

FEATURES = 8
_OFFSET, _PLACE, _COSINE, _SINE, _BEGINS, _ENDS = slice(0, 2), slice(2, 4), 4, 5, 6, 7

#: What is done to training sequences, and how much by itself: standard deviations of an angle in radians, of a shear,
#: of the logarithm of a stretch, and of places in sizes of the ink.
AUGMENTATIONS = {"turn": 0.1, "slant": 0.15, "stretch": 0.1, "wobble": 0.02}
_WOBBLE_STEPS = 8

#: Ink that is wider than this many heights, in the median, is lines of writing, whose size is their height.
_LINE = 2.0
#: Inks whose sizes differ more than this between the quartiles were not all made at one scale.
_ONE_SCALE = 1.5


@final
class InkCodec(SequenceCodec):
    """A step is a point; each stroke is cut into equal lengths of at most ``spacing`` sizes of the ink.

    A frame holds

    - the way from the point before: inside a stroke its direction, a unit vector; at the first point of a stroke the
      jump of the pen, in sizes of the ink;
    - its place, x and y in half sizes of the ink: from the middle of the ink or, where all have one ``scale``, from its
      first point;
    - cosine and sine of the angle by which the stroke turns there;
    - 1 where a stroke begins, 1 where it ends.

    How fast the pen moved does not matter. The size of the ink is its own (the larger side, or of lines the height),
    which is known at its end only, so that the incremental encoder holds all back; or, with a ``scale``, that of all
    the training data, and then each stroke is encoded as it comes.

    In training (`augment`) the ink is turned, slanted, stretched and wobbles.
    """

    kind = "ink"
    frame = (FEATURES,)

    def __init__(
        self,
        spacing: float = 0.08,
        lines: bool = False,
        scale: float | None = None,
        augmentations: Mapping[str, float] | None = None,
    ) -> None:
        self.spacing, self.lines, self.scale = spacing, lines, scale
        self.augmentations = dict(augmentations or {})
        self.lookahead = None if scale is None else 0

    @classmethod
    def fit(
        cls,
        inputs: Iterable[Raw],
        *,
        spacing: float = 0.08,
        scale: Literal["auto", "own", "training"] = "auto",
        augment: str = "auto",
    ) -> InkCodec:
        """Look at the sizes of ``inputs``.

        ``scale``: each ink's ``own``, that of ``training`` for all, or ``auto``: the latter where sizes hardly differ.
        ``augment`` is ``auto``, ``none`` or a list of ``turn``, ``slant``, ``stretch`` and ``wobble``, each with
        ``=STRENGTH`` if wanted. Raises `DataError`, `SettingsError`.
        """
        if not spacing > 0 or scale not in ("auto", "own", "training"):
            raise SettingsError(f"ink takes a spacing above 0 and scale auto, own or training, not {spacing}, {scale}.")
        drawn = [strokes for strokes in map(_strokes, inputs) if strokes]
        extents = np.array([np.ptp(np.concatenate(strokes), axis=0) for strokes in drawn])
        if not extents.any():
            raise DataError("a codec cannot be learnt from ink without a line in it. Give training data.")
        lines = bool(np.median(extents[:, 0]) > _LINE * np.median(extents[:, 1]))
        sizes = _sizes(extents, lines)
        low, middle, high = np.percentile(sizes, [25, 50, 75])
        one_scale = scale == "training" or (scale == "auto" and high < _ONE_SCALE * low)
        return cls(spacing, lines, float(middle) if one_scale else None, strengths(augment, AUGMENTATIONS))

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> InkCodec:
        """The codec that `to_config` describes. Raises `DataError` where that is damaged."""
        try:
            spacing, scale = float(config["spacing"]), config["scale"]
            scale = None if scale is None else float(scale)
            whole = spacing > 0 and (scale is None or scale > 0) and isinstance(config["lines"], bool)
            augmentations = {name: float(strength) for name, strength in config["augment"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            whole = False
        if not whole:
            raise DataError(f"{folder}: expected the configuration of a codec of ink, found {config}.")
        return cls(spacing, config["lines"], scale, augmentations)

    def to_config(self) -> dict[str, Any]:
        """All that the codec is."""
        own = {"spacing": self.spacing, "lines": self.lines, "scale": self.scale}
        return {"kind": self.kind, **own, "augment": self.augmentations}

    def encode(self, raw: Raw) -> Steps:
        """(points, 8) float32 of an `Ink`, or of its strokes."""
        encoder = self.encoder()
        return encoder.push(raw) + encoder.flush()

    def encoder(self) -> InkEncoder:
        """A fresh incremental encoder; what it is given must end where strokes end."""
        return InkEncoder(self)

    def describe(self) -> str:
        """One sentence on a step."""
        size = "its own height" if self.lines else "its own size"
        size = size if self.scale is None else f"{self.scale:g} units"
        return f"A step is a point, {self.spacing:g} of the ink's size apart ({size}): direction, place, turn, pen."

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """The ink turned, slanted, stretched and shaken a little; as many steps."""
        values = steps.values.copy()
        angle, slant, *stretch = rng.standard_normal(4) * self._strengths("turn", "slant", "stretch", "stretch")
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        change = turn @ np.array([[1, slant], [0, 1]]) @ np.diag(np.exp(stretch))
        (wobble,) = self._strengths("wobble")
        shift = np.stack([smooth_noise(len(values), len(values) // _WOBBLE_STEPS + 2, wobble, rng) for _ in "xy"], 1)
        inside = values[:, _BEGINS] == 0
        unit = np.where(inside, self.spacing, 1.0)[:, None]
        way = values[:, _OFFSET] @ change.T + np.diff(shift, axis=0, prepend=shift[:1]) / unit
        length = np.maximum(np.hypot(*way.T), 1e-9)[:, None]
        values[:, _OFFSET] = np.where(inside[:, None], way / length, way)
        values[:, _PLACE] = values[:, _PLACE] @ change.T + 2 * shift
        _tell_turns(values)
        return steps._replace(values=values)

    def _strengths(self, *names: str) -> NDArray[np.float64]:
        return np.array([self.augmentations.get(name, 0.0) for name in names])


@final
class InkEncoder(SequenceEncoder):
    """Encodes ink that arrives stroke by stroke; ``held`` are the strokes of which the size is not known yet."""

    def __init__(self, codec: InkCodec) -> None:
        self.codec = codec
        self.held: list[NDArray[np.float64]] = []
        self.origin = np.zeros(2)
        self.last: NDArray[np.float64] | None = None

    def push(self, chunk: Raw) -> Steps:
        """The points of these strokes, where their size is known."""
        strokes = _strokes(chunk)
        if self.codec.scale is None:
            self.held += strokes
            return _no_steps()
        if strokes and self.last is None:
            self.origin = strokes[0][0]
        return self._steps(strokes, self.codec.scale)

    def flush(self) -> Steps:
        """The points of all strokes that were held."""
        strokes, self.held = self.held, []
        if not strokes:
            return _no_steps()
        points = np.concatenate(strokes)
        self.origin = (points.max(0) + points.min(0)) / 2
        return self._steps(strokes, float(_sizes(np.ptp(points, axis=0)[None], self.codec.lines)[0]))

    def _steps(self, strokes: Sequence[NDArray[np.float64]], size: float) -> Steps:
        if not strokes:
            return _no_steps()
        parts = []
        for stroke in strokes:
            points = resampled((stroke - self.origin) / size, self.codec.spacing)
            values = np.zeros((len(points), FEATURES), dtype=np.float32)
            before = points[:1] if self.last is None else self.last
            way = np.diff(points, axis=0, prepend=before)
            way[1:] /= np.maximum(np.hypot(*way[1:].T), 1e-9)[:, None]
            values[:, _OFFSET], values[:, _PLACE] = way, 2 * points
            values[0, _BEGINS] = values[-1, _ENDS] = 1
            self.last = points[-1:]
            parts.append(values)
        joined = np.concatenate(parts)
        _tell_turns(joined)
        return Steps(joined)


def resampled(stroke: NDArray[np.float64], spacing: float) -> NDArray[np.float64]:
    """Points at even distances along a line, at most ``spacing`` apart, its two ends among them; (points, 2).

    >>> resampled(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 1.0]]), 2.0).tolist()
    [[0.0, 0.0], [2.0, 0.0], [3.0, 1.0]]
    """
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(stroke, axis=0).T))])
    if length[-1] == 0:
        return stroke[:1]
    places = np.linspace(0, length[-1], int(np.ceil(length[-1] / spacing)) + 1)
    return np.stack([np.interp(places, length, axis) for axis in stroke.T], axis=1)


def _tell_turns(values: NDArray[np.float32]) -> None:
    """Fill in the angle between each direction and the one before, 0 where there are not two inside a stroke."""
    way, begins = values[:, _OFFSET], values[:, _BEGINS] == 1
    before = np.roll(way, 1, axis=0)
    none = begins | np.roll(begins, 1)
    values[:, _COSINE] = np.where(none, 1, (way * before).sum(1))
    values[:, _SINE] = np.where(none, 0, before[:, 0] * way[:, 1] - before[:, 1] * way[:, 0])


def _sizes(extents: NDArray[np.float64], lines: bool) -> NDArray[np.float64]:
    """How large each ink is: the height of lines (of dashes a twentieth of the width), else the larger side."""
    width, height = extents.T
    sizes: NDArray[np.float64] = np.maximum(height, width / 20 if lines else width)
    return np.where(sizes > 0, sizes, 1.0)


def _no_steps() -> Steps:
    return Steps(np.empty((0, FEATURES), dtype=np.float32))


def _strokes(raw: Raw) -> list[NDArray[np.float64]]:
    """The strokes of an ink, (points, 2) each; raises `DataError` on what is none."""
    try:
        found: Any = raw.strokes if isinstance(raw, Ink) else raw
        strokes = [np.asarray(stroke, dtype=np.float64) for stroke in found]
    except (TypeError, ValueError):
        raise DataError(f"expected ink, a row of strokes (points, 2), found {type(raw).__name__}.") from None
    for number, stroke in enumerate(strokes):
        if stroke.ndim != 2 or stroke.shape[1] not in (2, 3) or not len(stroke):
            raise DataError(f"stroke {number} must be (points, 2) or, with times, (points, 3), found {stroke.shape}.")
        if not np.isfinite(stroke).all():
            raise DataError(f"stroke {number} has a point that is not a number.")
    return [stroke[:, :2] for stroke in strokes]
