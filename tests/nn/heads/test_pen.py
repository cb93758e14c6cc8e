from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elman.errors import SettingsError
from elman.nn import PenHead, PenMixture
from elman.nn.heads.mixture_density import SMALLEST
from elman.nn.heads.pen import LARGEST
from tolerances import FLOAT64_RECURRENCE, SAMPLING


@pytest.mark.parametrize("lifted", [0.0, 1.0])
def test_the_equations(lifted: float) -> None:
    """Graves' equations 17 to 25."""
    head = PenHead(4, components=3).double()
    features = torch.randn(1, 1, 4, dtype=torch.float64)
    target = torch.tensor([0.3, -0.4, lifted], dtype=torch.float64)
    raw = head.linear(features).detach().numpy().flatten()
    end, parts = 1 / (1 + np.exp(-raw[0])), raw[1:].reshape(3, 6)
    shares = np.exp(parts[:, 0]) / np.exp(parts[:, 0]).sum()
    density = 0.0
    for k in range(3):
        scales, rho = np.exp(parts[k, 3:5]) + SMALLEST, LARGEST * np.tanh(parts[k, 5])
        x, y = (target.numpy()[:2] - parts[k, 1:3]) / scales
        z = x * x + y * y - 2 * rho * x * y
        normal = np.exp(-z / (2 * (1 - rho**2))) / (2 * np.pi * scales.prod() * np.sqrt(1 - rho**2))
        density += shares[k] * normal
    expected = -math.log(density) - math.log(end if lifted else 1 - end)
    assert head.loss(features, target[None, None]).item() == pytest.approx(expected, rel=FLOAT64_RECURRENCE)


def samples(bias: float = 0) -> torch.Tensor:
    one = PenMixture(
        torch.tensor([0.0]),
        torch.tensor([[1.0, -2.0]]),
        torch.tensor([[2.0, 0.5]]).log(),
        torch.tensor([0.8]),
        torch.tensor(0.25).logit(),
    )
    many = PenMixture(*(value.expand(8000, *value.shape) for value in one))
    return many.sample(bias, torch.Generator().manual_seed(0))


def test_samples_are_those_of_the_mixture() -> None:
    drawn = samples()
    assert drawn.shape == (8000, 3)
    assert drawn.mean(0).tolist() == pytest.approx([1, -2, 0.25], abs=2 * SAMPLING)
    assert drawn[:, :2].std(0).tolist() == pytest.approx([2, 0.5], rel=SAMPLING)
    assert float(torch.corrcoef(drawn[:, :2].T)[0, 1]) == pytest.approx(0.8, abs=SAMPLING)
    assert set(drawn[:, 2].tolist()) == {0, 1}


def test_a_bias_draws_nearer_to_the_means() -> None:
    assert samples(1)[:, :2].std(0).tolist() == pytest.approx([2 / math.e, 0.5 / math.e], rel=SAMPLING)


@pytest.mark.parametrize("raw", [-1e4, -50.0, 50.0, 1e4])
def test_extreme_correlations_stay_finite(raw: float) -> None:
    head = PenHead(1, components=1)
    torch.nn.init.zeros_(head.linear.weight)
    torch.nn.init.zeros_(head.linear.bias)
    with torch.no_grad():
        head.linear.bias[6] = raw
        head.linear.bias[0] = raw
    value = head.loss(torch.ones(1, 1, 1), torch.tensor([[[3.0, -3.0, 1.0]]]))
    value.backward()
    assert value.isfinite()
    assert head.linear.bias.grad is not None
    assert head.linear.bias.grad.isfinite().all()


def test_components_below_one() -> None:
    with pytest.raises(SettingsError, match="components must be at least 1, not 0"):
        PenHead(4, 0)
