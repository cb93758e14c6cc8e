"""Multi-head attention: several small scaled products, each with an eye of its own."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn.attention.base import Attended, Attention, Memory, masked_softmax
from elman.nn.call import State


@final
class MultiHeadAttention(Attention):
    r"""Every head h compares and reads in its own projection of d = size / heads features.

    .. math::
        e_{hij} &= (W^Q_h q_i)^\top (W^K_h m_j) / \sqrt{d} \\
        r_{hi} &= \sum_j \alpha_{hij} W^V_h m_j, \quad \alpha_{hi} = \operatorname{softmax}_j(e_{hi}) \\
        c_i &= W^O [r_{1i}; \ldots; r_{Hi}]

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory.
        size: Features of all heads together, and of a context.
        heads: Heads; they divide ``size``.

    Weights are (batch, steps, heads, time). No state; lookahead None: every weight depends on the whole memory.

    Source: Vaswani et al., "Attention is all you need", NIPS 2017.
    """

    def __init__(self, query_size: int, memory_size: int, size: int, heads: int) -> None:
        super().__init__(query_size, memory_size)
        if heads < 1 or size % heads:
            raise SettingsError(f"size {size} must be a multiple of heads, found {heads} heads.")
        self.heads = heads
        self.query = nn.Linear(query_size, size, bias=False)
        self.key = nn.Linear(memory_size, size, bias=False)
        self.value = nn.Linear(memory_size, size, bias=False)
        self.output = nn.Linear(size, size, bias=False)

    @property
    def context_size(self) -> int:
        """Features of a context."""
        return self.output.out_features

    def _keys(self, memory: Tensor) -> Tensor:
        return self._by_head(self.key(memory))

    def _values(self, memory: Tensor) -> Tensor:
        return self._by_head(self.value(memory))

    def _attend(self, queries: Tensor, memory: Memory, state: State) -> Attended:
        asked = self._by_head(self.query(queries)) * (self.context_size // self.heads) ** -0.5
        weights = masked_softmax(torch.einsum("bihd,bjhd->bihj", asked, memory.keys), memory.valid)
        read = torch.einsum("bihj,bjhd->bihd", weights, memory.values)
        return Attended(self.output(read.flatten(2)), weights, {})

    def _by_head(self, features: Tensor) -> Tensor:
        """(batch, time, size) as (batch, time, heads, d)."""
        return features.view(*features.shape[:2], self.heads, -1)
