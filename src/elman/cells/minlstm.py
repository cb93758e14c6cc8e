"""The minimal long short-term memory without a recurrent product: minLSTM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Cell, Parameter
from elman.cells.mingru import positive
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class MinLSTMCell(Cell):
    r"""An LSTM whose gates and candidate see the input alone; forget and input gate are scaled to sum up to 1.

    .. math::
        f_t, i_t &= \sigma(W_f x_t + b_f), \sigma(W_i x_t + b_i) \\
        \tilde{h}_t &= g(W_h x_t + b_h), \quad g(a) = a + 1/2 \text{ where } a \geq 0, \text{ else } \sigma(a) \\
        h_t &= \frac{f_t}{f_t + i_t} h_{t-1} + \frac{i_t}{f_t + i_t} \tilde{h}_t

    Source: Feng, Tung, Ahmed, Bengio & Hajimirsadeghi, "Were RNNs all we needed?", arXiv:2410.01201, 2024, appendix B;
    it is their form that does not depend on the length of the sequence.
    """

    name: ClassVar[str] = "minlstm"
    gates: ClassVar[tuple[str, ...]] = ("forget", "input", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1, "input": -1}

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (3 * hidden, input) and, with biases, ``bias_ih`` (3 * hidden)."""
        rows = 3 * self.hidden_size
        parameters = {"weight_ih": Parameter((rows, self.input_size), self.gates, "input")}
        if self.bias:
            parameters["bias_ih"] = Parameter((rows,), self.gates, "input_bias")
        return parameters

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        forget, write, candidate = ops.split(ops.linear(x, params["weight_ih"], params.get("bias_ih")), 3)
        forget, write = ops.sigmoid(forget), ops.sigmoid(write)
        share = write / (forget + write)
        return {"hidden": hidden + share * (positive(ops, candidate) - hidden)}
