"""Batches of pairs: what they hold, how large they are, that every pair comes once in every epoch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data.pairs import PairBatches, scored_pairs
from elman.errors import DataError

END = 9


def symbols(*rows: list[int]) -> list[np.ndarray]:
    return [np.array(row, np.int64) for row in rows]


def test_a_batch_has_sources_with_lengths_and_targets_with_ends() -> None:
    batches = PairBatches(symbols([1, 2, 3], [4]), symbols([5], [6, 7]), END, 100, seed=0)
    assert batches.steps_in(0) == 1
    batch = batches.batch(0, 0)
    rows = np.argsort(batch.ids.numpy())
    assert batch.inputs[rows].tolist() == [[1, 2, 3], [4, 0, 0]]
    assert batch.lengths is not None
    assert batch.lengths[rows].tolist() == [3, 1]
    assert batch.targets[rows].tolist() == [[5, END, -1], [6, 7, END]]


def test_rows_of_one_length_have_no_lengths() -> None:
    (batch,) = scored_pairs(symbols([1, 2], [3, 4]), symbols([5], [6]), END)
    assert batch.lengths is None


@given(
    lengths=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), min_size=1, max_size=60),
    tokens=st.integers(1, 120),
    most=st.integers(1, 20),
    epoch=st.integers(0, 3),
)
def test_every_pair_comes_once_in_batches_of_so_many_tokens(
    lengths: list[tuple[int, int]], tokens: int, most: int, epoch: int
) -> None:
    sources, targets = ([np.ones(pair[side], np.int64) for pair in lengths] for side in (0, 1))
    batches = PairBatches(sources, targets, END, tokens, most=most, seed=3)
    seen = []
    for index in range(batches.steps_in(epoch)):
        batch = batches.batch(epoch, index)
        rows = len(batch.inputs)
        assert rows == 1 or (rows <= most and rows * max(batch.inputs.shape[1], batch.targets.shape[1]) <= tokens)
        seen += batch.ids.tolist()
    assert sorted(seen) == list(range(len(lengths)))
    assert sorted(row for batch in scored_pairs(sources, targets, END) for row in batch.ids.tolist()) == sorted(seen)


def test_the_same_call_gives_the_same_batch_and_epochs_differ() -> None:
    rng = np.random.default_rng(0)
    sources = [rng.integers(0, 9, size) for size in rng.integers(1, 20, 200)]
    one, other = (PairBatches(sources, sources, END, 100, seed=1) for _ in range(2))
    assert torch.equal(one.batch(1, 2).inputs, other.batch(1, 2).inputs)
    assert one.batch(0, 0).ids.tolist() != one.batch(1, 0).ids.tolist()


def test_little_is_padding() -> None:
    rng = np.random.default_rng(0)
    sources = [np.ones(size, np.int64) for size in rng.integers(2, 40, 5000)]
    batches = PairBatches(sources, sources, END, 800, seed=1)
    cells = sum(batches.batch(0, index).targets.numel() for index in range(batches.steps_in(0)))
    assert cells < 1.12 * sum(len(source) + 1 for source in sources)


def test_what_cannot_be_batched_is_refused() -> None:
    with pytest.raises(DataError, match="2 and 1"):
        PairBatches(symbols([1]), symbols([1], [2]), END, 10, seed=0)
    with pytest.raises(DataError, match="number 1 has none"):
        PairBatches(symbols([1], []), symbols([1], [2]), END, 10, seed=0)
