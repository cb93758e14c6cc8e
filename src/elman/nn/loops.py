"""Products and attention in a loop whose steps wait for each other, with the gradients that can wait taken once.

Autograd would make a gradient of the size of a weight, or of the whole memory, at every step, and add it to that of the
step before. Here every step leaves what is needed in a ledger, and when the last one has gone back, one product over
all steps makes the gradient.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elman.nn.ops import TorchOps


@final
class Products:
    """``x @ weight.T + bias``, again and again with the same weight.

    Args:
        weight: (outputs, features).
        bias: (outputs,), or None.

    Results have the type of the weight; under autocast the products run in autocast's. Gradients can be taken once.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        device = weight.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype
        self._left = _Left(weight.detach().to(dtype), None if bias is None else bias.detach())
        self._token: Tensor = _Weight.apply(weight, bias, self._left)  # type: ignore[no-untyped-call]

    def __call__(self, x: Tensor) -> Tensor:
        """Of rows (B, features), (B, outputs)."""
        with torch.autocast(x.device.type, enabled=False):
            product: Tensor = _Product.apply(self._token, x, self._left)  # type: ignore[no-untyped-call]
        return product


@final
class LoopOps(TorchOps):
    """`TorchOps` that multiply by some matrices as `Products` do.

    Args:
        matrices: Those that stay the same in all steps, such as the parameters of a cell.
    """

    def __init__(self, matrices: Iterable[Tensor]) -> None:
        self._matrices = {id(matrix): matrix for matrix in matrices}
        self._products: dict[tuple[int, int], tuple[Tensor | None, Products]] = {}

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None, heads: int = 1) -> Tensor:
        """See `elman.cells.Ops.linear`."""
        if heads > 1 or x.dim() != 2 or id(weight) not in self._matrices:
            return super().linear(x, weight, bias, heads)
        key = (id(weight), id(bias))
        if key not in self._products:
            # With the bias itself, so that no other one gets its id.
            self._products[key] = bias, Products(weight, bias)
        return self._products[key][1](x)


@final
class Looks:
    r"""A memory, prepared for many looks in training or in use.

    .. math::
        c_i = \sum_j \alpha_{ij} m_j, \quad \alpha_i = \operatorname{softmax}_j(q_i^\top k_j + b_{ij})

    or, with a vector v, additive: :math:`v^\top \tanh(q_i + k_j) + b_{ij}`.

    Args:
        keys: k, (B, S, K).
        values: m, (B, S, M).
        outside: Which entries lie beyond the end of their row, (B, S) bool; None where none do.
        score: v, (K,), for the additive score.

    Gradients can be taken once. All is computed in the type of the values, under autocast too.
    """

    def __init__(self, keys: Tensor, values: Tensor, outside: Tensor | None, score: Tensor | None = None) -> None:
        keys = keys.to(values.dtype)
        self._ledger = _Ledger(keys.detach(), values.detach(), outside)
        self._token: Tensor = _Memory.apply(keys, values, self._ledger)  # type: ignore[no-untyped-call]
        self._score = score

    def __call__(self, query: Tensor, bias: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Contexts (B, M) and weights (B, S) of queries (B, K), with b (B, S)."""
        query = query.to(self._ledger.values.dtype)
        with torch.autocast(query.device.type, enabled=False):
            found: tuple[Tensor, Tensor] = _Look.apply(  # type: ignore[no-untyped-call]
                self._token, query, bias, self._score, self._ledger
            )
        return found


@final
class _Left:
    """A weight in the type of its products, and what the steps leave on their way back."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias
        self.inputs: list[Tensor] = []
        self.results: list[Tensor] = []

    def gradients(self) -> tuple[Tensor, Tensor | None]:
        """Of weight and bias."""
        inputs, results = torch.cat(self.inputs), torch.cat(self.results)
        self.inputs.clear()
        self.results.clear()
        return results.T @ inputs, None if self.bias is None else results.sum(0, dtype=self.bias.dtype)


class _Weight(torch.autograd.Function):
    """A weight as a token that all its products take: so its gradient comes after theirs."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor | None, left: _Left) -> Tensor:
        ctx.left, ctx.dtype = left, weight.dtype
        return weight.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, Tensor | None, None]:
        of_weight, of_bias = ctx.left.gradients()
        return of_weight.to(ctx.dtype), of_bias, None


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, token: Tensor, x: Tensor, left: _Left) -> Tensor:
        ctx.left, ctx.dtype = left, x.dtype
        x = x.to(left.weight.dtype)
        ctx.save_for_backward(x)
        if left.bias is not None and left.bias.dtype == x.dtype:
            return torch.addmm(left.bias, x, left.weight.T)
        product = (x @ left.weight.T).to(token.dtype)
        return product if left.bias is None else product.add_(left.bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_product: Tensor) -> tuple[Tensor, Tensor, None]:
        (x,) = ctx.saved_tensors
        upstream = of_product.to(x.dtype)
        ctx.left.inputs.append(x)
        ctx.left.results.append(upstream)
        return of_product.new_zeros(()), (upstream @ ctx.left.weight).to(ctx.dtype), None


@final
class _Ledger:
    """What is known of a memory, and what the steps leave on their way back."""

    def __init__(self, keys: Tensor, values: Tensor, outside: Tensor | None) -> None:
        self.keys, self.values, self.outside = keys, values, outside
        self.of_keys: Tensor | None = None
        self.weights: list[Tensor] = []
        self.contexts: list[Tensor] = []
        self.scores: list[Tensor] = []
        self.queries: list[Tensor] = []

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Of keys and values."""
        of_values = torch.bmm(torch.stack(self.weights, 2), torch.stack(self.contexts, 1))
        of_keys = self.of_keys
        if of_keys is None:
            of_keys = torch.bmm(torch.stack(self.scores, 2), torch.stack(self.queries, 1))
        self.of_keys = None
        for left in (self.weights, self.contexts, self.scores, self.queries):
            left.clear()
        return of_keys, of_values


class _Memory(torch.autograd.Function):
    """The memory as a token that all looks take: so its gradient comes after theirs."""

    @staticmethod
    def forward(ctx: Any, keys: Tensor, values: Tensor, ledger: _Ledger) -> Tensor:
        ctx.ledger = ledger
        return keys.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, Tensor, None]:
        return (*ctx.ledger.gradients(), None)


class _Look(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, token: Tensor, query: Tensor, bias: Tensor | None, score: Tensor | None, ledger: _Ledger
    ) -> tuple[Tensor, Tensor]:
        keys, hidden = ledger.keys, None
        if score is None:
            scores = torch.bmm(keys, query[:, :, None])[:, :, 0]
        else:
            hidden = (keys + query[:, None]).tanh_()
            scores = hidden @ score
        if bias is not None:
            scores = scores + bias
        if ledger.outside is not None:
            scores = scores.masked_fill_(ledger.outside, -torch.inf)
        weights = scores.softmax(1)
        context = torch.bmm(weights[:, None], ledger.values)[:, 0]
        ctx.ledger, ctx.has_bias = ledger, bias is not None
        ctx.save_for_backward(query, weights, hidden, score)
        return context, weights

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, of_context: Tensor, of_weights: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None, None]:
        query, weights, hidden, score = ctx.saved_tensors
        ledger = ctx.ledger
        of_weights = torch.bmm(ledger.values, of_context[:, :, None])[:, :, 0].add_(of_weights)
        of_scores = weights * (of_weights - (weights * of_weights).sum(1, keepdim=True))
        ledger.weights.append(weights)
        ledger.contexts.append(of_context)
        of_score = None
        if score is None:
            of_query = torch.bmm(of_scores[:, None], ledger.keys)[:, 0]
            ledger.scores.append(of_scores)
            ledger.queries.append(query)
        else:
            of_score = hidden.flatten(0, 1).T @ of_scores.flatten()
            of_sum = torch.addcmul(score, hidden, hidden * score, value=-1).mul_(of_scores[:, :, None])
            of_query = of_sum.sum(1)
            ledger.of_keys = of_sum if ledger.of_keys is None else ledger.of_keys.add_(of_sum)
        return query.new_zeros(()), of_query, of_scores if ctx.has_bias else None, of_score, None
