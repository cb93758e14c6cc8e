"""General attention: a learnt product of query and entry is the score."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from elman.nn.attention.base import SoftAttention


@final
class GeneralAttention(SoftAttention):
    r"""A matrix brings the entries to the size of the queries and says which of their features belong together.

    .. math::
        e_{ij} &= q_i^\top W m_j \\
        c_i &= \sum_j \alpha_{ij} m_j, \quad \alpha_i = \operatorname{softmax}_j(e_i)

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory, and of a context.

    No state; lookahead None: every weight depends on the whole memory.

    Source: Luong, Pham & Manning, "Effective approaches to attention-based neural machine translation", EMNLP 2015.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.key = nn.Linear(memory_size, query_size, bias=False)

    def _keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.key(memory)
        return keys

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(queries, keys.transpose(1, 2))
