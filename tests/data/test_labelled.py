from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch
from torch import Tensor

from elman.codecs.sequence import Steps
from elman.data import LabelledBatches, SequenceBatch, make_batch, scores_of, scoring_batches
from elman.data import labelled as module
from elman.errors import DataError

RNG = np.random.default_rng(0)
LENGTHS = RNG.integers(1, 40, 150)
STEPS = [Steps(np.full((length, 1), row)) for row, length in enumerate(LENGTHS)]
TARGETS = np.arange(150) % 4


def batches(**changes: Any) -> LabelledBatches:
    return LabelledBatches(STEPS, TARGETS, 8, **{"seed": 3, **changes})


def epoch_of(of: LabelledBatches, epoch: int) -> list[SequenceBatch]:
    return [of.batch(epoch, index) for index in range(of.steps_in(epoch))]


def rows_of(each: SequenceBatch) -> list[int]:
    assert each.ids is not None
    return each.ids.tolist()


def test_an_epoch_has_every_sequence_once_with_its_target() -> None:
    seen = []
    for batch in epoch_of(batches(), 1):
        rows = rows_of(batch)
        assert batch.targets is not None
        assert batch.targets.tolist() == [row % 4 for row in rows]
        lengths = [batch.inputs.shape[1]] * len(rows) if batch.lengths is None else batch.lengths.tolist()
        assert lengths == LENGTHS[rows].tolist()
        assert all((batch.inputs[i, : lengths[i], 0] == row).all() for i, row in enumerate(rows))
        seen += rows
    assert sorted(seen) == list(range(150))


def test_the_same_epoch_comes_again_and_another_is_another() -> None:
    first, again = batches(), batches()
    again.batch(5, 0)
    assert [rows_of(each) for each in epoch_of(first, 2)] == [rows_of(each) for each in epoch_of(again, 2)]
    assert sorted(map(tuple, map(rows_of, epoch_of(first, 2)))) != sorted(map(tuple, map(rows_of, epoch_of(first, 3))))


def test_a_first_epoch_may_go_from_short_to_long() -> None:
    of = batches(short_first=True)
    first, second = ([each.inputs.shape[1] for each in epoch_of(of, epoch)] for epoch in (0, 1))
    assert first == sorted(first)
    assert second != sorted(second)
    assert sorted(row for each in epoch_of(of, 0) for row in rows_of(each)) == list(range(len(STEPS)))


def test_rows_of_a_batch_are_of_like_length() -> None:
    padded = sum(each.inputs.shape[0] * each.inputs.shape[1] for each in epoch_of(batches(), 0))
    assert padded < 1.25 * LENGTHS.sum()


def test_long_rows_come_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_STEPS", 100)
    sizes = [each.inputs.shape[:2] for each in epoch_of(batches(), 0)]
    assert all(rows * time <= 100 or rows == 1 for rows, time in sizes)
    assert sum(rows for rows, _ in sizes) == 150


def test_many_pixels_come_in_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NUMBERS", 600)
    frames = [Steps(np.zeros((5, 3, 4, 2), np.float32))] * 8
    assert [each.inputs.shape[:2] for each in scoring_batches(frames)] == [(5, 5), (3, 5)]
    assert not list(scoring_batches([]))


def test_a_variant_is_drawn_by_row_and_epoch() -> None:
    def augment(steps: Steps, rng: np.random.Generator) -> Steps:
        return Steps(steps.values + rng.integers(1000, 9000))

    one, other = batches(augment=augment), batches(augment=augment)
    values = {row: int(batch.inputs[i, 0, 0]) for batch in epoch_of(one, 1) for i, row in enumerate(rows_of(batch))}
    batch = other.batch(1, 0)
    assert [int(value) for value in batch.inputs[:, 0, 0]] == [values[row] for row in rows_of(batch)]
    batch = other.batch(2, 0)
    assert [int(value) for value in batch.inputs[:, 0, 0]] != [values[row] for row in rows_of(batch)]


def test_pieces_are_random_parts_that_follow_each_other() -> None:
    whole = Steps(np.arange(30)[:, None], np.arange(30, dtype=np.float32))
    cut = module.by_pieces(lambda steps, rng: steps, 10)
    parts = [cut(whole, np.random.default_rng(seed)) for seed in range(300)]
    assert all((np.diff(part.values[:, 0]) == 1).all() and len(part.values) == 10 for part in parts)
    assert all(part.elapsed is not None and (part.elapsed == part.values[:, 0]).all() for part in parts)
    assert {int(part.values[0, 0]) for part in parts} == set(range(21))
    short = Steps(whole.values[:4])
    assert np.array_equal(cut(short, np.random.default_rng(0)).values, short.values)


def test_a_bag_and_weights_go_with_their_rows() -> None:
    bags = scipy.sparse.random(150, 30, 0.2, "csr", random_state=0)
    batch = batches(bags=bags, weights=np.arange(150.0)).batch(0, 0)
    assert batch.static is not None
    assert batch.weights is not None
    np.testing.assert_allclose(batch.static.to_dense(), bags[rows_of(batch)].toarray(), rtol=1e-6)
    assert batch.weights.tolist() == rows_of(batch)
    dense = batches(bags=bags.toarray()).batch(0, 0).static
    assert dense is not None
    assert torch.equal(dense, batch.static.to_dense())


def test_labels_of_steps_are_padded_with_what_does_not_count() -> None:
    steps = [Steps(np.zeros((n, 2), np.float32)) for n in (3, 1)]
    tags = make_batch(steps, [np.array([1, 2, 0]), np.array([2])]).targets
    assert tags is not None
    assert tags.tolist() == [[1, 2, 0], [2, -1, -1]]
    numbers = make_batch(steps, [np.ones((3, 2)), np.ones((1, 2))]).targets
    assert numbers is not None
    assert numbers.dtype == torch.float32
    assert numbers.isnan().sum(2).tolist() == [[0, 0, 0], [0, 2, 2]]
    several = make_batch(steps, [np.array([0.0, 1.0]), np.array([1.0, 1.0])]).targets
    assert several is not None
    assert several.tolist() == [[0, 1], [1, 1]]
    with pytest.raises(DataError, match="3 steps needs as many labels, found 2"):
        make_batch(steps, [np.array([1, 2]), np.array([2])])


def test_the_time_between_steps_is_one_where_it_is_not_told() -> None:
    told = Steps(np.zeros((3, 1), np.float32), np.array([0.5, 2, 3], np.float32))
    batch = make_batch([told, Steps(np.zeros((2, 1), np.float32))])
    assert batch.elapsed is not None
    assert batch.elapsed.tolist() == [[0.5, 2, 3], [1, 1, 1]]


def test_a_sequence_without_steps_is_one_step_of_zeros() -> None:
    batch = make_batch([Steps(np.zeros((0, 1), np.int64)), STEPS[1]])
    assert batch.lengths is not None
    assert batch.lengths.tolist() == [1, LENGTHS[1]]


def test_scores_are_put_back_in_order() -> None:
    def first_symbol(batch: SequenceBatch) -> Tensor:
        return batch.inputs[:, 0].float()

    assert [score.tolist() for score in scores_of(first_symbol, STEPS)] == [[row] for row in range(150)]
    by_step = scores_of(lambda batch: batch.inputs.float(), STEPS)
    assert [score.shape for score in by_step] == [(length, 1) for length in LENGTHS]
    assert sum(len(rows_of(each)) for each in scoring_batches(STEPS, TARGETS)) == 150


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(DataError, match="150 sequences need as many targets, found 3"):
        LabelledBatches(STEPS, TARGETS[:3], 8, seed=0)
    with pytest.raises(DataError, match="found none"):
        LabelledBatches([], [], 8, seed=0)
