from __future__ import annotations

import numpy as np
import torch

from elman.nn import AdditiveAttention
from tolerances import ROUNDING


def test_the_equations() -> None:
    made = AdditiveAttention(3, 4, 5).double()
    queries, memory = (torch.randn(2, n, size, dtype=torch.float64) for n, size in ((3, 3), (6, 4)))
    context, weights, _ = made(queries, memory)
    w = {name: value.detach().numpy() for name, value in made.named_parameters()}
    for b in range(2):
        for i in range(3):
            scores = np.zeros(6)
            for j in range(6):
                hidden = w["query.weight"] @ queries[b, i].numpy() + w["key.weight"] @ memory[b, j].numpy()
                scores[j] = w["score.weight"][0] @ np.tanh(hidden + w["key.bias"])
            shares = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(weights[b, i].detach(), shares, rtol=ROUNDING)
            expected = sum(shares[j] * memory[b, j].numpy() for j in range(6))
            np.testing.assert_allclose(context[b, i].detach(), expected, rtol=ROUNDING, atol=ROUNDING)
