"""The real-gated linear recurrent unit of Griffin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops

#: The paper's c: a gate that is fully open forgets by a to this power.
POWER = 8.0


@final
@dataclass(frozen=True)
class RGLRUCell(Cell):
    r"""A real diagonal whose rates of forgetting are gated by the input; it keeps the variance of its inputs.

    .. math::
        r_t, i_t &= \sigma(W_a x_t + b_a), \sigma(W_x x_t + b_x) \\
        a_t &= \sigma(\Lambda)^{8 r_t} \\
        h_t &= a_t h_{t-1} + \sqrt{1 - a_t^2}\, i_t x_t

    :math:`\Lambda` is ``decay`` (hidden). Where the input has not as many features as there are units, the last
    :math:`x_t` is :math:`W x_t`, a third block of ``weight_ih``; in Griffin a linear layer before the unit does that.

    First values: normal weights that keep the variance of the input, and :math:`\sigma(\Lambda)^8` uniform in 0.9 to
    0.999; where the length of dependencies is known to be T, :math:`e^{-1/\tau}` instead with :math:`\tau` uniform in 1
    to T - 1.

    Source: De et al., "Griffin: mixing gated linear recurrences with local attention for efficient language models",
    arXiv:2402.19427, 2024.
    """

    name: ClassVar[str] = "rg_lru"
    gates: ClassVar[tuple[str, ...]] = ("recurrence", "input")
    initial_takes_memory: ClassVar[bool] = True

    @property
    def _blocks(self) -> tuple[str, ...]:
        """Of ``weight_ih``."""
        return self.gates if self.input_size == self.hidden_size else (*self.gates, "value")

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (2 or 3 * hidden, input), ``decay`` (hidden) and, with biases, ``bias_ih`` (2 * hidden)."""
        hidden = self.hidden_size
        parameters = {
            "weight_ih": Parameter((len(self._blocks) * hidden, self.input_size), self._blocks, "input"),
            "decay": Parameter((hidden,), ("recurrence",), "own"),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((2 * hidden,), self.gates, "input_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """The paper's, see the class."""
        rows, units = len(self._blocks) * self.hidden_size, self.hidden_size
        kept = np.exp(-1 / rng.uniform(1, memory - 1, units)) if memory else rng.uniform(0.9, 0.999, units)
        root = kept ** (1 / POWER)
        return {
            "weight_ih": rng.standard_normal((rows, self.input_size)) / sqrt(self.input_size),
            "decay": np.log(root / (1 - root)),
        }

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        recurrence, write, *value = ops.split(ops.linear(x, params["weight_ih"]), len(self._blocks))
        if self.bias:
            bias_a, bias_x = ops.split(params["bias_ih"], 2)
            recurrence, write = recurrence + bias_a, write + bias_x
        rate = POWER * ops.log(ops.sigmoid(params["decay"]))
        keep = ops.exp(rate * ops.sigmoid(recurrence))
        given = ops.sigmoid(write) * (value[0] if value else x)
        return {"hidden": keep * state["hidden"] + ops.sqrt(1 - keep * keep) * given}
