"""What every backend is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from torch import Tensor

from elman.cells import Cell

#: Named states: (batch, size) each. In a stack the names end in ``_l{layer}`` and ``_reverse``.
State: TypeAlias = dict[str, Tensor]


class Call(NamedTuple):
    """One layer in one direction over one batch; `elman.nn.unroll` says what the parts mean and has checked them.

    ``inputs`` is (batch, time, features) or, with ``batch_sizes``, packed (steps, features). ``lengths``, ``resets``
    and ``batch_sizes`` are on the CPU; None where they would change nothing.
    """

    cell: Cell
    params: Mapping[str, Tensor]
    inputs: Tensor
    state: Mapping[str, Tensor]
    initial: Mapping[str, Tensor]
    extras: Mapping[str, Tensor]
    lengths: Tensor | None = None
    resets: Tensor | None = None
    batch_sizes: Tensor | None = None
    reverse: bool = False
    all_states: bool = False


class Unrolled(NamedTuple):
    """Outputs (batch, time, output_size), the final state, and every state at every step, (batch, time, size) each.

    The states at every step are there where they were asked for; packed inputs give packed outputs and states.
    """

    outputs: Tensor
    state: State
    states: State
