"""Batches of pairs of sequences: as many pairs as fit a number of symbols, of like length, padded to the longest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.data.batch import SequenceBatch
from elman.data.labelled import JITTER, POOL
from elman.errors import DataError

#: Symbols of one text, (symbols,) int64.
Symbols: TypeAlias = NDArray[np.int64]

#: Symbols of a batch, padding included, where nothing is learnt.
SCORED_TOKENS = 8_192


@final
class PairBatches:
    """Training batches of n pairs, as a function of ``(epoch, index)``; nothing is remembered from call to call.

    In every epoch each pair comes once. Pairs of like length are put together; which ones, and in which order the
    batches come, is drawn from ``seed`` and the epoch.

    Args:
        sources: Symbols of each source, at least one.
        targets: Symbols of each target, without an end.
        end: The symbol that ends a target.
        tokens: Rows times the longest source, or the longest target with its end, whatever is more: a batch has at
            most so many, or one pair.
        most: Rows of a batch at most.
        seed: Of the order.

    Raises `DataError` without pairs, where the numbers of sources and targets differ, and for an empty source.
    """

    def __init__(
        self,
        sources: Sequence[Symbols],
        targets: Sequence[Symbols],
        end: int,
        tokens: int,
        *,
        most: int | None = None,
        seed: int,
    ) -> None:
        self._pairs = _Pairs(sources, targets, end)
        self._tokens, self._most, self._seed = tokens, most or len(sources), seed
        self._plan = lru_cache(maxsize=2)(self._new_plan)

    def steps_in(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        return len(self._plan(epoch))

    def batch(self, epoch: int, index: int) -> SequenceBatch:
        """A batch of an epoch."""
        return self._pairs.batch(self._plan(epoch)[index])

    def _new_plan(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng([self._seed, epoch])
        sort_by = self._pairs.sizes * rng.uniform(1 - JITTER, 1 + JITTER, len(self._pairs.sizes))
        order = rng.permutation(len(sort_by))
        pool = max(1, POOL * self._tokens // max(1, int(self._pairs.sizes.mean())))
        batches: list[NDArray[np.int64]] = []
        for begin in range(0, len(order), pool):
            rows = order[begin : begin + pool]
            rows = rows[np.argsort(sort_by[rows], kind="stable")]
            batches.extend(_cut(rows, self._pairs.sizes, self._tokens, self._most))
        return [batches[number] for number in rng.permutation(len(batches))]


def scored_pairs(sources: Sequence[Symbols], targets: Sequence[Symbols], end: int) -> Iterator[SequenceBatch]:
    """All pairs once, sorted by length, for scoring; ``ids`` says which ones they are. Arguments as `PairBatches`."""
    pairs = _Pairs(sources, targets, end)
    for rows in _cut(np.argsort(pairs.sizes, kind="stable"), pairs.sizes, SCORED_TOKENS, len(sources)):
        yield pairs.batch(rows)


class _Pairs:
    """Sources and targets; ``sizes`` (n,) are the symbols of the longer of both."""

    def __init__(self, sources: Sequence[Symbols], targets: Sequence[Symbols], end: int) -> None:
        if len(sources) != len(targets) or not len(sources):
            raise DataError(f"expected as many targets as sources, found {len(targets)} and {len(sources)}.")
        lengths = np.array([len(source) for source in sources])
        if not lengths.all():
            raise DataError(f"expected sources of at least one symbol, number {lengths.argmin()} has none.")
        self._sources, self._targets, self._end = sources, targets, end
        self.sizes = np.maximum(lengths, [len(target) + 1 for target in targets])

    def batch(self, rows: NDArray[np.int64]) -> SequenceBatch:
        """Sources (B, S) with their lengths, targets (B, T) each with its end, -1 beyond it."""
        sources = [self._sources[row] for row in rows]
        targets = [np.append(self._targets[row], self._end) for row in rows]
        lengths = torch.tensor([len(source) for source in sources])
        inputs = _padded(sources, 0)
        return SequenceBatch(
            inputs=inputs,
            lengths=None if bool((lengths == inputs.shape[1]).all()) else lengths,
            targets=_padded(targets, -1),
            ids=torch.from_numpy(rows),
        )


def _padded(rows: Sequence[NDArray[Any]], padding: int) -> Tensor:
    """Rows of symbols as one array (B, longest), laid out step by step, as the recurrent kernels want it."""
    padded = np.full((max(map(len, rows)), len(rows)), padding, np.int64)
    for column, row in enumerate(rows):
        padded[: len(row), column] = row
    return torch.from_numpy(padded).T


def _cut(rows: NDArray[np.int64], sizes: NDArray[np.int64], tokens: int, most: int) -> Iterator[NDArray[np.int64]]:
    """Rows sorted by size in batches of at most so many tokens and rows, at least one row each."""
    begin = 0
    while begin < len(rows):
        longest = np.maximum.accumulate(sizes[rows[begin : begin + most]])
        fitting = int(np.count_nonzero(longest * np.arange(1, len(longest) + 1) <= tokens))
        end = begin + max(1, fitting)
        yield rows[begin:end]
        begin = end
