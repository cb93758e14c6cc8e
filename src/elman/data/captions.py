"""Batches of pictures with captions: a picture comes with each of its captions, varied anew every time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from elman.codecs.pictures import PicturesCodec
from elman.data.batch import SequenceBatch
from elman.data.labelled import POOL
from elman.errors import DataError

#: Captions of a batch where nothing is learnt.
SCORED_ROWS = 64


@final
class CaptionBatches:
    """Training batches of n captions, as a function of ``(epoch, index)``; nothing is remembered from call to call.

    In every epoch each caption comes once, those of like length together, in an order drawn from ``seed`` and epoch.

    Args:
        pictures: As the codec encodes them.
        owners: For each caption the number of its picture, (captions,).
        captions: Symbols of each, without an end.
        end: The symbol that ends a caption.
        batch_size: Captions of a batch.
        codec: Varies pictures.
        seed: Of the order and the variants.

    Raises `DataError` without captions.
    """

    def __init__(
        self,
        pictures: Sequence[NDArray[np.float32]],
        owners: Sequence[int],
        captions: Sequence[NDArray[np.int64]],
        end: int,
        batch_size: int,
        codec: PicturesCodec,
        *,
        seed: int,
    ) -> None:
        if not len(captions) or len(owners) != len(captions):
            raise DataError(f"Learning needs captions, each of a picture; found {len(captions)} and {len(owners)}.")
        self._pictures, self._owners, self._captions, self._end = pictures, owners, captions, end
        self._batch_size, self._codec, self._seed = batch_size, codec, seed
        self._lengths = np.array([len(caption) for caption in captions])
        self._plan = lru_cache(maxsize=2)(self._new_plan)

    def steps_in(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        return len(self._plan(epoch))

    def batch(self, epoch: int, index: int) -> SequenceBatch:
        """A batch of an epoch."""
        rows = self._plan(epoch)[index]
        pictures = [
            self._codec.augment(self._pictures[self._owners[row]], np.random.default_rng([self._seed, epoch, int(row)]))
            for row in rows
        ]
        return self._made(pictures, rows)

    def scored(self) -> Iterator[SequenceBatch]:
        """All captions once, sorted by length, pictures as they are."""
        order = np.argsort(self._lengths, kind="stable")
        for begin in range(0, len(order), SCORED_ROWS):
            rows = order[begin : begin + SCORED_ROWS]
            yield self._made([self._pictures[self._owners[row]] for row in rows], rows)

    def _new_plan(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng([self._seed, epoch])
        order, pool = rng.permutation(len(self._lengths)), POOL * self._batch_size
        batches: list[NDArray[np.int64]] = []
        for begin in range(0, len(order), pool):
            rows = order[begin : begin + pool]
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
            batches += [rows[at : at + self._batch_size] for at in range(0, len(rows), self._batch_size)]
        return [batches[number] for number in rng.permutation(len(batches))]

    def _made(self, pictures: Sequence[NDArray[np.float32]], rows: NDArray[np.int64]) -> SequenceBatch:
        lengths = np.array([len(picture) for picture in pictures])
        inputs = np.zeros((len(pictures), int(lengths.max()), *pictures[0].shape[1:]), np.float32)
        for number, picture in enumerate(pictures):
            inputs[number, : len(picture)] = picture
        targets = np.full((len(rows), int(self._lengths[rows].max()) + 1), -1, np.int64)
        for number, row in enumerate(rows):
            targets[number, : self._lengths[row] + 1] = [*self._captions[row], self._end]
        parts: dict[str, Any] = {"targets": torch.from_numpy(targets), "ids": torch.from_numpy(rows)}
        if inputs.ndim == 3 and (lengths < inputs.shape[1]).any():  # regions, more of some pictures than of others
            parts["lengths"] = torch.from_numpy(lengths)
        return SequenceBatch(inputs=torch.from_numpy(inputs), **parts)
