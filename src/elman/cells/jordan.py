"""The recurrent network whose outputs are fed back."""

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
class JordanCell(DenseCell):
    r"""The hidden units see the input and the outputs so far; they remember nothing themselves.

    .. math::
        s_t &= \mu s_{t-1} + y_{t-1} \\
        h_t &= \tanh(W_{ih} x_t + b_{ih} + W_{hh} s_t + b_{hh}) \\
        y_t &= \tanh(W_{ho} h_t + b_{ho})

    The context units s hold a trace of the outputs y that decays by :math:`\mu`, the weight of their connections to
    themselves; with ``decay=0`` they are the last output, the form of most textbooks. ``weight_hh`` is
    (hidden, output_units), ``weight_ho`` (output_units, hidden) and ``bias_ho`` (output_units).

    Attributes:
        output_units: Outputs, which are what is fed back; 0 for as many as there are hidden units.
        decay: :math:`\mu`, from 0 to below 1.

    Source: Jordan, "Serial order: a parallel distributed processing approach", ICS report 8604, 1986, reprinted in
    Advances in Psychology 121, 1997. His units are logistic; tanh is that function moved to around zero.
    """

    name: ClassVar[str] = "jordan"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    output_units: int = 0
    decay: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output_units < 0:
            raise SettingsError(
                f"Cell jordan: output_units must be 0 (as many as hidden units) or more, not {self.output_units}."
            )
        if not 0 <= self.decay < 1:
            raise SettingsError(f"Cell jordan: decay must be from 0 to below 1, not {self.decay}.")

    @property
    def state_sizes(self) -> dict[str, int]:
        """``output`` and ``context``, both (output_units or hidden_size)."""
        return dict.fromkeys(("output", "context"), self.output_units or self.hidden_size)

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters`, and weights and bias of the output units."""
        parameters = super().parameters()
        shape = (self.output_size, self.hidden_size)
        parameters["weight_ho"] = Parameter(shape, ("output",), "projection")
        if self.bias:
            parameters["bias_ho"] = Parameter(shape[:1], ("output",), "recurrent_bias")
        return parameters

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        context = self.decay * state["context"] + state["output"]
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_context = self.recurrent(ops, context, params["weight_hh"], params.get("bias_hh"))
        hidden = ops.tanh(from_input + from_context)
        output = ops.tanh(ops.linear(hidden, params["weight_ho"], params.get("bias_ho")))
        return {"output": output, "context": context}
