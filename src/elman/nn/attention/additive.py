"""Additive attention: a small network compares query and entry."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from elman.nn.attention.base import SoftAttention


@final
class AdditiveAttention(SoftAttention):
    r"""A hidden layer over query and entry gives the score.

    .. math::
        e_{ij} &= v^\top \tanh(W q_i + V m_j + b) \\
        c_i &= \sum_j \alpha_{ij} m_j, \quad \alpha_i = \operatorname{softmax}_j(e_i)

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory, and of a context.
        size: Units of the hidden layer.

    No state; lookahead None: every weight depends on the whole memory.

    Source: Bahdanau, Cho & Bengio, "Neural machine translation by jointly learning to align and translate", ICLR 2015.
    """

    def __init__(self, query_size: int, memory_size: int, size: int) -> None:
        super().__init__(query_size, memory_size)
        self.query = nn.Linear(query_size, size, bias=False)
        self.key = nn.Linear(memory_size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def _keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.key(memory)
        return keys

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        hidden = torch.tanh(self.query(queries)[:, :, None] + keys[:, None])
        scores: Tensor = self.score(hidden)
        return scores.squeeze(-1)
