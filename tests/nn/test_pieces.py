from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.nn.pieces import Pieces


def test_a_worked_case() -> None:
    """Row 0: steps 0 1 | 2 (3 is padding); row 1: 4 5 6 7, restarted at its first step."""
    resets = torch.tensor([[0, 0, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)
    pieces = Pieces.of(2, 4, torch.tensor([3, 4]), resets, reverse=False)
    assert pieces.rows.tolist() == [1, 0, 0]
    assert pieces.batch_sizes.tolist() == [3, 2, 1, 1]
    assert pieces.steps.tolist() == [4, 0, 2, 5, 1, 6, 7]
    assert pieces.entering.tolist() == [False, True, False]
    assert pieces.leaving.tolist() == [2, 0]


def test_the_worked_case_in_reverse() -> None:
    resets = torch.tensor([[0, 0, 1, 1], [1, 0, 0, 0]], dtype=torch.bool)
    pieces = Pieces.of(2, 4, torch.tensor([3, 4]), resets, reverse=True)
    assert pieces.steps.tolist() == [7, 1, 2, 6, 0, 5, 4]
    assert pieces.entering.tolist() == [True, False, True]
    assert pieces.leaving.tolist() == [1, 0]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data(), batch=st.integers(1, 5), time=st.integers(1, 7), reverse=st.booleans())
def test_every_valid_step_stands_in_one_place(data: st.DataObject, batch: int, time: int, reverse: bool) -> None:
    lengths = torch.tensor(data.draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch)))
    resets = torch.tensor(data.draw(st.lists(st.booleans(), min_size=batch * time, max_size=batch * time)))
    pieces = Pieces.of(batch, time, lengths, resets.view(batch, time), reverse)
    valid = (torch.arange(time) < lengths[:, None]).flatten().nonzero().squeeze(1)
    assert torch.equal(pieces.steps.sort().values, valid)
    assert pieces.batch_sizes.sum() == lengths.sum()
    assert (pieces.batch_sizes.diff() <= 0).all()
    assert torch.equal(pieces.rows[pieces.leaving], torch.arange(batch))
    assert int(pieces.entering.sum()) <= batch
