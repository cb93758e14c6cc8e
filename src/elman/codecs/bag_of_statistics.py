"""What the channels of sound, series, ink and pictures are like over the whole sequence, wherever it happens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.bag import Bag
from elman.codecs.raw import Frames, Raw
from elman.codecs.registry import codec_for, load_codec
from elman.codecs.sequence import SequenceCodec
from elman.codecs.vocabulary import damaged, read_file
from elman.errors import DataError
from elman.settings import InputSettings

if TYPE_CHECKING:
    import scipy.sparse

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_QUARTERS = 4
STATISTICS = (
    *("mean", "deviation", "least", "largest", "slope"),
    *(f"quantile {share:g}" for share in _QUANTILES),
    *("mean change", "mean size of changes", "deviation of changes", "largest change", "largest drop"),
    *(f"mean of quarter {number + 1}" for number in range(_QUARTERS)),
)
#: Pictures are averaged to so many rows and columns.
_GRID = 8
#: Features that spread less than this in the training data say nothing.
_SPREAD = 1e-9


@final
class BagOfStatistics(Bag):
    """`STATISTICS` of every channel of the steps that the kind's codec makes, standardised by the training data.

    Of pictures the channels are the means of 8 x 8 tiles. One feature more is the logarithm of the length.
    """

    def __init__(
        self,
        kind: str,
        channels: int,
        mean: NDArray[np.float64],
        deviation: NDArray[np.float64],
        codec: SequenceCodec | None,
    ) -> None:
        self.kind, self.channels, self.codec = kind, channels, codec
        self.mean, self.deviation = mean, deviation
        self.names = [f"{name} of {channel}" for channel in range(channels) for name in STATISTICS] + ["length"]

    @classmethod
    def _learn(cls, inputs: Sequence[Raw], targets: Sequence[Any] | None, kind: str) -> BagOfStatistics:
        codec = None if kind == "frames" else codec_for(kind, inputs, InputSettings())
        values = [_channels(raw, codec) for raw in inputs]
        if not values:
            raise DataError("a bag of features cannot be learnt from no sequences. Give training data.")
        rows = np.stack([_row(each) for each in values])
        deviation = rows.std(0)
        deviation[deviation < _SPREAD] = np.inf
        return cls(kind, values[0].shape[1], rows.mean(0), deviation, codec)

    @classmethod
    def _load(cls, folder: Path, config: Mapping[str, Any]) -> BagOfStatistics:
        path = folder / cls.FILE
        try:
            found = json.loads(read_file(path))
            mean = np.array(found["mean"], dtype=np.float64)
            deviation = np.array([np.inf if each is None else each for each in found["deviation"]], dtype=np.float64)
            channels, of_codec = int(config["channels"]), config["codec"]
        except (ValueError, KeyError, TypeError):
            raise damaged(path, "expected means and deviations of features") from None
        bag = cls(config["kind"], channels, mean, deviation, None if of_codec is None else load_codec(folder, of_codec))
        if mean.shape != (len(bag),) or deviation.shape != mean.shape:
            raise damaged(path, f"expected a mean and a deviation for each of {len(bag)} features")
        return bag

    def to_config(self) -> dict[str, Any]:
        """What `load` needs besides the file of means and deviations."""
        codec = None if self.codec is None else self.codec.to_config()
        return {**super().to_config(), "channels": self.channels, "codec": codec}

    def save(self, folder: Path) -> None:
        """Write ``bag.json``: mean and deviation of each feature; null for one that is constant."""
        deviation = [each if np.isfinite(each) else None for each in self.deviation.tolist()]
        text = json.dumps({"mean": self.mean.tolist(), "deviation": deviation})
        (folder / self.FILE).write_text(text + "\n", encoding="utf-8")

    def transform(self, inputs: Sequence[Raw], targets: Sequence[Any] | None = None) -> scipy.sparse.csr_matrix:
        """The standardised statistics, (sequences, features) float32; one sequence more or less hardly moves them."""
        from scipy.sparse import csr_matrix

        rows = np.zeros((len(inputs), len(self)), dtype=np.float32)
        for number, raw in enumerate(inputs):
            values = _channels(raw, self.codec)
            if values.shape[1] != self.channels:
                raise DataError(f"expected {self.channels} channels, as in training, found {values.shape[1]}.")
            rows[number] = (_row(values) - self.mean) / self.deviation
        return csr_matrix(rows)

    def describe(self) -> str:
        """One sentence on the features."""
        return f"A bag of {len(self):,} features: {len(STATISTICS)} statistics of {self.channels} channels, the length."


def _channels(raw: Raw, codec: SequenceCodec | None) -> NDArray[np.float64]:
    """(time, channels) float64."""
    if codec is not None:
        return codec.encode(raw).values.astype(np.float64)
    pixels = np.asarray(raw.pixels if isinstance(raw, Frames) else raw)
    if pixels.ndim != 4:
        raise DataError(f"expected pictures (time, height, width, channels), found shape {pixels.shape}.")
    rows, columns = (np.linspace(0, size, _GRID + 1).astype(int) for size in pixels.shape[1:3])
    tiles = [
        pixels[:, top : max(bottom, top + 1), left : max(right, left + 1)].mean((1, 2)) / 255
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]
    return np.concatenate(tiles, axis=1)


def _row(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The statistics of all channels, and log(1 + length)."""
    steps, channels = values.shape
    length = [np.log1p(steps)]
    if not steps:
        return np.concatenate([np.zeros(channels * len(STATISTICS)), length])
    change = np.diff(values, axis=0) if steps > 1 else np.zeros((1, channels))
    place = np.linspace(-1, 1, steps)[:, None]
    edges = np.linspace(0, steps, _QUARTERS + 1).astype(int)
    quarters = [values[min(start, steps - 1) : max(end, start + 1)].mean(0) for start, end in pairwise(edges)]
    rows = [
        *(values.mean(0), values.std(0), values.min(0), values.max(0)),
        (place * values).sum(0) / max((place**2).sum(), 1.0),
        *np.quantile(values, _QUANTILES, axis=0),
        *(change.mean(0), np.abs(change).mean(0), change.std(0), change.max(0), change.min(0)),
        *quarters,
    ]
    return np.concatenate([np.stack(rows, axis=1).ravel(), length])
