"""Monotonic attention: it stops at one entry and never goes back, so it can read a memory that is still growing."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.nn.attention.base import Attended, Attention, Memory
from elman.nn.call import State


@final
class MonotonicAttention(Attention):
    r"""From where the query before has stopped, go along the memory and stop at the first entry that fits.

    .. math::
        e_{ij} &= g \dfrac{v^\top}{\|v\|} \tanh(W q_i + V m_j + b) + r \\
        p_{ij} &= \sigma(e_{ij})

    In use the first entry with p > 1/2, from the last stop on, is read alone; where there is none, the context is 0,
    and so are those of all later queries. In training, where a choice would have no gradient, each entry is stopped at
    with the probability p, and the context is the expectation:

    .. math::
        q_{ij} &= (1 - p_{i,j-1}) q_{i,j-1} + \alpha_{i-1,j} \\
        \alpha_{ij} &= p_{ij} q_{ij}, \quad c_i = \sum_j \alpha_{ij} m_j

    The recurrence over j is computed as it stands, in logarithmically many parallel rounds and without the division of
    the authors' own form, which loses small probabilities.

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory, and of a context.
        size: Units of the hidden layer.
        offset: What r begins with; more below 0 for longer memories, so that at first one goes far enough.
        noise: Standard deviation of what is added to e in training, so that p learns to be near 0 or 1.

    State in training: ``weights`` (batch, time), the probability of having stopped at each entry; before the first
    query it is 1 at the first entry. State in use: ``position`` (batch,), the entry where the search goes on. Where
    nothing was found it is behind the last entry, so the same query may go on when the memory has been extended
    (`Memory.extended`).

    Lookahead is 0 in use, as nothing after the entry that is read plays a part, and None in training.

    Source: Raffel et al., "Online and linear-time attention by enforcing monotonic alignments", ICML 2017.
    """

    def __init__(
        self, query_size: int, memory_size: int, size: int, *, offset: float = -1.0, noise: float = 1.0
    ) -> None:
        super().__init__(query_size, memory_size)
        self.noise = noise
        self.query = nn.Linear(query_size, size, bias=False)
        self.key = nn.Linear(memory_size, size)
        self.direction = nn.Parameter(torch.randn(size))
        self.gain = nn.Parameter(torch.tensor(size**-0.5))
        self.offset = nn.Parameter(torch.tensor(float(offset)))

    @property
    def lookahead(self) -> int | None:
        """Entries after the one that is read that must be known: 0 in use, None (all) in training."""
        return None if self.training else 0

    def initial_state(self, memory: Memory) -> State:
        """The first entry is where to begin."""
        batch, time = memory.values.shape[:2]
        if not self.training:
            return {"position": torch.zeros(batch, dtype=torch.int64, device=memory.values.device)}
        return {"weights": F.pad(memory.values.new_ones(batch, 1), (0, time - 1))}

    def _keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.key(memory)
        return keys

    def _attend(self, queries: Tensor, memory: Memory, state: State) -> Attended:
        hidden = torch.tanh(self.query(queries)[:, :, None] + memory.keys[:, None])
        energies = hidden @ (self.gain * F.normalize(self.direction, dim=0)) + self.offset
        if self.training:
            energies = energies + self.noise * torch.randn_like(energies) if self.noise else energies
            weights, state = _expected(energies, memory.within, state)
        else:
            weights, state = _chosen(energies, memory.within, state)
        return Attended(torch.bmm(weights, memory.values), weights, state)


def _expected(energies: Tensor, within: Tensor, state: State) -> tuple[Tensor, State]:
    """The probability of stopping at each entry, (batch, steps, time)."""
    stop = torch.sigmoid(energies).masked_fill(~within[:, None], 0)
    # Not 1 - stop, which would be 0 from 17 on in float32.
    go_on = F.pad(torch.sigmoid(-energies)[..., :-1], (1, 0))
    weights = [state["weights"]]
    for p, keep in zip(stop.unbind(1), go_on.unbind(1), strict=True):
        weights.append(p * _linear_recurrence(keep, weights[-1]))
    return torch.stack(weights[1:], 1), {"weights": weights[-1]}


def _chosen(energies: Tensor, within: Tensor, state: State) -> tuple[Tensor, State]:
    """1 at the entry where the search stops, (batch, steps, time)."""
    fits = (energies > 0) & within[:, None]
    entries, end = torch.arange(within.shape[1], device=within.device), within.sum(1)
    position, weights = state["position"], []
    for fitting in fits.unbind(1):
        candidates = fitting & (entries >= position[:, None])
        position = torch.where(candidates.any(1), candidates.int().argmax(1), end)
        weights.append(candidates & (entries == position[:, None]))
    return torch.stack(weights, 1).to(energies.dtype), {"position": position}


def _linear_recurrence(decay: Tensor, inputs: Tensor) -> Tensor:
    """``y_t = decay_t y_{t-1} + inputs_t`` over the last axis, from ``y_{-1} = 0``.

    Each round doubles the number of steps that are taken together (Hillis & Steele, 1986).
    """
    reach = 1
    while reach < inputs.shape[-1]:
        inputs = inputs + decay * F.pad(inputs[..., :-reach], (reach, 0))
        decay = decay * F.pad(decay[..., :-reach], (reach, 0))
        reach *= 2
    return inputs
