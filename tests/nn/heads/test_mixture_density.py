from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from elman.errors import SettingsError
from elman.nn import Mixture, MixtureDensityHead
from elman.nn.heads.mixture_density import SMALLEST
from tolerances import FLOAT64_RECURRENCE, SAMPLING


def test_the_equations() -> None:
    head = MixtureDensityHead(4, size=2, components=3).double()
    features, targets = torch.randn(1, 1, 4, dtype=torch.float64), torch.randn(1, 1, 2, dtype=torch.float64)
    raw = head.linear(features).detach().numpy().reshape(3, 5)
    shares = np.exp(raw[:, 0]) / np.exp(raw[:, 0]).sum()
    density = 0.0
    for k in range(3):
        each = 1.0
        for d in range(2):
            scale = np.exp(raw[k, 3 + d]) + SMALLEST
            z = (targets[0, 0, d].item() - raw[k, 1 + d]) / scale
            each *= np.exp(-z * z / 2) / (scale * np.sqrt(2 * np.pi))
        density += shares[k] * each
    assert head.loss(features, targets).item() == pytest.approx(-math.log(density), rel=FLOAT64_RECURRENCE)


def example() -> Mixture:
    """Two Gaussians of one dimension, far apart."""
    return Mixture(
        torch.tensor([0.25, 0.75]).log(), torch.tensor([[-10.0], [10.0]]), torch.tensor([[1.0], [2.0]]).log()
    )


def samples(bias: float) -> torch.Tensor:
    many = Mixture(*(value.expand(4000, *value.shape) for value in example()))
    return many.sample(bias, torch.Generator().manual_seed(0)).squeeze(-1)


def test_samples_are_those_of_the_mixture() -> None:
    drawn = samples(0)
    left, right = drawn[drawn < 0], drawn[drawn > 0]
    assert len(left) / len(drawn) == pytest.approx(0.25, abs=SAMPLING)
    assert float(left.mean()) == pytest.approx(-10, abs=3 * SAMPLING)
    assert float(left.std()) == pytest.approx(1, abs=2 * SAMPLING)
    assert float(right.std()) == pytest.approx(2, abs=2 * SAMPLING)


def test_a_bias_draws_what_is_more_probable() -> None:
    """Graves' equations: shares to the power 1 + b, standard deviations times exp(-b)."""
    drawn = samples(1)
    right = drawn[drawn > 0]
    assert len(right) / len(drawn) == pytest.approx(0.75**2 / (0.75**2 + 0.25**2), abs=SAMPLING)
    assert float(right.std()) == pytest.approx(2 / math.e, abs=SAMPLING)
    assert torch.equal(samples(100), samples(100).sign() * 10)
    with pytest.raises(SettingsError, match="bias must be a number from 0"):
        example().sample(-1)


@pytest.mark.parametrize("raw", [-1e4, -50.0, 50.0])
def test_extreme_scales_stay_finite(raw: float) -> None:
    head = MixtureDensityHead(1, size=1, components=2)
    torch.nn.init.constant_(head.linear.weight, raw)
    torch.nn.init.zeros_(head.linear.bias)
    features = torch.ones(1, 2, 1, requires_grad=True)
    value = head.loss(features, torch.tensor([[[0.0], [1e3]]]))
    value.backward()
    assert value.isfinite()
    assert features.grad is not None
    assert features.grad.isfinite().all()


def test_the_density_is_bounded() -> None:
    tight = Mixture(torch.zeros(1), torch.zeros(1, 1), torch.full((1, 1), math.log(SMALLEST)))
    assert float(tight.log_density(torch.zeros(1))) < 10


def test_sizes_below_one() -> None:
    with pytest.raises(SettingsError, match="size and components must be at least 1, not 0 and 3"):
        MixtureDensityHead(4, 0, 3)
