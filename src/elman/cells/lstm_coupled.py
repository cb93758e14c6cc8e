"""Long short-term memory with one gate for both writing and forgetting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class LSTMCoupledCell(DenseCell):
    r"""An LSTM that forgets exactly as much as it writes (CIFG).

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= (1 - i_t) c_{t-1} + i_t g_t \\
        h_t &= o_t \tanh(c_t)

    The cell state is a running mean of the candidates, so it stays between -1 and 1.

    Source: Greff et al., "LSTM: a search space odyssey", IEEE Transactions on Neural Networks and Learning Systems 28,
    2017, their variant CIFG, here without peepholes.
    """

    name: ClassVar[str] = "lstm_coupled"
    gates: ClassVar[tuple[str, ...]] = ("input", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"input": -1}

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden`` and ``cell``, both (hidden_size)."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = self.recurrent(ops, state["hidden"], params["weight_hh"], params.get("bias_hh"))
        i, g, o = ops.split(from_input + from_hidden, 3)
        cell = state["cell"] + ops.sigmoid(i) * (ops.tanh(g) - state["cell"])
        return {"hidden": ops.sigmoid(o) * ops.tanh(cell), "cell": cell}
