"""The hierarchically gated recurrent network's unit."""

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
class HGRNCell(Cell):
    r"""A memory whose forget gate never falls below a learnt bound, read through an output gate.

    .. math::
        c_t &= \mathrm{silu}(W_c x_t + b_c), \quad \mathrm{silu}(a) = a\, \sigma(a) \\
        \lambda_t &= \gamma + (1 - \gamma)\, \sigma(W_f x_t + b_f), \quad \gamma = \sigma(\beta) \\
        s_t &= \lambda_t s_{t-1} + (1 - \lambda_t) c_t \\
        h_t &= \sigma(W_o x_t + b_o)\, s_t

    :math:`\beta` is ``lower_bound`` (hidden). A unit with a bound near 1 forgets slowly whatever the input is.

    This is the paper's recurrence with real states (its complex ones are turned by a fixed learnt angle as well), up to
    the layer normalisation and the product that follow :math:`h_t` there. In the paper the bounds of L layers begin at
    0, 1/L, 2/L, ...; a cell does not know its layer, so here the units of a layer begin evenly spread over 0 to 1, or,
    where the length of dependencies is known to be T, so that the slowest keep for 1 to T steps.

    Source: Qin, Yang & Zhong, "Hierarchically gated recurrent neural network for sequence modeling", NeurIPS 2023.
    """

    name: ClassVar[str] = "hgrn"
    gates: ClassVar[tuple[str, ...]] = ("candidate", "forget", "output")
    initial_takes_memory: ClassVar[bool] = True

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden``, the output, which no later step reads, and ``cell``, s above (both hidden_size)."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (3 * hidden, input), ``lower_bound`` (hidden) and, with biases, ``bias_ih`` (3 * hidden)."""
        rows = 3 * self.hidden_size
        parameters = {
            "weight_ih": Parameter((rows, self.input_size), self.gates, "input"),
            "lower_bound": Parameter((self.hidden_size,), ("forget",), "own"),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((rows,), self.gates, "input_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """The bounds, spread over the units; with ``memory`` T they keep for 1 / (1 - bound) = 1 to T - 1 steps."""
        spread = (np.arange(self.hidden_size) + 0.5) / self.hidden_size
        bound = 1 - 1 / (1 + spread * (memory - 2)) if memory > 2 else spread
        return {"lower_bound": np.log(bound / (1 - bound))}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        candidate, forget, output = ops.split(ops.linear(x, params["weight_ih"], params.get("bias_ih")), 3)
        bound = ops.sigmoid(params["lower_bound"])
        candidate = candidate * ops.sigmoid(candidate)
        keep = bound + (1 - bound) * ops.sigmoid(forget)
        cell = candidate + keep * (state["cell"] - candidate)
        return {"hidden": ops.sigmoid(output) * cell, "cell": cell}
