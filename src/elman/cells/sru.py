"""The simple recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops

#: What the input is multiplied with on its way past the memory, so that outputs vary as much as inputs at first: the
#: paper's sqrt(1 + 2 exp(b)) for gates whose bias b begins at 0.
HIGHWAY_SCALE = sqrt(3)


@final
@dataclass(frozen=True)
class SRUCell(Cell):
    r"""A memory whose gates see it unit by unit, and a highway past it.

    .. math::
        f_t &= \sigma(W_f x_t + v_f c_{t-1} + b_f) \\
        r_t &= \sigma(W_r x_t + v_r c_{t-1} + b_r) \\
        c_t &= f_t c_{t-1} + (1 - f_t) (W x_t) \\
        h_t &= r_t c_t + (1 - r_t) \sqrt{3}\, x_t

    :math:`v_f, v_r` are vectors, ``weight_ch`` (2 * hidden). Where the input has not as many features as there are
    units, the highway carries :math:`W_x x_t`, a fourth block of ``weight_ih`` that begins with the factor in it.

    Source: Lei, Zhang, Wang, Dai & Artzi, "Simple recurrent units for highly parallelizable recurrence", EMNLP 2018;
    first values as there: every product has the variance of its input, and of a gate's two shares each is a half.
    """

    name: ClassVar[str] = "sru"
    gates: ClassVar[tuple[str, ...]] = ("candidate", "forget", "reset")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1}

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden``, the output, which no later step reads, and ``cell`` (both hidden_size)."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    @property
    def _blocks(self) -> tuple[str, ...]:
        """Of ``weight_ih``."""
        return self.gates if self.input_size == self.hidden_size else (*self.gates, "highway")

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (3 or 4 * hidden, input), ``weight_ch`` and, with biases, ``bias_ih`` (2 * hidden)."""
        hidden, sigmoids = self.hidden_size, self.gates[1:]
        parameters = {
            "weight_ih": Parameter((len(self._blocks) * hidden, self.input_size), self._blocks, "input"),
            "weight_ch": Parameter((2 * hidden,), sigmoids, "own"),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((2 * hidden,), sigmoids, "input_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """The paper's: uniform weights, biases of 0 unless ``memory`` asks for others."""
        scales = np.array([1, sqrt(0.5), sqrt(0.5), HIGHWAY_SCALE])[: len(self._blocks)]
        bound = sqrt(3 / self.input_size)
        weight = rng.uniform(-bound, bound, (len(self._blocks) * self.hidden_size, self.input_size))
        found = {
            "weight_ih": weight * np.repeat(scales, self.hidden_size)[:, None],
            "weight_ch": rng.uniform(-sqrt(1.5), sqrt(1.5), 2 * self.hidden_size),
        }
        if self.bias and not memory:
            found["bias_ih"] = np.zeros(2 * self.hidden_size)
        return found

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        before = state["cell"]
        candidate, forget, reset, *past = ops.split(ops.linear(x, params["weight_ih"]), len(self._blocks))
        weight_f, weight_r = ops.split(params["weight_ch"], 2)
        forget, reset = forget + weight_f * before, reset + weight_r * before
        if self.bias:
            bias_f, bias_r = ops.split(params["bias_ih"], 2)
            forget, reset = forget + bias_f, reset + bias_r
        cell = candidate + ops.sigmoid(forget) * (before - candidate)
        highway = past[0] if past else HIGHWAY_SCALE * x
        return {"hidden": highway + ops.sigmoid(reset) * (cell - highway), "cell": cell}
