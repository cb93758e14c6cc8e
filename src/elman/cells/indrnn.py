"""The independently recurrent network: every unit sees no unit's past but its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class IndRNNCell(Cell):
    r"""Rectified units, each with one recurrent weight.

    .. math::
        h_t = \max(0, W_{ih} x_t + b_{ih} + u h_{t-1})

    with the recurrent weights u, ``weight_hh`` (hidden,), unit by unit. A gradient that goes back over T steps is
    multiplied by :math:`u^T`, so it grows by no more than 2 where u is at most ``2 ** (1 / T)``. Units mix in the next
    layer, which is why these layers are stacked.

    The recurrent weights begin uniform from 0 to that bound for an expected ``memory`` of T steps, and from 0 to 1
    without one: units that forget at once to units that never do. The authors also hold them below the bound in
    training.

    Source: Li, Li, Cook, Zhu & Gao, "Independently recurrent neural network (IndRNN): building a longer and deeper
    RNN", CVPR 2018.
    """

    name: ClassVar[str] = "indrnn"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)
    initial_takes_memory: ClassVar[bool] = True

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (hidden, input), ``weight_hh`` (hidden,) and, with biases, ``bias_ih`` (hidden,)."""
        parameters = {
            "weight_ih": Parameter((self.hidden_size, self.input_size), self.gates, "input"),
            "weight_hh": Parameter((self.hidden_size,), self.gates, "own"),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((self.hidden_size,), self.gates, "input_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """See `Cell.initial`: the recurrent weights."""
        bound = 2 ** (1 / memory) if memory else 1.0
        return {"weight_hh": rng.uniform(0, bound, self.hidden_size)}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        return {"hidden": ops.relu(from_input + params["weight_hh"] * state["hidden"])}
