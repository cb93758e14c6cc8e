"""What every backend is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from torch import Tensor

from elman.cells import Cell
from elman.errors import DataError

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


def check_state(state: Mapping[str, Tensor], sizes: Mapping[str, int], inputs: Tensor) -> None:
    """Raise `DataError` unless ``state`` has every name of ``sizes``, (batch, size) each, for these ``inputs``.

    Inputs are (batch, time, features); where they have further axes, such as those of images, so have the states.
    """
    for name, size in sizes.items():
        expected = (inputs.shape[0], size, *inputs.shape[3:])
        found = tuple(state[name].shape) if name in state else "nothing"
        if found != expected:
            raise DataError(f"state['{name}'] must be {expected}, found {found}.")
