"""Every layer of a stack by itself, with all that its steps were given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from elman.cells import Cell
from elman.cells.cell import ELAPSED
from elman.diagnostics.trajectory import Trajectory
from elman.nn.call import State


class LayerSteps(NamedTuple):
    """All steps of one layer as one batch of rows, n = batch * time: `Cell.step` computes them at once.

    Attributes:
        cell: As it is run in evaluation.
        ending: Of the names of its states in the stack, such as ``_l0``.
        params: Its parameters and extras by the cell's own names.
        inputs: (n, features).
        before: The states before the steps, (n, size) each, by the cell's own names.
        after: The states after them.
    """

    cell: Cell
    ending: str
    params: State
    inputs: Tensor
    before: State
    after: State


def layers_of(way: Trajectory) -> Iterator[LayerSteps]:
    """The layers of a trajectory, from the bottom up, in float64."""
    inputs = way.inputs.flatten(0, 1)
    befores, afters = way.named(way.states[:, :-1]), way.named(way.states[:, 1:])
    for layer, (cell, weights) in enumerate(way.layers.to_numpy()):
        ending = f"_l{layer}"
        params = {name: torch.from_numpy(value).double() for name, value in weights.items()}
        params |= way.layers.step_options.extras(cell, inputs, False)
        if ELAPSED in cell.extras:
            params[ELAPSED] = inputs.new_ones(len(inputs), 1)
        before, after = (
            {name: every[name + ending].flatten(0, 1) for name in cell.state_sizes} for every in (befores, afters)
        )
        yield LayerSteps(cell, ending, params, inputs, before, after)
        inputs = next(iter(after.values()))
