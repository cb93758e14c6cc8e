"""The simple recurrent network of rectified units that begins as an identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.ops import Array, Ops
from elman.cells.rnn import SimpleCell


@final
@dataclass(frozen=True)
class IRNNCell(SimpleCell):
    r"""Rectified units that at first do nothing but add up what they see.

    .. math::
        h_t = \max(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh}, 0)

    The equations are those of `elman.cells.rnn.ReluRNNCell`; what makes the cell is how it begins (`initial`):
    recurrent weights that are the identity, so that without input a state, and its gradient, stay as they are.

    Source: Le, Jaitly & Hinton, "A simple way to initialize recurrent networks of rectified linear units",
    arXiv:1504.00941, 2015.
    """

    name: ClassVar[str] = "irnn"

    def activation(self, ops: Ops, x: Array) -> Array:
        """Rectified linear unit."""
        return ops.relu(x)

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """The identity, input weights with a standard deviation of 0.001, and biases of zero."""
        bias = np.zeros(self.hidden_size)
        weights = {
            "weight_ih": 0.001 * rng.standard_normal((self.hidden_size, self.input_size)),
            "weight_hh": np.tile(np.eye(self.hidden_size // self.heads), (self.heads, 1)),
        }
        return weights | ({"bias_ih": bias, "bias_hh": bias} if self.bias else {})
