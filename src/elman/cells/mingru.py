"""The minimal gated recurrent unit without a recurrent product: minGRU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class MinGRUCell(Cell):
    r"""A GRU whose gate and candidate see the input alone, so that its state is a weighted mean of candidates.

    .. math::
        z_t &= \sigma(W_z x_t + b_z) \\
        \tilde{h}_t &= g(W_h x_t + b_h), \quad g(a) = a + 1/2 \text{ where } a \geq 0, \text{ else } \sigma(a) \\
        h_t &= (1 - z_t) h_{t-1} + z_t \tilde{h}_t

    The candidate is above 0, as the paper's parallel form wants it, which computes the logarithm of the state; here the
    recurrence itself is computed.

    Source: Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, "Were RNNs all we needed?", arXiv:2410.01201, 2024, appendix B.
    """

    name: ClassVar[str] = "mingru"
    gates: ClassVar[tuple[str, ...]] = ("update", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"update": -1}

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (2 * hidden, input) and, with biases, ``bias_ih`` (2 * hidden)."""
        rows = 2 * self.hidden_size
        parameters = {"weight_ih": Parameter((rows, self.input_size), self.gates, "input")}
        if self.bias:
            parameters["bias_ih"] = Parameter((rows,), self.gates, "input_bias")
        return parameters

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        update, candidate = ops.split(ops.linear(x, params["weight_ih"], params.get("bias_ih")), 2)
        return {"hidden": hidden + ops.sigmoid(update) * (positive(ops, candidate) - hidden)}


def positive(ops: Ops, x: Array) -> Array:
    """The paper's g: ``x + 1/2`` where x is at least 0, else ``sigmoid(x)``; it is above 0, continuous and growing.

    >>> from elman.cells import NumpyOps
    >>> [float(positive(NumpyOps(), x)) for x in (-1000.0, 0.0, 3.0)]
    [0.0, 0.5, 3.5]
    """
    # Above 0 the line is the larger of the two, below 0 the sigmoid.
    return ops.maximum(x + 0.5, ops.sigmoid(x))
