"""torch's binding of the array operations that cells use."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812


class TorchOps:
    """`elman.cells.Ops` on torch tensors, on any device, differentiable, and under autocast."""

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, heads: int = 1) -> Tensor:
        """See `elman.cells.Ops.linear`."""
        if heads == 1:
            return F.linear(x, weight, bias)
        blocks, matrices = x.reshape(*x.shape[:-1], heads, -1), weight.view(heads, -1, weight.shape[1])
        product = torch.einsum("...hi,hoi->...ho", blocks, matrices).flatten(-2)
        return product if bias is None else product + bias

    def split(self, x: Tensor, parts: int, axis: int = -1) -> tuple[Tensor, ...]:
        """See `elman.cells.Ops.split`."""
        return x.chunk(parts, axis)

    def join(self, *arrays: Tensor) -> Tensor:
        """See `elman.cells.Ops.join`."""
        return torch.cat(arrays, -1)

    def sigmoid(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.sigmoid`."""
        return torch.sigmoid(x)

    def tanh(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.tanh`."""
        return torch.tanh(x)

    def relu(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.relu`."""
        return torch.relu(x)

    def exp(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.exp`."""
        return torch.exp(x)

    def log(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.log`."""
        return torch.log(x)

    def sqrt(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.sqrt`."""
        return torch.sqrt(x)

    def sin(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.sin`."""
        return torch.sin(x)

    def cos(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.cos`."""
        return torch.cos(x)

    def floor(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.floor`."""
        return torch.floor(x)

    def maximum(self, x: Tensor, y: Tensor | float) -> Tensor:
        """See `elman.cells.Ops.maximum`."""
        return torch.maximum(x, y) if isinstance(y, Tensor) else x.clamp(min=y)

    def minimum(self, x: Tensor, y: Tensor | float) -> Tensor:
        """See `elman.cells.Ops.minimum`."""
        return torch.minimum(x, y) if isinstance(y, Tensor) else x.clamp(max=y)

    def where(self, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """See `elman.cells.Ops.where`."""
        return torch.where(condition, x, y)

    def sum(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.sum`."""
        return x.sum(-1, keepdim=True)

    def mean(self, x: Tensor) -> Tensor:
        """See `elman.cells.Ops.mean`."""
        return x.mean(-1, keepdim=True)

    def expand(self, x: Tensor, groups: int, times: int) -> Tensor:
        """See `elman.cells.Ops.expand`."""
        rows, width = x.shape[:-1], x.shape[-1] // groups
        return x.reshape(*rows, groups, 1, width).expand(*rows, groups, times, width).flatten(-3)

    def fold(self, x: Tensor, groups: int, times: int) -> Tensor:
        """See `elman.cells.Ops.fold`."""
        return x.reshape(*x.shape[:-1], groups, times, x.shape[-1] // (groups * times)).sum(-2).flatten(-2)

    def layer_norm(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """See `elman.cells.Ops.layer_norm`."""
        return F.layer_norm(x, x.shape[-1:], weight, bias)

    def batch_norm(
        self, x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        """See `elman.cells.Ops.batch_norm`."""
        scaled = (x - mean) * (weight * torch.rsqrt(variance + 1e-5))
        return scaled if bias is None else scaled + bias
