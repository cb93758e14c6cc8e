"""Dot attention: the product of query and entry is the score."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from elman.nn.attention.base import SoftAttention


@final
class DotAttention(SoftAttention):
    r"""Query and entry are compared as they are; nothing is learnt.

    .. math::
        e_{ij} &= q_i^\top m_j \\
        c_i &= \sum_j \alpha_{ij} m_j, \quad \alpha_i = \operatorname{softmax}_j(e_i)

    Args:
        size: Features of a query, of the memory and of a context.

    No state; lookahead None: every weight depends on the whole memory.

    Source: Luong, Pham & Manning, "Effective approaches to attention-based neural machine translation", EMNLP 2015.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size, size)

    def _keys(self, memory: Tensor) -> Tensor:
        return memory

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(queries, keys.transpose(1, 2))
