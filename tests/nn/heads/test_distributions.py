"""Distributions as they are learnt, against those of torch and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.distributions import NegativeBinomial, Normal, StudentT
from torch.nn import functional as F  # noqa: N812

from elman.errors import SettingsError
from elman.nn.heads.distributions import (
    LEAST_FREEDOM,
    SMALLEST_SCALE,
    DistributionHead,
    log_probability,
    pinball,
)
from elman.runtime import distributions
from tolerances import NUMPY_AGAINST_TORCH, SAMPLING

LEVELS = (0.1, 0.5, 0.9)


def told(numbers: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 5, numbers, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_normal_and_student_t_are_those_of_torch() -> None:
    raw, y = told(3), told(1)[..., 0]
    deviation = F.softplus(raw[..., 1]) + SMALLEST_SCALE
    torch.testing.assert_close(log_probability("normal", raw, y), Normal(raw[..., 0], deviation).log_prob(y))
    freedom = LEAST_FREEDOM + F.softplus(raw[..., 2])
    expected = StudentT(freedom, raw[..., 0], deviation).log_prob(y)
    torch.testing.assert_close(log_probability("student-t", raw, y), expected)


def test_counts_have_the_mean_and_the_variance_of_the_paper() -> None:
    """Mean mu, variance mu + alpha mu^2, of counts that were divided by the scale."""
    raw, scale = told(2), torch.tensor([1.0, 7.0], dtype=torch.float64)
    mean = F.softplus(raw[..., 0]) * scale[:, None]
    excess = F.softplus(raw[..., 1]) / scale[:, None].sqrt()
    other = NegativeBinomial(1 / excess, logits=(excess * mean).log())
    torch.testing.assert_close(other.mean, mean)
    torch.testing.assert_close(other.variance, mean + excess * mean**2)
    count = torch.arange(10, dtype=torch.float64).view(2, 5)
    found = log_probability("negative-binomial", raw, count / scale[:, None], scale)
    torch.testing.assert_close(found, other.log_prob(count))


def test_pinball_by_hand() -> None:
    """Truth 3, quantile 1 at level 0.1 and 4 at 0.9: 0.1 * 2 and 0.1 * 1, twice their mean."""
    found = pinball(torch.tensor([[1.0, 4.0]]), torch.tensor([3.0]), torch.tensor([0.1, 0.9]))
    assert found.tolist() == [pytest.approx(0.3)]


def test_implicit_quantiles_at_even_levels_are_scored_without_chance() -> None:
    head = DistributionHead("implicit-quantile", 4, steps=3).eval()
    features, targets = torch.randn(2, 5, 4), torch.randn(2, 14)
    first, again = head.loss(features, targets), head.loss(features, targets)
    assert first.shape == (2, 14)
    assert torch.equal(first, again)
    levels = torch.full((2, 5, 1), 0.3)
    torch.testing.assert_close(head(features, levels), head(features, torch.tensor([0.3])))


def test_an_unknown_distribution_is_refused() -> None:
    with pytest.raises(SettingsError, match="student-t"):
        DistributionHead("studentt", 4)


@pytest.mark.parametrize("name", ["normal", "student-t", "negative-binomial"])
def test_quantiles_and_draws_without_torch_are_those_of_the_density(name: str) -> None:
    raw = np.array([0.4, 0.3, -0.5][: 2 if name != "student-t" else 3], np.float32)
    scale = 6.0
    found = distributions.quantiles(name, raw, LEVELS, scale)
    drawn = distributions.draw(name, np.tile(raw, (20_000, 1)), np.random.default_rng(0), np.full(20_000, scale))
    assert drawn.mean() == pytest.approx(float(distributions.mean(name, raw, scale)), abs=SAMPLING)
    for level, quantile in zip(LEVELS, found, strict=True):
        if name == "negative-binomial":
            counts = torch.arange(round(float(quantile) * scale) + 1, dtype=torch.float64) / scale
            row = torch.from_numpy(raw.astype(np.float64)).expand(1, len(counts), 2)
            weight = log_probability(name, row, counts[None], torch.tensor([scale], dtype=torch.float64)).exp()
            assert float(weight.sum()) >= level
            assert float(weight[0, :-1].sum()) < level
        assert (drawn <= quantile + 1e-6).mean() >= level - SAMPLING
        assert (drawn < quantile - 1e-6).mean() <= level + SAMPLING


def test_quantiles_of_a_normal_distribution_in_numbers() -> None:
    raw = np.array([1.0, math.log(math.expm1(2.0 - SMALLEST_SCALE))], np.float32)  # deviation 2
    found = distributions.quantiles("normal", raw, (0.025, 0.5, 0.975))
    np.testing.assert_allclose(found, [1 - 2 * 1.959964, 1, 1 + 2 * 1.959964], **NUMPY_AGAINST_TORCH)
