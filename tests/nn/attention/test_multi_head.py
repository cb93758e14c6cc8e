from __future__ import annotations

import pytest
import torch
from torch import nn

from elman.errors import SettingsError
from elman.nn import MultiHeadAttention
from tolerances import FLOAT64_RECURRENCE


def test_it_is_torchs() -> None:
    theirs = nn.MultiheadAttention(6, 3, bias=False, kdim=4, vdim=4, batch_first=True).double()
    ours = MultiHeadAttention(6, 4, 6, heads=3).double()
    with torch.no_grad():
        for one, other in zip(
            (ours.query, ours.key, ours.value, ours.output),
            (theirs.q_proj_weight, theirs.k_proj_weight, theirs.v_proj_weight, theirs.out_proj.weight),
            strict=True,
        ):
            one.weight.copy_(other)
    queries, memory = torch.randn(2, 3, 6, dtype=torch.float64), torch.randn(2, 5, 4, dtype=torch.float64)
    padding = torch.arange(5) >= torch.tensor([[5], [2]])
    context, weights, _ = ours(queries, memory, lengths=torch.tensor([5, 2]))
    expected, shares = theirs(queries, memory, memory, padding, average_attn_weights=False)
    torch.testing.assert_close(context, expected, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)
    torch.testing.assert_close(weights, shares.transpose(1, 2), rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def test_a_context_has_the_size_of_all_heads() -> None:
    made = MultiHeadAttention(3, 4, 8, heads=2)
    assert made.context_size == 8
    assert made(torch.zeros(1, 2, 3), torch.zeros(1, 5, 4)).weights.shape == (1, 2, 2, 5)


@pytest.mark.parametrize("heads", [0, 3])
def test_heads_divide_the_size(heads: int) -> None:
    with pytest.raises(SettingsError, match="size 8 must be a multiple of heads"):
        MultiHeadAttention(3, 4, 8, heads)
