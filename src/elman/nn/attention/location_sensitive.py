"""Location-sensitive attention: the score also sees where the query before has looked."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from elman.errors import SettingsError
from elman.nn.attention.base import Attended, Attention, Memory, masked_softmax
from elman.nn.call import State


@final
class LocationSensitiveAttention(Attention):
    r"""Additive attention that knows the weights of the query before, and so can move on along the memory.

    .. math::
        f_i &= F * \alpha_{i-1} \\
        e_{ij} &= v^\top \tanh(W q_i + V m_j + U f_{ij} + b) \\
        c_i &= \sum_j \alpha_{ij} m_j, \quad \alpha_i = \operatorname{softmax}_j(e_i)

    where F * is a convolution over the entries. Before the first query all weights are 0.

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory, and of a context.
        size: Units of the hidden layer.
        filters: Features of the convolution.
        width: Entries that a filter sees, an odd number. The two defaults are those of Shen et al.

    State: ``weights`` (batch, time) of the query before. Lookahead None: every weight depends on the whole memory.

    Sources: Chorowski et al., "Attention-based models for speech recognition", NIPS 2015; for speech synthesis: Shen et
    al., "Natural TTS synthesis by conditioning WaveNet on mel spectrogram predictions", ICASSP 2018.
    """

    def __init__(self, query_size: int, memory_size: int, size: int, *, filters: int = 32, width: int = 31) -> None:
        super().__init__(query_size, memory_size)
        if width < 1 or width % 2 == 0:
            raise SettingsError(f"width must be an odd number of entries, so that there is a middle one, not {width}.")
        self.query = nn.Linear(query_size, size, bias=False)
        self.key = nn.Linear(memory_size, size)
        self.location = nn.Conv1d(1, filters, width, padding=width // 2, bias=False)
        self.place = nn.Linear(filters, size, bias=False)
        self.score = nn.Linear(size, 1, bias=False)

    def initial_state(self, memory: Memory) -> State:
        """No entry has been looked at."""
        return {"weights": memory.values.new_zeros(memory.values.shape[:2])}

    def _keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.key(memory)
        return keys

    def _attend(self, queries: Tensor, memory: Memory, state: State) -> Attended:
        weights = [state["weights"]]
        for asked in self.query(queries).unbind(1):
            places = self.place(self.location(weights[-1][:, None]).transpose(1, 2))
            hidden = torch.tanh(asked[:, None] + memory.keys + places)
            weights.append(masked_softmax(self.score(hidden).squeeze(-1), memory.valid))
        every = torch.stack(weights[1:], 1)
        return Attended(torch.bmm(every, memory.values), every, {"weights": weights[-1]})
