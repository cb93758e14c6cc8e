from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.errors import SettingsError
from elman.nn import LocationSensitiveAttention
from tolerances import FLOAT64_RECURRENCE


def test_the_equations() -> None:
    steps, time, width = 3, 6, 5
    made = LocationSensitiveAttention(3, 4, 5, filters=2, width=width).double()
    queries, memory = torch.randn(1, steps, 3, dtype=torch.float64), torch.randn(1, time, 4, dtype=torch.float64)
    context, weights, state = made(queries, memory)
    w = {name: value.detach().numpy() for name, value in made.named_parameters()}
    before = np.zeros(time)
    for i in range(steps):
        padded = np.concatenate([np.zeros(2), before, np.zeros(2)])
        scores = np.zeros(time)
        for j in range(time):
            place = w["location.weight"][:, 0] @ padded[j : j + width]
            hidden = w["query.weight"] @ queries[0, i].numpy() + w["key.weight"] @ memory[0, j].numpy() + w["key.bias"]
            scores[j] = w["score.weight"][0] @ np.tanh(hidden + w["place.weight"] @ place)
        before = np.exp(scores) / np.exp(scores).sum()
        np.testing.assert_allclose(weights[0, i].detach(), before, rtol=FLOAT64_RECURRENCE)
        expected = before @ memory[0].numpy()
        np.testing.assert_allclose(context[0, i].detach(), expected, FLOAT64_RECURRENCE, FLOAT64_RECURRENCE)
    assert torch.equal(state["weights"], weights[:, -1])


@pytest.mark.parametrize("width", [0, 4])
def test_a_filter_has_a_middle(width: int) -> None:
    with pytest.raises(SettingsError, match="width must be an odd number"):
        LocationSensitiveAttention(3, 4, 5, width=width)
