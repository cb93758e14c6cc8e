from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from elman.data import SequenceBatch, TextStreams, score_streams
from elman.errors import DataError

lengths = st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(lambda values: sum(values) >= 2)


def numbered(lengths: list[int]) -> list[np.ndarray]:
    """Documents whose symbols are their places in the concatenation."""
    return np.split(np.arange(sum(lengths)), np.cumsum(lengths)[:-1])


def first_places(lengths: list[int]) -> set[int]:
    return {sum(lengths[:n]) for n, length in enumerate(lengths) if length}


def marked(batch: SequenceBatch, name: str, otherwise: bool) -> torch.Tensor:
    part = getattr(batch, name)
    return torch.full(batch.inputs.shape, otherwise) if part is None else part


@given(lengths=lengths, batch_size=st.integers(1, 6), window=st.integers(1, 20), epoch=st.integers(0, 3))
def test_windows_go_on_and_cover_the_text_once(lengths: list[int], batch_size: int, window: int, epoch: int) -> None:
    streams = TextStreams(numbered(lengths), batch_size, window, seed=1)
    batches = [streams.batch(epoch, index) for index in range(streams.steps_in(epoch))]
    assert all(batch.inputs.shape == batch.targets.shape == (streams.batch_size, window) for batch in batches[:-1])
    inputs, targets = (torch.cat([getattr(batch, name) for batch in batches], 1) for name in ("inputs", "targets"))
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert torch.equal(targets, (inputs + 1) % sum(lengths))
    read = inputs.flatten().tolist()
    assert len(set(read)) == len(read) == streams.symbols_in_epoch > sum(lengths) - streams.batch_size
    resets = torch.cat([marked(batch, "resets", False) for batch in batches], 1)
    mask = torch.cat([marked(batch, "mask", True) for batch in batches], 1)
    firsts = torch.tensor(sorted(first_places(lengths)))
    assert torch.equal(resets, torch.isin(inputs, firsts))
    assert torch.equal(mask, ~torch.isin(targets, firsts))


@given(length=st.integers(2, 300), batch_size=st.integers(1, 20), window=st.integers(1, 50))
def test_short_text_has_fewer_rows_of_whole_windows(length: int, batch_size: int, window: int) -> None:
    streams = TextStreams([np.zeros(length)], batch_size, window, seed=0)
    batch = streams.batch(0, 0)
    assert 1 <= len(batch.inputs) <= batch_size
    assert len(batch.inputs) == batch_size or (len(batch.inputs) + 1) * window > length
    assert batch.inputs.shape[1] == min(window, length)


def test_a_batch_depends_on_seed_epoch_and_index_only() -> None:
    text = [np.random.default_rng(0).integers(0, 9, 5000)]
    one, two = TextStreams(text, 4, 16, seed=3), TextStreams(text, 4, 16, seed=3)
    one.batch(0, 0)
    assert torch.equal(one.batch(2, 5).inputs, two.batch(2, 5).inputs)
    assert not torch.equal(one.batch(2, 5).inputs, one.batch(3, 5).inputs)
    assert not torch.equal(one.batch(2, 5).inputs, TextStreams(text, 4, 16, seed=4).batch(2, 5).inputs)
    assert one.batch(0, 0).inputs.dtype == torch.int64


def test_there_is_no_window_beyond_the_last() -> None:
    streams = TextStreams([np.arange(10)], 2, 5, seed=0)
    with pytest.raises(IndexError, match="1 windows, there is no window 1"):
        streams.batch(0, 1)


@given(lengths=lengths, parts=st.integers(1, 5), window=st.integers(1, 20), context=st.integers(0, 8))
def test_every_symbol_is_scored_once(lengths: list[int], parts: int, window: int, context: int) -> None:
    scored: list[int] = []
    for batch, places in score_streams(numbered(lengths), parts, window, context):
        mask = marked(batch, "mask", True).numpy()
        assert batch.inputs.shape[0] <= parts
        assert batch.inputs.shape[1] <= window
        np.testing.assert_array_equal(batch.targets.numpy()[mask], places[mask])
        np.testing.assert_array_equal(batch.inputs.numpy()[mask], places[mask] - 1)
        assert (places[~mask] == -1).all()
        scored += places[mask].tolist()
    assert sorted(scored) == sorted(set(range(sum(lengths))) - first_places(lengths))


@given(lengths=lengths, parts=st.integers(1, 5), window=st.integers(1, 20), context=st.integers(0, 8))
def test_every_scored_symbol_has_its_context(lengths: list[int], parts: int, window: int, context: int) -> None:
    """What was read since the last reset is ``context`` symbols or more, or the whole document so far."""
    firsts = sorted(first_places(lengths))
    windows = list(score_streams(numbered(lengths), parts, window, context))
    inputs = torch.cat([batch.inputs for batch, _ in windows], 1).numpy()
    resets = torch.cat([marked(batch, "resets", False) for batch, _ in windows], 1).numpy()
    places = np.concatenate([places for _, places in windows], 1)
    for row in range(len(inputs)):
        memory: list[int] = []
        for symbol, reset, place in zip(inputs[row], resets[row], places[row], strict=True):
            memory = [symbol] if reset else [*memory, symbol]
            if place >= 0:
                begin = max(first for first in firsts if first < place)
                assert memory == list(range(memory[0], place))
                assert memory[0] == begin or (len(memory) > context and memory[0] > begin)


def test_one_part_reads_everything_from_the_start() -> None:
    batches = list(score_streams([np.arange(1000)], streams=1, window=300))
    assert torch.equal(torch.cat([batch.inputs for batch, _ in batches], 1), torch.arange(999)[None])


def test_long_text_is_read_in_parts_side_by_side() -> None:
    (batch, _), *_ = score_streams([np.arange(16 * 4 * 10 + 1)], streams=16, context=10)
    assert len(batch.inputs) == 16
    (batch, _), *_ = score_streams([np.arange(8 * 4 * 10 + 1)], streams=16, context=10)
    assert len(batch.inputs) == 8


@pytest.mark.parametrize("documents", [[], [np.zeros(0)], [np.zeros(1)]])
def test_text_too_short(documents: list[np.ndarray]) -> None:
    with pytest.raises(DataError, match="at least 2 symbols"):
        TextStreams(documents, 2, 2, seed=0)
    with pytest.raises(DataError, match="at least 2 symbols"):
        next(score_streams(documents))
