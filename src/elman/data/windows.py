"""Training windows of a panel: which ones, in which order, as tensors."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from elman.codecs.forecast_windows import WindowCodec, Windows
from elman.codecs.panel import Panel
from elman.errors import DataError


@final
class TrainingWindows:
    """Batches of training windows as a function of ``(epoch, index)``; nothing is remembered from call to call.

    The future of a window lies within what was measured. A series that is too short for a whole past has windows with
    less of it, and one that is too short for a whole future one window with a part of that. Windows of which nothing of
    the past or nothing of the future was measured are left out.

    Args:
        codec: Makes the windows.
        panel: The training data.
        horizon: Steps of the future of a window.
        batch_size: Windows of a batch.
        seed: Of the choice and the order.
        per_epoch: Windows of an epoch, drawn anew in each; all of them where there are not more.
        first: The first row of each series that may be an origin, (n,) or one number; by default what leaves a whole
            past (``codec.reach``).
        last: The last one; by default what leaves a whole future.

    Raises `DataError` where no series has a window.
    """

    def __init__(
        self,
        codec: WindowCodec,
        panel: Panel,
        horizon: int,
        batch_size: int,
        *,
        seed: int,
        per_epoch: int | None = None,
        first: NDArray[np.int64] | int | None = None,
        last: NDArray[np.int64] | int | None = None,
    ) -> None:
        self._codec, self._panel, self._horizon = codec, panel, horizon
        self._batch_size, self._seed = batch_size, seed
        self._series, self._origins = origins_of(panel, codec.reach, horizon, first=first, last=last)
        if not len(self._series):
            raise DataError("training windows need a series of at least two steps that were measured, found none.")
        self._per_epoch = min(per_epoch or len(self), len(self))
        self._plan = lru_cache(maxsize=2)(self._new_plan)

    def __len__(self) -> int:
        """All windows that there are."""
        return len(self._series)

    def steps_in(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        return -(-self._per_epoch // self._batch_size)

    def batch(self, epoch: int, index: int) -> Windows:
        """A batch of an epoch, as tensors."""
        chosen = self._plan(epoch)[index * self._batch_size : (index + 1) * self._batch_size]
        series, origins = self._series[chosen].astype(np.int64), self._origins[chosen].astype(np.int64)
        return tensors(self._codec.encode(self._panel, series, origins, self._horizon, targets=True))

    def _new_plan(self, epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng([self._seed, epoch])
        if self._per_epoch < len(self) // 2:
            return rng.integers(len(self), size=self._per_epoch)
        return rng.permutation(len(self))[: self._per_epoch]


def origins_of(
    panel: Panel,
    reach: int,
    horizon: int,
    *,
    first: NDArray[np.int64] | int | None = None,
    last: NDArray[np.int64] | int | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The series and the origin of every window of a panel, (windows,) each; arguments as of `TrainingWindows`."""
    history = panel.history
    end = history - horizon if last is None else np.minimum(last, history - 1)
    end = np.maximum(np.broadcast_to(end, history.shape), np.minimum(1, history - 1))
    begin = np.minimum(np.maximum(reach if first is None else first, 1), end)
    counts = np.where(end >= 1, end - begin + 1, 0)
    series = np.repeat(np.arange(len(panel), dtype=np.int32), counts)
    origins = np.arange(len(series)) - np.repeat(np.cumsum(counts) - counts, counts) + begin[series]
    known = np.concatenate([[0], np.cumsum(~np.isnan(panel.target))])
    at = panel.offsets[series] + origins
    start = np.maximum(at - reach, panel.offsets[series])
    stop = np.minimum(at + horizon, (panel.offsets[:-1] + history)[series])
    whole = (known[at] > known[start]) & (known[stop] > known[at])
    return series[whole], origins[whole].astype(np.int32)


def tensors(windows: Windows) -> Windows:
    """The same windows with tensors for arrays; float64 becomes float32."""

    def one(array: Any) -> Any:
        if array is None:
            return None
        return torch.from_numpy(np.ascontiguousarray(array, np.float32 if array.dtype == np.float64 else array.dtype))

    return Windows(*map(one, windows))
