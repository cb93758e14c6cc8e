"""The light gated recurrent unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class LiGRUCell(DenseCell):
    r"""A GRU without a reset gate, of rectified units that see a normalised input.

    .. math::
        (u^z, u^n)_t &= \gamma N(W_i x_t) + b \\
        z_t &= \sigma(u^z_t + W_{hz} h_{t-1}) \\
        n_t &= \max(u^n_t + W_{hn} h_{t-1}, 0) \\
        h_t &= (1 - z_t) n_t + z_t h_{t-1}

    N brings the product of the input to zero mean and unit variance over both gates together
    (`elman.cells.Ops.layer_norm`); ``gain_ih`` and ``bias_ih`` are (2 * hidden). The norm bounds what rectified units
    add up; the recurrent product has neither norm nor bias.

    The paper normalises over the batch. Here it is layer normalisation, the other choice of SpeechBrain's LiGRU: a row
    then does not depend on the rows beside it, so lengths, streams and compiled training work as for every cell.

    Source: Ravanelli, Brakel, Omologo & Bengio, "Light gated recurrent units for speech recognition", IEEE
    Transactions on Emerging Topics in Computational Intelligence 2, 2018.
    """

    name: ClassVar[str] = "li_gru"
    gates: ClassVar[tuple[str, ...]] = ("update", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"update": +1}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` without ``bias_hh``, and the gain of the norm."""
        parameters = super().parameters()
        parameters.pop("bias_hh", None)
        parameters["gain_ih"] = Parameter((2 * self.hidden_size,), self.gates, "gain")
        return parameters

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        from_input = ops.layer_norm(ops.linear(x, params["weight_ih"]), params["gain_ih"], params.get("bias_ih"))
        z, n = ops.split(from_input + self.recurrent(ops, hidden, params["weight_hh"]), 2)
        candidate = ops.relu(n)
        return {"hidden": candidate + ops.sigmoid(z) * (hidden - candidate)}
