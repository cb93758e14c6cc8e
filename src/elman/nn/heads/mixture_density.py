"""Mixture-density head: the distribution of real numbers as a mixture of Gaussians."""

from __future__ import annotations

import math
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.errors import SettingsError
from elman.nn.cross_entropy import exact
from elman.nn.heads.targets import check_shape, counted

#: The smallest standard deviation. Without one a component could sit on a target that comes again and again (a zero,
#: a rounded number) and its density grow without bound.
SMALLEST = 1e-4


class Mixture(NamedTuple):
    """A mixture of K Gaussians in D dimensions, whose axes are those of space.

    Attributes:
        log_weights: Logarithms of the shares, (..., K).
        means: (..., K, D).
        log_scales: Logarithms of the standard deviations, (..., K, D).
    """

    log_weights: Tensor
    means: Tensor
    log_scales: Tensor

    def log_density(self, x: Tensor) -> Tensor:
        """Logarithm of the density at x (..., D), in nats: (...)."""
        z = (x[..., None, :] - self.means) * torch.exp(-self.log_scales)
        each = -0.5 * z.square() - self.log_scales - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(self.log_weights + each.sum(-1), -1)

    def sample(self, bias: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw x (..., D); a ``bias`` above 0 draws more probable ones (Graves 2013, equations 61 and 62).

        With bias b the logits of the shares are multiplied by 1 + b, and the standard deviations by exp(-b).
        """
        component = choose_component(self.log_weights, bias, generator)
        chosen = component[..., None].expand(*component.shape, self.means.shape[-1])
        mean, log_scale = (values.gather(-2, chosen).squeeze(-2) for values in (self.means, self.log_scales))
        return mean + torch.exp(log_scale - bias) * normal(mean, generator)


@final
class MixtureDensityHead(nn.Module):
    r"""The density of a target y with D real numbers, as a mixture of K Gaussians.

    .. math::
        p(y) &= \sum_k \pi_k \prod_d N(y_d \mid \mu_{kd}, \sigma_{kd}) \\
        \pi &= \operatorname{softmax}(\hat\pi), \quad \sigma = \exp(\hat\sigma) + s

    where everything with a hat, and the means, come from one linear layer. The standard deviation is
    :math:`\exp(\hat\sigma)`, as published, plus s = 1e-4: without a smallest one the density could grow without bound
    at a target that comes again and again.

    Args:
        features: Features of the input.
        size: Numbers per target, D.
        components: Gaussians, K.

    Lookahead is 0. Raises `SettingsError` for sizes below 1.

    Source: Bishop, "Mixture density networks", Aston University, 1994.

    >>> head = MixtureDensityHead(8, size=2, components=5)
    >>> mixture = head(torch.zeros(3, 7, 8))
    >>> mixture.means.shape, mixture.sample().shape
    (torch.Size([3, 7, 5, 2]), torch.Size([3, 7, 2]))
    """

    lookahead = 0

    def __init__(self, features: int, size: int, components: int) -> None:
        super().__init__()
        if size < 1 or components < 1:
            raise SettingsError(f"size and components must be at least 1, not {size} and {components}.")
        self.size = size
        self.components = components
        self.linear = nn.Linear(features, components * (1 + 2 * size))

    def forward(self, features: Tensor) -> Mixture:
        """The mixture after features (..., features)."""
        parts = exact(self.linear(features)).view(*features.shape[:-1], self.components, 1 + 2 * self.size)
        means, scales = parts[..., 1:].chunk(2, -1)
        return Mixture(parts[..., 0].log_softmax(-1), means, bounded_log_scale(scales))

    def loss(self, features: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Mean of -log p(target), in nats, over the valid steps.

        Args:
            features: (batch, time, features).
            targets: (batch, time, size).
            lengths: Valid steps per row, (batch,).

        Raises:
            DataError: A shape or a length does not fit.
        """
        counts = counted(features, targets, lengths)
        check_shape(targets, (*counts.shape, self.size))
        mixture: Mixture = self(features[counts])
        return -mixture.log_density(targets[counts]).mean()


def bounded_log_scale(raw: Tensor) -> Tensor:
    """log(exp(raw) + SMALLEST), for any ``raw``."""
    floor = math.log(SMALLEST)
    return floor + F.softplus(raw - floor)


def choose_component(log_weights: Tensor, bias: float, generator: torch.Generator | None) -> Tensor:
    """Draw one of K by log_weights (..., K): its number, (..., 1)."""
    if not bias >= 0:
        raise SettingsError(f"bias must be a number from 0 (as the network says) on, not {bias}.")
    shares = (log_weights * (1 + bias)).softmax(-1)
    drawn = torch.multinomial(shares.reshape(-1, shares.shape[-1]), 1, generator=generator)
    return drawn.view(*shares.shape[:-1], 1)


def normal(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal numbers, as many as those of ``like``."""
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)
