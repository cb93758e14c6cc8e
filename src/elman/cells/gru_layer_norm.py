"""The gated recurrent unit with layer normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class GRULayerNormCell(DenseCell):
    r"""A GRU, reset after the product, that normalises what its gates see.

    .. math::
        (u^r, u^z, u^n)_t &= \gamma_i N(W_i x_t) + b_i \\
        (v^r, v^z, v^n)_t &= \gamma_h N(W_h h_{t-1}) + b_h \\
        r_t, z_t &= \sigma(u^r_t + v^r_t), \sigma(u^z_t + v^z_t) \\
        n_t &= \tanh(u^n_t + r_t v^n_t) \\
        h_t &= (1 - z_t) n_t + z_t h_{t-1}

    N brings a product to zero mean and unit variance over all three gates together (`elman.cells.Ops.layer_norm`). The
    gains are ``gain_ih`` and ``gain_hh`` (3 * hidden), the biases ``bias_ih`` and ``bias_hh``.

    Sources: Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450, 2016, for the norms; `elman.cells.gru.GRUCell`
    for the unit. It is haste's LayerNormGRU.
    """

    name: ClassVar[str] = "gru_layer_norm"
    gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"update": +1}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` and the gains of the norms."""
        gain = Parameter((3 * self.hidden_size,), self.gates, "gain")
        return super().parameters() | {"gain_ih": gain, "gain_hh": gain}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        from_input = ops.layer_norm(ops.linear(x, params["weight_ih"]), params["gain_ih"], params.get("bias_ih"))
        product = self.recurrent(ops, hidden, params["weight_hh"])
        from_hidden = ops.layer_norm(product, params["gain_hh"], params.get("bias_hh"))
        input_r, input_z, input_n = ops.split(from_input, 3)
        hidden_r, hidden_z, hidden_n = ops.split(from_hidden, 3)
        reset = ops.sigmoid(input_r + hidden_r)
        update = ops.sigmoid(input_z + hidden_z)
        candidate = ops.tanh(input_n + reset * hidden_n)
        return {"hidden": candidate + update * (hidden - candidate)}
