"""Dropout for recurrent networks: masks that stay the same over time.

Dropping different units at every step destroys what a recurrence tries to remember. These forms draw one
mask per sequence, per word or per forward call. Kept values are divided by 1 - p, so that expectations stay.
"""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.errors import SettingsError


@final
class LockedDropout(nn.Module):
    """Drop features for a whole sequence: x (batch, time, features) with one mask (batch, 1, features).

    Also called variational dropout. Source: Gal & Ghahramani, NIPS 2016. Active in training mode only.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = checked("dropout", p)

    def forward(self, x: Tensor) -> Tensor:
        """Drop; same shape as ``x``."""
        if not self.training or not self.p:
            return x
        return x * F.dropout(x.new_ones(x.shape[0], 1, x.shape[2]), self.p)

    def extra_repr(self) -> str:
        """Show the rate."""
        return f"p={self.p}"


def drop_weights(weight: Tensor, p: float, training: bool) -> Tensor:
    """Drop single connections; draw once per forward call to hold them for all steps.

    Sources: DropConnect, Wan et al., ICML 2013; on recurrent weights: Merity, Keskar & Socher, ICLR 2018.
    """
    return F.dropout(weight, p, training) if p else weight


def drop_words(embedded: Tensor, ids: Tensor, vocabulary: int, p: float, training: bool) -> Tensor:
    """Drop words: embedded (batch, time, features) of ids (batch, time), the same words at every place.

    Equals dropping whole rows of the embedding matrix. Source: Gal & Ghahramani, NIPS 2016.
    """
    if not training or not p:
        return embedded
    return embedded * F.dropout(embedded.new_ones(vocabulary), p)[ids].unsqueeze(-1)


def checked(name: str, p: float) -> float:
    """Return ``p`` if it is a share from 0 up to, not including, 1; else raise `SettingsError`."""
    if not 0 <= p < 1:
        raise SettingsError(f"{name} must be at least 0 and below 1, not {p}.")
    return float(p)
