"""Adaptive softmax: many symbols at the price of the frequent ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn.heads.targets import check_range, check_shape, counted


@final
class AdaptiveSoftmaxHead(nn.Module):
    r"""A softmax over the frequent symbols and, one level below, over clusters of rarer ones.

    .. math::
        \log p(y) = \log p(c_y) + \log p(y \mid c_y)

    where c is the cluster of y, and the first term alone stands for the frequent symbols. A cluster is computed for
    those steps alone whose target is in it, from features that a matrix has made fewer: by the factor ``shrink`` for
    the first cluster, its square for the second, and so on. torch's ``nn.AdaptiveLogSoftmaxWithLoss`` does the work.

    Args:
        features: Features of the input.
        symbols: Symbols, the most frequent one first.
        cutoffs: Where clusters begin: [1000, 5000] makes one of the symbols 1000 to 4999 and one of the rest.
        shrink: Factor by which the features of each further cluster are fewer.

    Lookahead is 0. Raises `SettingsError` for cutoffs that do not rise from 1 to below the number of symbols, and where
    the last cluster would have no feature left.

    Source: Grave et al., "Efficient softmax approximation for GPUs", ICML 2017.

    >>> import torch
    >>> head = AdaptiveSoftmaxHead(16, symbols=100, cutoffs=[10, 30])
    >>> head(torch.zeros(2, 5, 16)).shape
    torch.Size([2, 5, 100])
    """

    lookahead = 0

    def __init__(self, features: int, symbols: int, cutoffs: Sequence[int], *, shrink: float = 4.0) -> None:
        super().__init__()
        rising = [0, *cutoffs, symbols]
        if len(rising) < 3 or sorted(set(rising)) != rising:
            raise SettingsError(
                f"cutoffs must rise from at least 1 to at most {symbols - 1} for {symbols} symbols, found {[*cutoffs]}."
            )
        if features < shrink ** len(cutoffs):
            raise SettingsError(
                f"The last of {len(cutoffs)} clusters would have no feature left: with shrink {shrink} they need "
                f"{shrink ** len(cutoffs):g} features, found {features}."
            )
        self.symbols = symbols
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(features, symbols, [*cutoffs], shrink, head_bias=True)

    def forward(self, features: Tensor) -> Tensor:
        """Log-probabilities of every symbol, (..., symbols), after features (..., features), in nats."""
        flat = self.softmax.log_prob(features.reshape(-1, features.shape[-1]))
        return flat.view(*features.shape[:-1], self.symbols)

    def loss(self, features: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Mean of -log p(target), in nats, over the targets that count.

        Args:
            features: (batch, time, features).
            targets: (batch, time) int64; negative ones do not count.
            lengths: Valid steps per row, (batch,); what is beyond does not count either.

        Raises:
            DataError: A shape, a length or a target does not fit.
        """
        counts = counted(features, targets, lengths) & (targets >= 0)
        check_shape(targets, counts.shape)
        wanted = targets[counts]
        check_range(wanted, self.symbols)
        if not len(wanted):
            return features.new_zeros(())
        # torch's class takes no mixture of types.
        with torch.autocast(features.device.type, enabled=False):
            loss: Tensor = self.softmax(features[counts].to(self.softmax.head.weight.dtype), wanted).loss
        return loss
