"""Batches of whole sequences with labels: rows of like length together, padded to the longest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, final

import numpy as np
import scipy.sparse
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.codecs.sequence import Steps
from elman.data.batch import SequenceBatch
from elman.errors import DataError

#: What is known of a sequence: a class, () int; the tag of every step, (time,) int; numbers, (outputs,) float; numbers
#: of every step, (time, outputs) float; a transcript that no step belongs to, (symbols,) int. Negative and NaN where
#: unknown.
Targets: TypeAlias = Sequence[Any] | NDArray[Any]

#: Features of every sequence as a whole, (sequences, features), dense or as a sparse matrix.
Bags: TypeAlias = Any

#: Makes a variant of a sequence that has the same label.
Augment: TypeAlias = Callable[[Steps, np.random.Generator], Steps]

#: Batches whose rows are sorted by length together: enough for little padding, few enough for ever new company.
POOL = 32

#: Share by which a length is varied before rows are sorted by it, so that rows meet others in every epoch.
JITTER = 0.1

#: Steps of a batch, padding included, and numbers in them, beyond which it gets fewer rows.
MOST_STEPS, MOST_NUMBERS = 65_536, 2**24

#: Rows of a batch where nothing is learnt.
SCORED_ROWS = 64


@final
class LabelledBatches:
    """Training batches of n sequences, as a function of ``(epoch, index)``; nothing is remembered from call to call.

    In every epoch each sequence comes once. Rows of like length are put together; which ones, and in which order the
    batches come, is drawn from ``seed`` and the epoch.

    Args:
        steps: The sequences. One without steps is read as one step of zeros.
        targets: What is known of each, see `Targets`.
        batch_size: Rows of a batch; fewer where they are long (`MOST_STEPS`) or of many pixels (`MOST_NUMBERS`).
        seed: Of the order and of ``augment``.
        augment: Makes a variant of a sequence that has the same label, with random numbers of this row in this epoch
            (`elman.codecs.SequenceCodec.augment`). It keeps the number of steps where each has a label.
        bags: Features of every whole sequence, see `Bags`.
        weights: How much each sequence counts, (n,).
        aligned: Whether a row of targets has one for every step; else it is a transcript, padded by -1 in a batch.
        short_first: Whether the batches of the first epoch come from short to long (Amodei et al. 2016, "Deep Speech
            2", section 3.2): where nobody says what belongs to what, little is left open in short sequences.

    Raises `DataError` without sequences, and where the numbers of sequences and targets differ.
    """

    def __init__(
        self,
        steps: Sequence[Steps],
        targets: Targets,
        batch_size: int,
        *,
        seed: int,
        augment: Augment | None = None,
        bags: Bags | None = None,
        weights: NDArray[Any] | None = None,
        aligned: bool = True,
        short_first: bool = False,
    ) -> None:
        for name, rows in (("targets", len(targets)), ("bags", None if bags is None else bags.shape[0])):
            if rows not in (None, len(steps)):
                raise DataError(f"{len(steps)} sequences need as many {name}, found {rows}.")
        if not len(steps):
            raise DataError("Training needs sequences, found none.")
        self._steps, self._targets, self._bags, self._weights = steps, targets, bags, weights
        self._batch_size, self._seed, self._augment, self._aligned = batch_size, seed, augment, aligned
        self._short_first = short_first
        self._lengths = np.array([len(each.values) for each in steps])
        self._most_steps = _most_steps(steps)
        self._plan = lru_cache(maxsize=2)(self._new_plan)

    def steps_in(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        return len(self._plan(epoch))

    def batch(self, epoch: int, index: int) -> SequenceBatch:
        """A batch of an epoch."""
        rows = self._plan(epoch)[index]
        steps = [self._steps[row] for row in rows]
        if self._augment is not None:
            draws = (np.random.default_rng([self._seed, epoch, int(row)]) for row in rows)
            steps = [self._augment(each, rng) for each, rng in zip(steps, draws, strict=True)]
        return make_batch(
            steps,
            [self._targets[row] for row in rows],
            bags=None if self._bags is None else self._bags[rows],
            weights=None if self._weights is None else self._weights[rows],
            ids=rows,
            aligned=self._aligned,
        )

    def _new_plan(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng([self._seed, epoch])
        order = rng.permutation(len(self._lengths))
        sort_by = self._lengths * rng.uniform(1 - JITTER, 1 + JITTER, len(self._lengths))
        pool = POOL * self._batch_size
        batches: list[NDArray[np.int64]] = []
        for begin in range(0, len(order), pool):
            rows = order[begin : begin + pool]
            rows = rows[np.argsort(sort_by[rows], kind="stable")]
            batches.extend(_cut(rows, self._lengths, self._batch_size, self._most_steps))
        if self._short_first and epoch == 0:
            return sorted(batches, key=lambda rows: int(self._lengths[rows].max()))
        return [batches[number] for number in rng.permutation(len(batches))]


def by_pieces(augment: Augment, length: int) -> Augment:
    """Vary a random piece, of at most ``length`` steps that follow each other, in place of the whole sequence.

    Of a long text a network learns sooner by pieces: what one word tells of the answer is not thinned by so many
    others. Not for sequences of whose steps each has a label.

    >>> whole = Steps(np.arange(10)[:, None])
    >>> by_pieces(lambda steps, rng: steps, 4)(whole, np.random.default_rng(0)).values.T
    array([[5, 6, 7, 8]])
    """

    def vary(steps: Steps, rng: np.random.Generator) -> Steps:
        first = int(rng.integers(0, max(1, len(steps.values) - length + 1)))
        piece = slice(first, first + length)
        elapsed = None if steps.elapsed is None else steps.elapsed[piece]
        return augment(Steps(steps.values[piece], elapsed), rng)

    return vary


def scoring_batches(
    steps: Sequence[Steps], targets: Targets | None = None, *, bags: Bags | None = None, aligned: bool = True
) -> Iterator[SequenceBatch]:
    """All sequences once, sorted by length, for scoring; ``ids`` says which ones they are."""
    lengths = np.array([len(each.values) for each in steps], np.int64)
    if not len(steps):
        return
    for rows in _cut(np.argsort(lengths, kind="stable"), lengths, SCORED_ROWS, _most_steps(steps)):
        yield make_batch(
            [steps[row] for row in rows],
            None if targets is None else [targets[row] for row in rows],
            bags=None if bags is None else bags[rows],
            ids=rows,
            aligned=aligned,
        )


@torch.no_grad()
def scores_of(
    network: Callable[[SequenceBatch], Tensor],
    steps: Sequence[Steps],
    *,
    bags: Bags | None = None,
    device: torch.device | str = "cpu",
    kept: Callable[[int], int] = int,
) -> list[NDArray[np.float32]]:
    """The scores of each sequence by a network in evaluation mode: (outputs,), or (time, outputs) of its steps.

    ``network`` is a `elman.nn.labels.LabelNetwork`, or a method of it such as `recurrent_alone`; ``kept`` says how many
    scores there are for so many steps.
    """
    found: list[NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(steps)
    for batch in scoring_batches(steps, bags=bags):
        assert batch.ids is not None
        for row, scores in zip(batch.ids.tolist(), network(batch.to(device)).float().cpu().numpy(), strict=True):
            found[row] = scores if scores.ndim == 1 else scores[: kept(len(steps[row].values))]
    return found


def make_batch(
    steps: Sequence[Steps],
    targets: Targets | None = None,
    *,
    bags: Bags | None = None,
    weights: NDArray[Any] | None = None,
    ids: NDArray[np.int64] | None = None,
    aligned: bool = True,
) -> SequenceBatch:
    """Some sequences, and what goes with them, as one padded batch; arguments as for `LabelledBatches`.

    Raises `DataError` where a sequence has not as many steps as labels of steps.
    """
    lengths = np.array([max(1, len(each.values)) for each in steps])
    time, batch = int(lengths.max()), len(steps)
    first = steps[0].values
    kind = np.int64 if first.dtype.kind in "iu" else np.float32
    # Laid out time by time, as the recurrent kernels want it.
    inputs = np.zeros((time, batch, *first.shape[1:]), kind)
    timed = any(each.elapsed is not None for each in steps)
    elapsed = np.ones((time, batch), np.float32)
    for row, each in enumerate(steps):
        inputs[: len(each.values), row] = each.values
        if each.elapsed is not None:
            elapsed[: len(each.elapsed), row] = each.elapsed
    return SequenceBatch(
        inputs=torch.from_numpy(inputs).transpose(0, 1),
        lengths=None if (lengths == time).all() else torch.from_numpy(lengths),
        elapsed=torch.from_numpy(elapsed).T if timed else None,
        targets=None if targets is None else _targets(targets, steps, time) if aligned else _transcripts(targets),
        static=None if bags is None else _bag(bags),
        weights=None if weights is None else torch.from_numpy(np.asarray(weights, np.float32)),
        ids=None if ids is None else torch.from_numpy(np.asarray(ids, np.int64)),
    )


def _most_steps(steps: Sequence[Steps]) -> int:
    """Steps that a batch of such sequences may have."""
    return min(MOST_STEPS, MOST_NUMBERS // max(1, math.prod(steps[0].values.shape[1:])))


def _cut(
    rows: NDArray[np.int64], lengths: NDArray[np.int64], batch_size: int, most_steps: int
) -> Iterator[NDArray[np.int64]]:
    """Sorted rows in batches that are not too large."""
    begin = 0
    while begin < len(rows):
        end = min(begin + batch_size, len(rows))
        while end > begin + 1 and lengths[rows[begin:end]].max() * (end - begin) > most_steps:
            end -= 1
        yield rows[begin:end]
        begin = end


def _targets(targets: Targets, steps: Sequence[Steps], time: int) -> Tensor:
    rows = [np.asarray(each) for each in targets]
    whole = rows[0].dtype.kind in "iub"
    kind = np.int64 if whole else np.float32
    if rows[0].ndim == (0 if whole else 1):
        return torch.from_numpy(np.stack(rows).astype(kind))
    padded = np.full((len(rows), time, *rows[0].shape[1:]), -1 if whole else np.nan, kind)
    for number, (row, each) in enumerate(zip(rows, steps, strict=True)):
        if len(row) != len(each.values):
            raise DataError(f"A sequence of {len(each.values)} steps needs as many labels, found {len(row)}.")
        padded[number, : len(row)] = row
    return torch.from_numpy(padded)


def _transcripts(targets: Targets) -> Tensor:
    """Symbols (B, symbols of the longest), -1 behind the end."""
    padded = np.full((len(targets), max(1, *map(len, targets))), -1, np.int64)
    for row, target in zip(padded, targets, strict=True):
        row[: len(target)] = target
    return torch.from_numpy(padded)


def _bag(bags: Bags) -> Tensor:
    if not scipy.sparse.issparse(bags):
        return torch.from_numpy(np.asarray(bags, np.float32))
    entries = bags.tocoo()
    places = torch.from_numpy(np.stack([entries.row, entries.col]).astype(np.int64))
    values = torch.from_numpy(entries.data.astype(np.float32))
    return torch.sparse_coo_tensor(places, values, entries.shape, check_invariants=False)
