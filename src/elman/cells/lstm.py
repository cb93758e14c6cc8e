"""Long short-term memory, with or without a projection of the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class LSTMCell(DenseCell):
    r"""A memory cell that is written, kept and read through gates.

    .. math::
        i_t &= \sigma(W_{ii} x_t + b_{ii} + W_{hi} h_{t-1} + b_{hi}) \\
        f_t &= \sigma(W_{if} x_t + b_{if} + W_{hf} h_{t-1} + b_{hf}) \\
        g_t &= \tanh(W_{ig} x_t + b_{ig} + W_{hg} h_{t-1} + b_{hg}) \\
        o_t &= \sigma(W_{io} x_t + b_{io} + W_{ho} h_{t-1} + b_{ho}) \\
        c_t &= f_t c_{t-1} + i_t g_t \\
        h_t &= o_t \tanh(c_t)

    With ``projection_size`` P > 0 the output is :math:`h_t = W_{hr}(o_t \tanh c_t)` with ``weight_hr`` (P, hidden).

    Sources: Hochreiter & Schmidhuber, Neural Computation 9, 1997; forget gate: Gers, Schmidhuber & Cummins,
    Neural Computation 12, 2000; projection: Sak, Senior & Beaufays, arXiv:1402.1128, 2014.
    """

    name: ClassVar[str] = "lstm"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1, "input": -1}

    projection_size: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.projection_size < self.hidden_size:
            raise SettingsError(
                f"Cell lstm: projection_size must be 0 (none) or smaller than hidden_size {self.hidden_size}, "
                f"not {self.projection_size}."
            )

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden`` (projection_size or hidden_size) and ``cell`` (hidden_size)."""
        return {"hidden": self.projection_size or self.hidden_size, "cell": self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters` and, with a projection, ``weight_hr`` (projection_size, hidden_size)."""
        parameters = super().parameters()
        if self.projection_size:
            shape = (self.projection_size, self.hidden_size)
            parameters["weight_hr"] = Parameter(shape, ("projection",), "projection")
        return parameters

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = self.recurrent(ops, state["hidden"], params["weight_hh"], params.get("bias_hh"))
        i, f, g, o = ops.split(from_input + from_hidden, 4)
        cell = ops.sigmoid(f) * state["cell"] + ops.sigmoid(i) * ops.tanh(g)
        hidden = ops.sigmoid(o) * ops.tanh(cell)
        if self.projection_size:
            hidden = ops.linear(hidden, params["weight_hr"])
        return {"hidden": hidden, "cell": cell}
