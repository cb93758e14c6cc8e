"""What all kinds of attention have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from elman.errors import DataError
from elman.nn.call import State
from elman.nn.padding import valid_steps, without_padding


class Memory(NamedTuple):
    """What queries look at, prepared once for all of them.

    Attributes:
        keys: What queries are compared with, (batch, time, ...).
        values: What is read, (batch, time, ...).
        valid: Which entries lie within their row, (batch, time) bool; None where all do.
    """

    keys: Tensor
    values: Tensor
    valid: Tensor | None = None

    def extended(self, later: Memory) -> Memory:
        """This memory and, after its last entry, another one: for a memory that arrives in parts."""
        valid = None
        if self.valid is not None or later.valid is not None:
            valid = torch.cat([self.within, later.within], 1)
        return Memory(torch.cat([self.keys, later.keys], 1), torch.cat([self.values, later.values], 1), valid)

    @property
    def within(self) -> Tensor:
        """``valid``, all True where it is None."""
        if self.valid is None:
            return torch.ones(self.values.shape[:2], dtype=torch.bool, device=self.values.device)
        return self.valid


class Attended(NamedTuple):
    """What queries found; without the axis of steps for a single one.

    Attributes:
        context: What they read, (batch, steps, context_size).
        weights: How much of each entry is in it, (batch, steps, time); see `MultiHeadAttention` for its heads.
        state: What the next query needs to know about the ones before.
    """

    context: Tensor
    weights: Tensor
    state: State


class Attention(nn.Module, ABC):
    """A query and a memory to a context.

    Args:
        query_size: Features of a query.
        memory_size: Features of the memory.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.memory_size = memory_size

    @property
    def context_size(self) -> int:
        """Features of a context."""
        return self.memory_size

    @property
    def lookahead(self) -> int | None:
        """How many entries of the memory after the one that is read must be known: 0, or None where all must."""
        return None

    def forward(
        self,
        queries: Tensor,
        memory: Tensor,
        state: Mapping[str, Tensor] | None = None,
        *,
        lengths: Tensor | None = None,
    ) -> Attended:
        """Let many queries look, one after the other.

        Args:
            queries: (batch, steps, query_size).
            memory: (batch, time, memory_size).
            state: What an earlier call on the same memory returned; None at the first query.
            lengths: Valid entries of the memory per row, (batch,), from 1 to time.

        Raises:
            DataError: A shape, a length or a state does not fit.
        """
        self._check("queries", queries, "batch, steps", self.query_size)
        return self._look(queries, self.prepare(memory, lengths), state)

    def prepare(self, memory: Tensor, lengths: Tensor | None = None) -> Memory:
        """Compute what is the same for all queries; arguments and errors as for `forward`."""
        self._check("memory", memory, "batch, time", self.memory_size)
        valid = valid_steps(memory, lengths)
        memory = without_padding(memory, valid)
        return Memory(self._keys(memory), self._values(memory), valid)

    def step(self, query: Tensor, memory: Memory, state: Mapping[str, Tensor] | None = None) -> Attended:
        """Let one query (batch, query_size) look at what `prepare` returned; the rest as for `forward`."""
        self._check("query", query, "batch", self.query_size)
        context, weights, after = self._look(query[:, None], memory, state)
        return Attended(context[:, 0], weights[:, 0], after)

    def initial_state(self, memory: Memory) -> State:
        """The state before the first query; empty where queries do not depend on each other."""
        return {}

    def _look(self, queries: Tensor, memory: Memory, state: Mapping[str, Tensor] | None) -> Attended:
        initial = self.initial_state(memory)
        if len(queries) != len(memory.values):
            raise DataError(f"queries have {len(queries)} rows and the memory {len(memory.values)}: give as many.")
        if state is None:
            return self._attend(queries, memory, initial)
        for name, value in initial.items():
            found = tuple(state[name].shape) if name in state else "nothing"
            if found != tuple(value.shape):
                raise DataError(f"state['{name}'] must be {tuple(value.shape)}, found {found}.")
        return self._attend(queries, memory, dict(state))

    @abstractmethod
    def _keys(self, memory: Tensor) -> Tensor:
        """What queries are compared with, (batch, time, ...)."""

    def _values(self, memory: Tensor) -> Tensor:
        """What is read."""
        return memory

    @abstractmethod
    def _attend(self, queries: Tensor, memory: Memory, state: State) -> Attended:
        """The contexts of queries (batch, steps, query_size); all has been checked."""

    def _check(self, name: str, value: Tensor, axes: str, size: int) -> None:
        if value.dim() != axes.count(",") + 2 or value.shape[-1] != size:
            raise DataError(f"{name} must be ({axes}, {size}), found the shape {tuple(value.shape)}.")


class SoftAttention(Attention):
    """Attention whose weights are the softmax of a score for every query and entry, each query by itself."""

    @abstractmethod
    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """How well each entry fits each query, (batch, steps, time)."""

    def _attend(self, queries: Tensor, memory: Memory, state: State) -> Attended:
        weights = masked_softmax(self._scores(queries, memory.keys), memory.valid)
        return Attended(torch.bmm(weights, memory.values), weights, {})


def masked_softmax(scores: Tensor, valid: Tensor | None) -> Tensor:
    """Softmax of scores (batch, ..., time) over the entries allowed by ``valid`` (batch, time), exactly 0 elsewhere."""
    if valid is not None:
        scores = scores.masked_fill(~valid.view(len(valid), *[1] * (scores.dim() - 2), -1), -torch.inf)
    return scores.softmax(-1)
