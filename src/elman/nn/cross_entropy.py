"""Softmax cross-entropy of a linear layer, without ever holding all logits in float32."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F  # noqa: N812

#: Logits worked on at a time: few enough to stay in the cores' caches through all the passes over them.
_BLOCK = 2**20


def linear_cross_entropy(
    features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, *, smoothing: float = 0.0
) -> Tensor:
    """Mean of ``-log softmax(features @ weight.T + bias)[target]`` over the targets, in nats.

    With ten thousand symbols the logits of one window are tens of megabytes, and the usual way walks through them
    a dozen times. Here rows are taken a block at a time and turned into loss and gradient at once, so that the
    matrix products are what takes the time. The gradient is the exact one, ``softmax - onehot``; it can be taken once.
    Few logits go the usual way.

    Args:
        features: (rows, features).
        weight: (symbols, features).
        bias: (symbols,).
        targets: (rows,) int64; negative ones do not count.
        smoothing: Share of each target that is spread over all symbols (Szegedy et al., CVPR 2016, section 7).

    Returns:
        A scalar: float32 (float64 for float64 features). The products run in autocast's type where it is on.

    >>> zero = torch.zeros(2, 3)
    >>> linear_cross_entropy(zero, torch.zeros(4, 3), torch.zeros(4), torch.tensor([1, -1]))
    tensor(1.3863)
    """
    if torch.is_autocast_enabled(features.device.type):
        dtype = torch.get_autocast_dtype(features.device.type)
        features, weight, bias = features.to(dtype), weight.to(dtype), bias.to(dtype)
    if len(features) * len(weight) <= _BLOCK:
        logits = exact(F.linear(features, weight, bias))
        nats = F.cross_entropy(logits, targets, ignore_index=-1, reduction="sum", label_smoothing=smoothing)
        return nats / targets.ge(0).sum().clamp_min(1)
    loss: Tensor = _LinearCrossEntropy.apply(features, weight, bias, targets, smoothing)  # type: ignore[no-untyped-call]
    return loss


def exact(logits: Tensor) -> Tensor:
    """Logits in float32, or float64 where they are that: losses are not for shorter types."""
    return logits if logits.dtype == torch.float64 else logits.float()


class _LinearCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        exact = torch.float64 if features.dtype == torch.float64 else torch.float32
        counts = targets >= 0
        share = 1 / counts.sum().clamp_min(1).to(exact)
        rows = max(1, min(len(features), _BLOCK // len(weight)))
        # Fresh memory costs page faults at every block: these two are used again and again.
        products, scores = features.new_empty(rows, len(weight)), features.new_empty(rows, len(weight), dtype=exact)
        gradient = features.new_empty(len(features), len(weight))
        loss = torch.zeros((), dtype=exact, device=features.device)
        spread = weight.mean(0, dtype=exact)
        with torch.autocast(features.device.type, enabled=False):
            for start in range(0, len(features), rows):
                block = slice(start, start + rows)
                target = targets[block].clamp_min(0)[:, None]
                weights = (counts[block] * share)[:, None]
                torch.addmm(bias, features[block], weight.T, out=products[: len(target)])
                logits = scores[: len(target)].copy_(products[: len(target)])
                largest = logits.amax(dim=1, keepdim=True)
                logits.sub_(largest)
                wanted = logits.gather(1, target)
                if smoothing:
                    of_all = (features[block].to(exact) @ spread + bias.to(exact).mean())[:, None]
                    wanted.lerp_(of_all - largest, smoothing)
                total = logits.exp_().sum(dim=1, keepdim=True)
                loss += ((total.log() - wanted) * weights).sum()
                gradient[block] = logits.mul_(weights / total).scatter_add_(1, target, weights * (smoothing - 1))
            found = [gradient @ weight, gradient.T @ features, gradient.sum(0)]
            if smoothing:
                # What is spread over all symbols is the same for each, so no pass over the logits is needed.
                shares = (smoothing * share) * counts.to(exact)
                found[0] -= torch.outer(shares, spread)
                found[1] -= (shares @ features.to(exact)) / len(weight)
                found[2] -= shares.sum() / len(weight)
            ctx.save_for_backward(*found)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        features, weight, bias = ctx.saved_tensors
        return features * upstream, weight * upstream, bias * upstream, None, None
