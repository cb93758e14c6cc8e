from __future__ import annotations

import pytest
import torch

from elman.errors import DataError
from elman.nn.padding import valid_steps, without_padding


def test_steps_within_their_row() -> None:
    inputs = torch.zeros(3, 4, 2)
    expected = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 0]], dtype=torch.bool)
    found = valid_steps(inputs, torch.tensor([4, 1, 3]))
    assert found is not None
    assert torch.equal(found, expected)


def test_full_rows_need_no_mask() -> None:
    inputs = torch.randn(3, 4, 2)
    assert valid_steps(inputs, None) is None
    assert valid_steps(inputs, torch.tensor([4, 4, 4])) is None
    assert without_padding(inputs, None) is inputs


def test_padding_of_any_shape_becomes_zero() -> None:
    for shape in ((), (2,), (2, 3, 5)):
        inputs = torch.full((2, 3, *shape), torch.nan)
        inputs[0] = 1
        cleaned = without_padding(inputs, torch.tensor([[True] * 3, [False] * 3]))
        assert torch.equal(cleaned[0], torch.ones(3, *shape))
        assert not cleaned[1].any()


@pytest.mark.parametrize("lengths", [[4, 0], [5, 1], [4]])
def test_lengths_that_do_not_fit(lengths: list[int]) -> None:
    with pytest.raises(DataError, match="lengths must be 2 whole numbers from 1 to 4"):
        valid_steps(torch.zeros(2, 4, 1), torch.tensor(lengths))
