"""The quasi-recurrent network with fo-pooling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class QRNNCell(Cell):
    r"""A convolution over the last inputs makes candidate and gates; a memory unit by unit pools them over time.

    .. math::
        z_t &= \tanh(W_z x_t + V_z x_{t-1} + b_z) \\
        f_t, o_t &= \sigma(W_f x_t + V_f x_{t-1} + b_f), \sigma(W_o x_t + V_o x_{t-1} + b_o) \\
        c_t &= f_t c_{t-1} + (1 - f_t) z_t \\
        h_t &= o_t c_t

    With ``window`` 2 the input before is a state; ``weight_ph`` (3 * hidden, input) is V. With ``window`` 1 there is no
    V. Before the first step that input is 0, as the paper's padding.

    Source: Bradbury, Merity, Xiong & Socher, "Quasi-recurrent neural networks", ICLR 2017; "fo-pooling".
    """

    name: ClassVar[str] = "qrnn"
    gates: ClassVar[tuple[str, ...]] = ("candidate", "forget", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1}

    window: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window not in (1, 2):
            raise SettingsError(f"Cell qrnn: window must be 1 or 2 inputs wide, not {self.window!r}.")

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden``, the output, which no later step reads, ``cell`` and, with a window of 2, ``input``, the last."""
        sizes = {"hidden": self.hidden_size, "cell": self.hidden_size}
        return sizes if self.window == 1 else sizes | {"input": self.input_size}

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih``, with a window of 2 ``weight_ph`` (3 * hidden, input) and, with biases, ``bias_ih``."""
        rows = 3 * self.hidden_size
        weight = Parameter((rows, self.input_size), self.gates, "input")
        parameters = {"weight_ih": weight} if self.window == 1 else {"weight_ih": weight, "weight_ph": weight}
        if self.bias:
            parameters["bias_ih"] = Parameter((rows,), self.gates, "input_bias")
        return parameters

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        seen = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        if self.window == 2:
            seen = seen + ops.linear(state["input"], params["weight_ph"])
        candidate, forget, output = ops.split(seen, 3)
        candidate = ops.tanh(candidate)
        cell = candidate + ops.sigmoid(forget) * (state["cell"] - candidate)
        after = {"hidden": ops.sigmoid(output) * cell, "cell": cell}
        return after if self.window == 1 else after | {"input": x}
