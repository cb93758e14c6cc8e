from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from elman.cells import NumpyOps, initialise, make
from elman.errors import SettingsError
from tolerances import ROUNDING


def by_layers(cell: object, params: dict[str, np.ndarray], backbone: int) -> tuple[nn.Linear | None, list[nn.Linear]]:
    """The authors' form: linear layers over the input and the state joined."""

    def linear(weight: np.ndarray, bias: np.ndarray) -> nn.Linear:
        layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        layer.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
        return layer

    below, bias = np.hstack([params["weight_ih"], params["weight_hh"]]), params["bias_ih"]
    first = None
    if backbone:
        first = linear(below, bias)
        below, bias = params["weight_backbone"], params["bias_backbone"]
    return first, [linear(*each) for each in zip(np.split(below, 4), np.split(bias, 4), strict=True)]


@pytest.mark.parametrize("backbone", [0, 7])
def test_a_step_of_the_authors(backbone: int) -> None:
    cell = make("cfc", 3, 5, backbone_size=backbone)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    x, hidden, elapsed = rng.standard_normal((2, 3)), rng.standard_normal((2, 5)), rng.exponential(size=(2, 1))
    first, (one, two, scale, shift) = by_layers(cell, params, backbone)
    with torch.no_grad():
        seen = torch.cat([torch.from_numpy(x), torch.from_numpy(hidden)], 1)
        if first is not None:
            seen = 1.7159 * torch.tanh(0.666 * first(seen))
        share = torch.sigmoid(scale(seen) * torch.from_numpy(elapsed) + shift(seen))
        expected = torch.tanh(one(seen)) * (1.0 - share) + share * torch.tanh(two(seen))
    found = cell.step(NumpyOps(), x, {"hidden": hidden}, params | {"elapsed": elapsed})["hidden"]
    np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=ROUNDING)


def test_it_begins_within_the_bounds_of_the_authors_layers() -> None:
    params = initialise(make("cfc", 20, 30, backbone_size=100), np.random.default_rng(0))
    bounds = {
        "weight_ih": (6 / 150) ** 0.5,
        "weight_backbone": (6 / 130) ** 0.5,
        "bias_ih": 50**-0.5,
        "bias_backbone": 0.1,
    }
    for name, bound in bounds.items():
        assert 0.9 * bound < np.abs(params[name]).max() <= bound


def test_a_backbone_has_units_and_no_heads() -> None:
    with pytest.raises(SettingsError, match="a backbone sees all units, so heads must be 1 with it, not 5"):
        make("cfc", 3, 5, backbone_size=10, heads=5)
    with pytest.raises(SettingsError, match="cfc: backbone_size must be 0"):
        make("cfc", 3, 5, backbone_size=-2)
