"""Convolutions that normalise what they give while they learn, and are plain convolutions afterwards."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

#: How far the stored statistics move towards those of one batch.
MOMENTUM = 0.1

EPSILON = 1e-5

#: How the names begin that `folded` takes away.
_NORM = "norm_"


class _Normed(nn.Module):
    """What a convolution, whose class stands behind this one, has beside itself."""

    out_channels: int
    weight: Tensor
    bias: Tensor
    norm_weight: Tensor
    norm_bias: Tensor
    norm_mean: Tensor
    norm_variance: Tensor

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.norm_weight = nn.Parameter(torch.ones(self.out_channels))
        self.norm_bias = nn.Parameter(torch.zeros(self.out_channels))
        self.register_buffer("norm_mean", torch.zeros(self.out_channels))
        self.register_buffer("norm_variance", torch.ones(self.out_channels))

    def forward(self, input: Tensor, valid: Tensor | None = None) -> Tensor:
        """The normalised maps (B, channels, ...) of maps; ``valid`` as for `norm`."""
        return self.norm(super().forward(input), valid)

    def norm(self, maps: Tensor, valid: Tensor | None = None) -> Tensor:
        """What the convolution has given (B, channels, ...), normalised.

        Only ``valid`` places (B, ...) are measured; others get 0. A single place has no deviation: stored ones hold.
        """
        rows = maps if valid is None else maps.movedim(1, -1)[valid]
        stored, measured = (self.norm_mean, self.norm_variance), self.training and rows.numel() > self.out_channels
        normed = F.batch_norm(rows, *stored, self.norm_weight, self.norm_bias, measured, MOMENTUM, EPSILON)
        if valid is None:
            return normed
        return torch.zeros_like(maps).movedim(1, -1).masked_scatter(valid[..., None], normed).movedim(-1, 1)


@final
class NormedConv1d(_Normed, nn.Conv1d):  # type: ignore[misc]
    """A convolution over time (``torch.nn.Conv1d``) with batch normalisation of each channel, see `NormedConv2d`."""


@final
class NormedConv2d(_Normed, nn.Conv2d):  # type: ignore[misc]
    """A convolution (``torch.nn.Conv2d``, whose arguments it takes) with batch normalisation of each channel.

    With c what the convolution gives, m and s its mean and deviation over a batch in training, and stored ones else:

        y = weight (c - m) / s + bias.

    Stored statistics make it a convolution again: `folded` gives the weights of that one. Source: Ioffe & Szegedy,
    "Batch normalization: accelerating deep network training by reducing internal covariate shift", ICML 2015.
    """


def folded(network: nn.Module) -> dict[str, Tensor]:
    """The weights of a network without norms that gives the same as this one in evaluation.

    >>> layer = NormedConv2d(3, 4, 5).eval()
    >>> plain = nn.Conv2d(3, 4, 5)
    >>> _ = plain.load_state_dict(folded(layer))
    >>> torch.allclose(plain(torch.ones(1, 3, 9, 9)), layer(torch.ones(1, 3, 9, 9)), atol=1e-6)
    True
    """
    weights: dict[str, Tensor] = {name: value.detach() for name, value in network.state_dict().items()}
    for place, layer in network.named_modules():
        if isinstance(layer, _Normed):
            start = f"{place}." if place else ""
            scale = layer.norm_weight / torch.sqrt(layer.norm_variance + EPSILON)
            weights[f"{start}weight"] = (layer.weight * scale.reshape(-1, *[1] * (layer.weight.dim() - 1))).detach()
            weights[f"{start}bias"] = ((layer.bias - layer.norm_mean) * scale + layer.norm_bias).detach()
            weights = {name: value for name, value in weights.items() if not name.startswith(start + _NORM)}
    return weights
