"""Where a decoder looked in a picture before it wrote each word."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Words beside each other, and inches of a picture.
_COLUMNS, _INCHES = 6, 1.35


def looks(
    picture: NDArray[Any], words: Sequence[str], attention: NDArray[Any], grid: tuple[int, int], title: str
) -> Figure:
    """The picture once for each word, bright where the decoder looked.

    Args:
        picture: (height, width, channels), in any scale.
        words: That were written.
        attention: Weights, (words, regions), the regions row by row.
        grid: Rows and columns of the regions.
        title: One line above.
    """
    from matplotlib.figure import Figure

    low, high = float(picture.min()), float(picture.max())
    pixels = (picture - low) / (high - low or 1.0)
    pixels = np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels[..., :3]
    rows, columns = math.ceil((len(words) + 1) / _COLUMNS), min(_COLUMNS, len(words) + 1)
    with style.context():
        figure = Figure(figsize=(_INCHES * columns, (_INCHES + 0.28) * rows + 0.4), layout="constrained")
        places = figure.subplots(rows, columns, squeeze=False).ravel()
        for place in places:
            place.set_axis_off()
        places[0].imshow(pixels)
        for place, word, weights in zip(places[1:], words, attention, strict=False):
            shares = weights.reshape(grid) / (weights.max() or 1.0)
            bright = _grown(shares, *pixels.shape[:2])[..., None]
            place.imshow(0.22 * pixels + 0.78 * pixels * bright + 0.78 * (1 - bright) * 0.12)
            place.set_title(word, fontsize=9, fontweight="normal", pad=3, loc="center")
        figure.suptitle(title, x=0.01, ha="left", fontsize=10.5, fontweight="bold")
    return figure


def _grown(shares: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Weights of regions for every pixel, smoothly from the middle of one region to that of the next."""
    rows = np.interp((np.arange(height) + 0.5) / height * len(shares) - 0.5, np.arange(len(shares)), range(len(shares)))
    columns = (np.arange(width) + 0.5) / width * shares.shape[1] - 0.5
    along = np.stack([np.interp(columns, np.arange(shares.shape[1]), row) for row in shares])
    return np.stack([np.interp(rows, np.arange(len(shares)), column) for column in along.T], 1)
