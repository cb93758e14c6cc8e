"""Attention in a loop: one look at the memory after the other, and the gradient of the memory once for all of them.

Autograd would make a gradient of the size of the whole memory at every step, and add it to that of the step before.
Here every step leaves what is needed in a ledger, and when the last one has gone back, two products over all steps make
the gradient.
"""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


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
