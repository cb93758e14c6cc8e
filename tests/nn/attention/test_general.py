from __future__ import annotations

import numpy as np
import torch

from elman.nn import GeneralAttention
from tolerances import ROUNDING


def test_the_equations() -> None:
    made = GeneralAttention(3, 4).double()
    queries, memory = (torch.randn(2, n, size, dtype=torch.float64) for n, size in ((3, 3), (6, 4)))
    context, weights, _ = made(queries, memory)
    weight = made.key.weight.detach().numpy()
    for b in range(2):
        for i in range(3):
            shares = np.exp([queries[b, i].numpy() @ weight @ memory[b, j].numpy() for j in range(6)])
            shares /= shares.sum()
            np.testing.assert_allclose(weights[b, i].detach(), shares, rtol=ROUNDING)
            expected = shares @ memory[b].numpy()
            np.testing.assert_allclose(context[b, i].detach(), expected, rtol=ROUNDING, atol=ROUNDING)
