"""The gated recurrent unit with the reset gate after the recurrent product, as torch and cuDNN compute it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class GRUCell(DenseCell):
    r"""One state that is mixed, unit by unit, with a candidate.

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_{ir} + W_{hr} h_{t-1} + b_{hr}) \\
        z_t &= \sigma(W_{iz} x_t + b_{iz} + W_{hz} h_{t-1} + b_{hz}) \\
        n_t &= \tanh(W_{in} x_t + b_{in} + r_t (W_{hn} h_{t-1} + b_{hn})) \\
        h_t &= (1 - z_t) n_t + z_t h_{t-1}

    The bias :math:`b_{hn}` is inside the reset product, so ``bias_ih`` and ``bias_hh`` cannot be merged.

    Source: the "reset after" variant of Cho et al. 2014 that cuDNN introduced, since it needs only one
    recurrent product per step. `elman.cells.gru_before.GRUBeforeCell` is the published form.
    """

    name: ClassVar[str] = "gru"
    gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"update": +1}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = self.recurrent(ops, hidden, params["weight_hh"], params.get("bias_hh"))
        input_r, input_z, input_n = ops.split(from_input, 3)
        hidden_r, hidden_z, hidden_n = ops.split(from_hidden, 3)
        reset = ops.sigmoid(input_r + hidden_r)
        update = ops.sigmoid(input_z + hidden_z)
        candidate = ops.tanh(input_n + reset * hidden_n)
        return {"hidden": candidate + update * (hidden - candidate)}
