"""The simple recurrent network, with tanh or with rectified units."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@dataclass(frozen=True)
class SimpleCell(DenseCell):
    r"""The hidden units see the input and themselves one step earlier.

    .. math::
        h_t = \phi(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

    Source: Elman, "Finding structure in time", Cognitive Science 14, 1990.
    """

    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = self.recurrent(ops, state["hidden"], params["weight_hh"], params.get("bias_hh"))
        return {"hidden": self.activation(ops, from_input + from_hidden)}

    @abstractmethod
    def activation(self, ops: Ops, x: Array) -> Array:
        r"""The function :math:`\phi`."""


@final
@dataclass(frozen=True)
class RNNCell(SimpleCell):
    r"""`SimpleCell` with :math:`\phi = \tanh`."""

    name: ClassVar[str] = "rnn"

    def activation(self, ops: Ops, x: Array) -> Array:
        """Hyperbolic tangent."""
        return ops.tanh(x)


@final
@dataclass(frozen=True)
class ReluRNNCell(SimpleCell):
    r"""`SimpleCell` with :math:`\phi(x) = \max(x, 0)`."""

    name: ClassVar[str] = "rnn_relu"

    def activation(self, ops: Ops, x: Array) -> Array:
        """Rectified linear unit."""
        return ops.relu(x)
