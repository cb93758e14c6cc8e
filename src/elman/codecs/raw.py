"""Sequences as they come from files, before a codec makes numbers for a network of them.

Text is a ``str``, words that are cut already a ``tuple`` of ``str``, DNA a ``str`` of IUPAC letters; the rest is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError


@final
@dataclass(frozen=True, eq=False)
class Recording:
    """Sound, one channel.

    Attributes:
        samples: (samples,) float32, within -1 and 1.
        rate: Samples a second.
    """

    samples: NDArray[np.float32]
    rate: int


@final
@dataclass(frozen=True, eq=False)
class Series:
    """Numbers over time, one or several at a step.

    Attributes:
        values: (time, channels) float64; NaN where nothing was measured.
        times: When each step was measured, (time,) float64, rising, in any unit; None for even steps.
    """

    values: NDArray[np.float64]
    times: NDArray[np.float64] | None = None


@final
@dataclass(frozen=True, eq=False)
class Ink:
    """What a pen wrote.

    Attributes:
        strokes: From pen down to pen up each: (points, 2), x and y with y upwards, or (points, 3) with seconds.
    """

    strokes: tuple[NDArray[np.float64], ...]


@final
@dataclass(frozen=True, eq=False)
class Frames:
    """Moving pictures.

    Attributes:
        pixels: (time, height, width, channels) uint8; one channel is grey, three are red, green and blue.
        rate: Frames a second; None where nobody knows.
    """

    pixels: NDArray[np.uint8]
    rate: float | None = None


@final
@dataclass(frozen=True, eq=False)
class Picture:
    """One picture: a line of writing, or a scene.

    Attributes:
        pixels: (height, width, channels) uint8; one channel is grey, 0 black, three are red, green and blue.
    """

    pixels: NDArray[np.uint8]


#: Any of them.
Raw: TypeAlias = str | tuple[str, ...] | Recording | Series | Ink | Frames | Picture | Any


def pieces(raw: Raw, count: int) -> list[Raw]:
    """A sequence cut into at most ``count`` parts that follow each other, as even as can be; `joined` makes it again.

    >>> pieces("ACGTA", 2), pieces(("a", "fine", "film"), 2)
    (['AC', 'GTA'], [('a',), ('fine', 'film')])
    """
    if isinstance(raw, Recording):
        return [replace(raw, samples=raw.samples[part]) for part in _parts(len(raw.samples), count)]
    if isinstance(raw, Series):
        return [
            Series(raw.values[part], None if raw.times is None else raw.times[part])
            for part in _parts(len(raw.values), count)
        ]
    if isinstance(raw, Ink):
        return [Ink(raw.strokes[part]) for part in _parts(len(raw.strokes), count)]
    if isinstance(raw, Frames):
        return [replace(raw, pixels=raw.pixels[part]) for part in _parts(len(raw.pixels), count)]
    if isinstance(raw, Picture):  # from left to right
        return [Picture(raw.pixels[:, part]) for part in _parts(raw.pixels.shape[1], count)]
    return [raw[part] for part in _parts(len(raw), count)]


def _parts(length: int, count: int) -> list[slice]:
    count = max(1, min(count, length))
    return [slice(length * number // count, length * (number + 1) // count) for number in range(count)]


def joined(parts: Sequence[Any]) -> Raw:
    """One sequence of several that follow each other, all of one kind.

    Raises `DataError` where there is none, or of a kind that is not known here.

    >>> joined(["AC", "GT"]), joined([("a", "fine"), ("film",)])
    ('ACGT', ('a', 'fine', 'film'))
    """
    first = parts[0] if parts else None
    if isinstance(first, str):
        return "".join(parts)
    if isinstance(first, tuple):
        return tuple(word for part in parts for word in part)
    if isinstance(first, Recording):
        return replace(first, samples=np.concatenate([part.samples for part in parts]))
    if isinstance(first, Series):
        times = None if first.times is None else np.concatenate([part.times for part in parts])
        return Series(np.concatenate([part.values for part in parts]), times)
    if isinstance(first, Ink):
        return Ink(tuple(stroke for part in parts for stroke in part.strokes))
    if isinstance(first, Frames):
        return replace(first, pixels=np.concatenate([part.pixels for part in parts]))
    if isinstance(first, Picture):
        return Picture(np.concatenate([part.pixels for part in parts], axis=1))
    raise DataError(f"Expected parts of a sequence to join, found {'none' if first is None else type(first).__name__}.")
