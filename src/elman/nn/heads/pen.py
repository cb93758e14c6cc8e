"""Pen head: where a pen moves next, and whether it is lifted then."""

from __future__ import annotations

import math
from typing import NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.errors import SettingsError
from elman.nn.cross_entropy import exact
from elman.nn.heads.mixture_density import bounded_log_scale, choose_component, normal
from elman.nn.heads.targets import check_shape, counted

#: The largest correlation: at 1 the density of points on a line would grow without bound.
LARGEST = 0.999


class PenMixture(NamedTuple):
    """A mixture of K Gaussians in the plane, with correlations, and the probability that the pen is lifted.

    Attributes:
        log_weights: Logarithms of the shares, (..., K).
        means: (..., K, 2).
        log_scales: Logarithms of the standard deviations, (..., K, 2).
        correlations: (..., K).
        lift: Logit of the probability that the stroke ends, (...).
    """

    log_weights: Tensor
    means: Tensor
    log_scales: Tensor
    correlations: Tensor
    lift: Tensor

    def log_probability(self, x: Tensor) -> Tensor:
        """Logarithm of the density of an offset and the probability of a lift, x (..., 3), in nats: (...)."""
        z = (x[..., None, :2] - self.means) * torch.exp(-self.log_scales)
        across, along = (z[..., 0] - z[..., 1]).square(), (z[..., 0] + z[..., 1]).square()
        # Graves' Z / (1 - rho^2), in a form that loses nothing where rho is near 1.
        distance = 0.5 * (across / (1 - self.correlations) + along / (1 + self.correlations))
        log_area = self.log_scales.sum(-1) + 0.5 * (torch.log1p(self.correlations) + torch.log1p(-self.correlations))
        density = torch.logsumexp(self.log_weights - 0.5 * distance - log_area - math.log(2 * math.pi), -1)
        return density - F.binary_cross_entropy_with_logits(self.lift, x[..., 2], reduction="none")

    def sample(self, bias: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw x (..., 3): an offset, and 1 where the stroke ends; ``bias`` as in `Mixture.sample`."""
        component = choose_component(self.log_weights, bias, generator)
        rho = self.correlations.gather(-1, component)
        chosen = component[..., None].expand(*component.shape, 2)
        mean, log_scale = (values.gather(-2, chosen).squeeze(-2) for values in (self.means, self.log_scales))
        noise = normal(mean, generator)
        first = noise[..., :1]
        second = rho * first + torch.sqrt((1 - rho) * (1 + rho)) * noise[..., 1:]
        offset = mean + torch.exp(log_scale - bias) * torch.cat([first, second], -1)
        lift = torch.bernoulli(torch.sigmoid(self.lift), generator=generator)
        return torch.cat([offset, lift[..., None]], -1)


@final
class PenHead(nn.Module):
    r"""The next point of handwriting: an offset in the plane by a mixture of K Gaussians, and the end of a stroke.

    .. math::
        p(x) &= e^{x_3} (1 - e)^{1 - x_3} \sum_k \pi_k N(x_1, x_2 \mid \mu_k, \sigma_k, \rho_k) \\
        \log N(x \mid \mu, \sigma, \rho) &= -Z / (2 (1 - \rho^2)) - \log(2 \pi \sigma_1 \sigma_2 \sqrt{1 - \rho^2}) \\
        Z &= z_1^2 + z_2^2 - 2 \rho z_1 z_2, \quad z = (x - \mu) / \sigma \\
        \pi &= \operatorname{softmax}(\hat\pi), \quad \sigma = \exp(\hat\sigma) + s \\
        \rho &= r \tanh(\hat\rho), \quad e = \operatorname{sigmoid}(\hat{e})

    where everything with a hat, and the means, come from one linear layer. The bounds s = 1e-4 and r = 0.999, which
    Graves does not have, keep the density finite.

    Args:
        features: Features of the input.
        components: Gaussians, K.

    Lookahead is 0. Raises `SettingsError` for less than one component.

    Source: Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013, section 4.

    >>> head = PenHead(8, components=20)
    >>> head(torch.zeros(3, 7, 8)).sample(bias=0.5).shape
    torch.Size([3, 7, 3])
    """

    lookahead = 0

    def __init__(self, features: int, components: int) -> None:
        super().__init__()
        if components < 1:
            raise SettingsError(f"components must be at least 1, not {components}.")
        self.components = components
        self.linear = nn.Linear(features, 1 + 6 * components)

    def forward(self, features: Tensor) -> PenMixture:
        """The mixture after features (..., features)."""
        raw = exact(self.linear(features))
        parts = raw[..., 1:].reshape(*features.shape[:-1], self.components, 6)
        return PenMixture(
            log_weights=parts[..., 0].log_softmax(-1),
            means=parts[..., 1:3],
            log_scales=bounded_log_scale(parts[..., 3:5]),
            correlations=LARGEST * torch.tanh(parts[..., 5]),
            lift=raw[..., 0],
        )

    def loss(self, features: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Mean of -log p(target), in nats, over the valid steps.

        Args:
            features: (batch, time, features).
            targets: (batch, time, 3): offset in both directions, and 1 where the stroke ends, else 0.
            lengths: Valid steps per row, (batch,).

        Raises:
            DataError: A shape or a length does not fit.
        """
        counts = counted(features, targets, lengths)
        check_shape(targets, (*counts.shape, 3))
        mixture: PenMixture = self(features[counts])
        return -mixture.log_probability(targets[counts]).mean()
