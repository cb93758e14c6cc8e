"""Heads that tell the distribution of a number, for forecasts: Normal, Student-t, negative binomial and quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.errors import SettingsError, nearest
from elman.shapes.forecast import COSINES, DISTRIBUTIONS

#: The smallest standard deviation, in normalised units; without it a constant series had a density without bound.
SMALLEST_SCALE = 1e-3

#: Degrees of freedom of Student's t are more than these, so that the variance is finite.
LEAST_FREEDOM = 2.0

#: Levels drawn for each value in training of implicit quantiles; in evaluation so many even ones.
LEVELS_DRAWN, LEVELS_EVEN = 8, 10


@final
class DistributionHead(nn.Module):
    r"""The distribution of a number y, of ``steps`` of them after each row of features.

    One linear layer gives the numbers with a hat; y is in units of a window, :math:`y = (x - l) / s` of the value x
    with the window's level l and scale s.

    - ``normal``: mean :math:`\hat\mu`, standard deviation :math:`\operatorname{softplus}(\hat\sigma)`.
    - ``student-t``: the same, with :math:`2 + \operatorname{softplus}(\hat\nu)` degrees of freedom.
    - ``negative-binomial``: counts x with mean :math:`\mu = s \operatorname{softplus}(\hat\mu)` and variance
      :math:`\mu + \alpha \mu^2`, :math:`\alpha = \operatorname{softplus}(\hat\alpha) / \sqrt s` (Salinas et al. 2020).
    - ``quantiles``: a number for each level, learnt by the pinball loss (Koenker & Bassett 1978).
    - ``implicit-quantile``: the quantile of any level :math:`\tau` (Dabney et al. 2018), from features times
      :math:`\operatorname{relu}(W \cos(\pi i \tau) + b)`, i = 0 ... 63, as Gouttes et al. (2021) for forecasts.

    A smallest standard deviation of 1e-3 is added. ``location`` is added to the mean, or to every quantile.

    Raises `SettingsError` for an unknown distribution.

    >>> head = DistributionHead("student-t", features=8)
    >>> head.loss(torch.zeros(2, 7, 8), torch.zeros(2, 7)).shape
    torch.Size([2, 7])
    """

    #: Of the quantiles that are learnt, (levels,).
    levels: Tensor

    def __init__(self, distribution: str, features: int, steps: int = 1, levels: Sequence[float] = ()) -> None:
        super().__init__()
        if distribution not in DISTRIBUTIONS:
            raise SettingsError(
                f"There is no distribution '{distribution}', only {', '.join(DISTRIBUTIONS)}."
                f"{nearest(distribution, DISTRIBUTIONS)}"
            )
        self.distribution, self.steps = distribution, steps
        self.numbers = DISTRIBUTIONS[distribution] or len(levels)
        linear = nn.Linear(features, steps * self.numbers)
        self.weight, self.bias = linear.weight, linear.bias
        self.register_buffer("levels", torch.tensor(list(levels)), persistent=False)
        if distribution == "implicit-quantile":
            self.level = nn.Linear(COSINES, features)

    def forward(self, features: Tensor, levels: Tensor | None = None) -> Tensor:
        """What is told of features (B, n, features): (B, n * steps, numbers).

        Implicit quantiles need their ``levels`` (K,) or (B, n, K), and give (B, n * steps, K).
        """
        if self.distribution == "implicit-quantile":
            assert levels is not None
            known = F.relu(self.level(torch.cos(levels[..., None] * math.pi * _harmonics(features))))
            rows = F.linear(features[..., None, :] * known, self.weight, self.bias)  # (B, n, K, steps)
            return rows.movedim(-1, -2).flatten(1, 2)
        rows = F.linear(features, self.weight, self.bias)
        return rows.view(rows.shape[0], -1, self.numbers)

    def loss(
        self, features: Tensor, targets: Tensor, scale: Tensor | None = None, location: Tensor | None = None
    ) -> Tensor:
        """The loss of each target: -log p(y) in nats, or of quantiles twice the mean pinball loss over levels.

        Twice the pinball loss over all levels is the continuous ranked probability score (Gneiting & Raftery 2007).

        Args:
            features: (B, n, features).
            targets: y, (B, n * steps) or fewer, the first ones; for ``negative-binomial`` x / s.
            scale: s of each row (B,), 1 where it is left out; of ``negative-binomial`` alone.
            location: As ``targets``.
        """
        levels = self._levels(features)
        told = self(features, levels)[:, : targets.shape[1]]
        if location is not None:
            told = raised(told, location, self.distribution)
        if self.distribution in ("quantiles", "implicit-quantile"):
            if levels is not None and levels.dim() > 1:
                levels = levels.repeat_interleave(self.steps, 1)[:, : targets.shape[1]]
            return pinball(told, targets, self.levels if levels is None else levels)
        return -log_probability(self.distribution, told, targets, scale)

    def _levels(self, features: Tensor) -> Tensor | None:
        if self.distribution != "implicit-quantile":
            return None
        if self.training:
            return torch.rand(*features.shape[:2], LEVELS_DRAWN, device=features.device)
        return (torch.arange(LEVELS_EVEN, device=features.device) + 0.5) / LEVELS_EVEN


def raised(told: Tensor, location: Tensor, distribution: str) -> Tensor:
    """What is told (..., numbers) with ``location`` (...) added to its mean, or to all of its quantiles."""
    if distribution in ("quantiles", "implicit-quantile"):
        return told + location[..., None]
    return torch.cat([told[..., :1] + location[..., None], told[..., 1:]], -1)


def pinball(quantiles: Tensor, targets: Tensor, levels: Tensor) -> Tensor:
    """Twice the mean pinball loss of quantiles (..., K) of targets (...), at levels (K,) or (..., K)."""
    error = targets[..., None] - quantiles
    return 2 * torch.maximum(levels * error, (levels - 1) * error).mean(-1)


def log_probability(distribution: str, told: Tensor, targets: Tensor, scale: Tensor | None = None) -> Tensor:
    """Logarithm of the density of y, or of the probability of a count, in nats; see `DistributionHead`."""
    first, second = told[..., 0], F.softplus(told[..., 1])
    if distribution == "negative-binomial":
        size = torch.ones_like(targets) if scale is None else scale[:, None].expand_as(targets)
        return _log_count(targets * size, F.softplus(first) * size, second / size.sqrt())
    deviation = second + SMALLEST_SCALE
    z = (targets - first) / deviation
    if distribution == "normal":
        return -0.5 * z.square() - deviation.log() - 0.5 * math.log(2 * math.pi)
    freedom = LEAST_FREEDOM + F.softplus(told[..., 2])
    constant = torch.lgamma((freedom + 1) / 2) - torch.lgamma(freedom / 2) - 0.5 * (math.pi * freedom).log()
    return constant - deviation.log() - (freedom + 1) / 2 * torch.log1p(z.square() / freedom)


def _log_count(count: Tensor, mean: Tensor, excess: Tensor) -> Tensor:
    """Negative binomial with r = 1 / excess failures: variance mean + excess * mean^2."""
    mean, excess = mean.clamp_min(1e-8), excess.clamp_min(1e-6)
    failures = 1 / excess
    share = (excess * mean).log1p()
    ways = torch.lgamma(count + failures) - torch.lgamma(failures) - torch.lgamma(count + 1)
    return ways - failures * share + count * ((excess * mean).log() - share)


def _harmonics(like: Tensor) -> Tensor:
    return torch.arange(COSINES, device=like.device, dtype=like.dtype)
