"""Long text cut into windows, so that the state of a network can be carried from one window to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.batch import SequenceBatch
from elman.errors import DataError

Ids = NDArray[np.int64]


@final
class TextStreams:
    """Batches for truncated backpropagation through time: row b of a window continues row b of the window before.

    The documents, one after the other, form a circle of N symbols. An epoch starts at a place drawn from ``seed``
    and the epoch's number, and cuts the circle into B equal rows of N // B symbols, read window by window; the last
    window of an epoch may be shorter. The target of a symbol is the one after it, so every symbol is read once and
    is a target once per epoch (but for the fewer than B that remain).

    - ``resets`` is True at the first symbol of each document, ``mask`` False where the target would be the first
      symbol of the next document; both are None in a window without such a place.
    - B is ``batch_size``, or fewer on short text: every row has at least one whole window if the text has one.

    Any ``batch(epoch, index)`` can be had at any time: nothing is remembered from call to call.
    Raises `DataError` if there are fewer than two symbols.
    """

    def __init__(self, documents: Sequence[NDArray[Any]], batch_size: int, window: int, *, seed: int) -> None:
        self._text, self._starts = concatenate(documents)
        self._seed = seed
        self.window = window
        self.batch_size = max(1, min(batch_size, len(self._text) // window))
        self._row_length = len(self._text) // self.batch_size
        # The circle is closed by repeating its beginning, so that a window is always one stretch.
        around = np.arange(len(self._text) + window + 1) % len(self._text)
        self._circle, self._circle_starts = self._text[around], self._starts[around]

    @property
    def symbols_in_epoch(self) -> int:
        """Symbols read in one epoch."""
        return self.batch_size * self._row_length

    def steps_in(self, epoch: int) -> int:
        """Return the number of windows in an epoch, the same for all."""
        return -(-self._row_length // self.window)

    def batch(self, epoch: int, index: int) -> SequenceBatch:
        """Return window ``index`` of an epoch: inputs and targets (B, T) int64, T at most ``window``."""
        if not 0 <= index < self.steps_in(epoch):
            raise IndexError(f"an epoch has {self.steps_in(epoch)} windows, there is no window {index}")
        origin = np.random.default_rng([self._seed, epoch]).integers(len(self._text))
        first = index * self.window
        rows = (origin + first + self._row_length * np.arange(self.batch_size)) % len(self._text)
        places = rows[:, None] + np.arange(min(self.window, self._row_length - first) + 1)
        return _batch(self._circle, self._circle_starts, places, ~self._circle_starts[places[:, 1:]])


def score_streams(
    documents: Sequence[NDArray[Any]], streams: int = 16, window: int = 256, context: int = 512
) -> Iterator[tuple[SequenceBatch, Ids]]:
    """Yield windows that score every symbol but the first of each document exactly once, and where these symbols lie.

    Each window continues the one before, as in `TextStreams`; the state is to be carried. The second value holds,
    (B, T), the place of each target in the concatenation of the documents, -1 where ``mask`` is False.

    Long text is read in up to ``streams`` parts side by side, each at least 4 times as long as ``context``: every
    part but the first reads the ``context`` symbols before it without being scored, so that its state has grown
    warm. With ``streams=1`` the scores are exact for a memory of any length. Raises `DataError` below two symbols.
    """
    text, starts = concatenate(documents)
    targets = len(text) - 1
    parts = max(1, min(streams, targets // max(4 * context, 1)))
    length = -(-targets // parts)
    warm = context if parts > 1 else 0
    first = length * np.arange(parts)[:, None] - warm
    for begin in range(0, warm + length, window):
        steps = np.arange(begin, min(begin + window, warm + length) + 1)
        places = first + steps
        inside = (places >= 0) & (places <= targets)
        # Before the text the first row reads the first symbol, whose reset then makes it forget.
        within = places.clip(0, targets)
        mask = (steps[1:] > warm) & inside[:, 1:] & ~starts[within[:, 1:]]
        yield _batch(text, starts, within, mask), np.where(mask, within[:, 1:], -1)


def concatenate(documents: Sequence[NDArray[Any]]) -> tuple[Ids, NDArray[np.bool_]]:
    """Return all documents as one row of ids, and where in it a document begins; empty documents leave no trace."""
    lengths = np.array([len(document) for document in documents if len(document)], dtype=np.int64)
    if lengths.sum() < 2:
        raise DataError(f"expected a text of at least 2 symbols, found {lengths.sum()}. Give more text.")
    text = np.concatenate([np.asarray(document, dtype=np.int64) for document in documents])
    starts = np.zeros(len(text), dtype=np.bool_)
    starts[lengths.cumsum() - lengths] = True
    return text, starts


def _batch(text: Ids, starts: NDArray[np.bool_], places: Ids, mask: NDArray[np.bool_]) -> SequenceBatch:
    """Return the window that reads ``places`` (B, T + 1), the last one only as a target."""
    symbols, resets = text[places], starts[places[:, :-1]]
    return SequenceBatch(
        inputs=torch.from_numpy(symbols[:, :-1].copy()),
        targets=torch.from_numpy(symbols[:, 1:].copy()),
        resets=torch.from_numpy(resets) if resets.any() else None,
        mask=None if mask.all() else torch.from_numpy(mask),
    )
