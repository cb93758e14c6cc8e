from __future__ import annotations

import numpy as np
import torch

from elman.cells import NumpyOps, make
from tolerances import ROUNDING


def test_three_steps_of_the_paper_with_its_norm_over_the_gates() -> None:
    """h = z h + (1 - z) relu(...), the input normalised for all steps at once, in torch."""
    cell = make("li_gru", 3, 5)
    generator = torch.Generator().manual_seed(0)
    params = {
        name: torch.randn(each.shape, generator=generator, dtype=torch.float64)
        for name, each in cell.parameters().items()
    }
    inputs = torch.randn(3, 2, 3, generator=generator, dtype=torch.float64)
    norm = torch.nn.LayerNorm(10, dtype=torch.float64)
    norm.weight.data, norm.bias.data = params["gain_ih"], params["bias_ih"]
    seen = norm(inputs @ params["weight_ih"].T).detach()
    hidden = torch.zeros(2, 5, dtype=torch.float64)
    state = {"hidden": hidden.numpy()}
    arrays = {name: value.numpy() for name, value in params.items()}
    for x, normalised in zip(inputs, seen, strict=True):
        update, candidate = (normalised + hidden @ params["weight_hh"].T).chunk(2, -1)
        hidden = update.sigmoid() * hidden + (1 - update.sigmoid()) * candidate.relu()
        state = cell.step(NumpyOps(), x.numpy(), state, arrays)
        np.testing.assert_allclose(state["hidden"], hidden, rtol=ROUNDING, atol=ROUNDING)
