"""Long short-term memory whose gates look at the cell state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class LSTMPeepholeCell(DenseCell):
    r"""An LSTM whose gates see the cell state of their own unit, so that it can time and count.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi} + p_i c_{t-1}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf} + p_f c_{t-1}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        c_t &= f_t c_{t-1} + i_t g_t \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho} + p_o c_t) \\
        h_t &= o_t \tanh(c_t)

    The output gate sees the new cell state. ``peephole`` (3 * hidden) holds :math:`p_i, p_f, p_o`, the order of the
    gates (ONNX's P has i, o, f). The peepholes begin at zero, where the cell is `elman.cells.lstm.LSTMCell`.

    Sources: Gers & Schmidhuber, "Recurrent nets that time and count", IJCNN 2000; Gers, Schraudolph & Schmidhuber,
    "Learning precise timing with LSTM recurrent networks", JMLR 3, 2002.
    """

    name: ClassVar[str] = "lstm_peephole"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1, "input": -1}

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden`` and ``cell``, both (hidden_size)."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` and ``peephole`` (3 * hidden_size)."""
        peephole = Parameter((3 * self.hidden_size,), ("input", "forget", "output"), "own")
        return super().parameters() | {"peephole": peephole}

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """Peepholes of zero."""
        return {"peephole": np.zeros(3 * self.hidden_size)}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = self.recurrent(ops, state["hidden"], params["weight_hh"], params.get("bias_hh"))
        i, f, g, o = ops.split(from_input + from_hidden, 4)
        peep_i, peep_f, peep_o = ops.split(params["peephole"], 3)
        before = state["cell"]
        cell = ops.sigmoid(f + peep_f * before) * before + ops.sigmoid(i + peep_i * before) * ops.tanh(g)
        return {"hidden": ops.sigmoid(o + peep_o * cell) * ops.tanh(cell), "cell": cell}
