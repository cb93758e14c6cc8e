"""The gated recurrent unit as published: the reset gate acts before the recurrent product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class GRUBeforeCell(DenseCell):
    r"""One state that is mixed with a candidate computed from the reset state.

    .. math::
        r_t &= \sigma(W_{ir} x_t + b_r + W_{hr} h_{t-1}) \\
        z_t &= \sigma(W_{iz} x_t + b_z + W_{hz} h_{t-1}) \\
        n_t &= \tanh(W_{in} x_t + b_n + W_{hn} (r_t h_{t-1})) \\
        h_t &= (1 - z_t) n_t + z_t h_{t-1}

    One bias per gate is enough here, since none stands inside the reset product.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.
    """

    name: ClassVar[str] = "gru_before"
    gates: ClassVar[tuple[str, ...]] = ("reset", "update", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"update": +1}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` without ``bias_hh``."""
        return {name: parameter for name, parameter in super().parameters().items() if name != "bias_hh"}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        input_r, input_z, input_n = ops.split(ops.linear(x, params["weight_ih"], params.get("bias_ih")), 3)
        weight_r, weight_z, weight_n = ops.split(params["weight_hh"], 3, axis=0)
        reset = ops.sigmoid(input_r + ops.linear(hidden, weight_r, heads=self.heads))
        update = ops.sigmoid(input_z + ops.linear(hidden, weight_z, heads=self.heads))
        candidate = ops.tanh(input_n + ops.linear(reset * hidden, weight_n, heads=self.heads))
        return {"hidden": candidate + update * (hidden - candidate)}
