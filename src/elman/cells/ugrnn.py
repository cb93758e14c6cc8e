"""The update gate recurrent network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class UGRNNCell(DenseCell):
    r"""A simple recurrent network whose units are updated through one gate.

    .. math::
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + W_{hn} h_{t-1} + b_{hn}) \\
        h_t &= (1 - z_t) n_t + z_t h_{t-1}

    It is the GRU without its reset gate.

    Source: Collins, Sohl-Dickstein & Sussillo, "Capacity and trainability in recurrent neural networks", ICLR 2017.
    """

    name: ClassVar[str] = "ugrnn"
    gates: ClassVar[tuple[str, ...]] = ("update", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"update": +1}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = self.recurrent(ops, hidden, params["weight_hh"], params.get("bias_hh"))
        z, n = ops.split(from_input + from_hidden, 2)
        candidate = ops.tanh(n)
        return {"hidden": candidate + ops.sigmoid(z) * (hidden - candidate)}
