"""The minimal gated unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class MGUCell(DenseCell):
    r"""A GRU with one gate, which both resets and overwrites.

    .. math::
        f_t &= \sigma(W_{if} x_t + b_f + W_{hf} h_{t-1}) \\
        n_t &= \tanh(W_{in} x_t + b_n + W_{hn} (f_t h_{t-1})) \\
        h_t &= (1 - f_t) h_{t-1} + f_t n_t

    The gate is called forget, as in the paper, but a large one overwrites the state. One bias per gate is enough, as
    in `elman.cells.gru_before.GRUBeforeCell`.

    Source: Zhou, Wu, Zhang & Zhou, "Minimal gated unit for recurrent neural networks", International Journal of
    Automation and Computing 13, 2016.
    """

    name: ClassVar[str] = "mgu"
    gates: ClassVar[tuple[str, ...]] = ("forget", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": -1}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` without ``bias_hh``."""
        return {name: parameter for name, parameter in super().parameters().items() if name != "bias_hh"}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        input_f, input_n = ops.split(ops.linear(x, params["weight_ih"], params.get("bias_ih")), 2)
        weight_f, weight_n = ops.split(params["weight_hh"], 2, axis=0)
        forget = ops.sigmoid(input_f + ops.linear(hidden, weight_f, heads=self.heads))
        candidate = ops.tanh(input_n + ops.linear(forget * hidden, weight_n, heads=self.heads))
        return {"hidden": hidden + forget * (candidate - hidden)}
