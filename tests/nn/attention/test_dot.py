from __future__ import annotations

import numpy as np
import torch

from elman.nn import DotAttention
from tolerances import ROUNDING


def test_the_equations() -> None:
    queries, memory = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 6, 4, dtype=torch.float64)
    context, weights, _ = DotAttention(4)(queries, memory)
    for b in range(2):
        for i in range(3):
            shares = np.exp([queries[b, i] @ memory[b, j] for j in range(6)])
            shares /= shares.sum()
            np.testing.assert_allclose(weights[b, i], shares, rtol=ROUNDING)
            np.testing.assert_allclose(context[b, i], shares @ memory[b].numpy(), rtol=ROUNDING, atol=ROUNDING)


def test_large_scores_stay_finite() -> None:
    memory = torch.tensor([[[1e30], [-1e30]]])
    context, weights, _ = DotAttention(1)(torch.ones(1, 1, 1), memory)
    assert weights.tolist() == [[[1, 0]]]
    assert torch.equal(context[0], memory[0, :1])
