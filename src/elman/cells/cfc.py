"""The closed-form continuous-time network, for steps that are not equally far apart."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import ELAPSED, Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class CfCCell(DenseCell):
    r"""The state goes from one value to another, at a pace that the time since the step before decides.

    .. math::
        g_t &= \tanh(W_g [x_t, h_{t-1}] + b_g) \\
        n_t &= \tanh(W_n [x_t, h_{t-1}] + b_n) \\
        s_t &= \sigma((W_a [x_t, h_{t-1}] + b_a) \Delta_t + W_b [x_t, h_{t-1}] + b_b) \\
        h_t &= (1 - s_t) g_t + s_t n_t

    with the time :math:`\Delta_t` since the step before, the extra ``"elapsed"``. It is an approximate solution of the
    differential equation of a liquid time-constant network, so that no solver is needed. The blocks of ``weight_ih``
    and ``weight_hh`` are those of g, n, a and b.

    With ``backbone_size`` B > 0 all four see a hidden layer
    :math:`1.7159 \tanh(0.666 (W_{ih} x_t + W_{hh} h_{t-1} + b_{ih}))` of B units in place of
    :math:`[x_t, h_{t-1}]`, through ``weight_backbone`` (4 * hidden, B) and ``bias_backbone``.

    Weights begin uniform with Xavier's variance over input and state together, and biases uniform within 1 / sqrt(n)
    of 0 for n inputs of a unit, as in the authors' code.

    Attributes:
        backbone_size: Units of the layer below the four; 0 for none. The authors mostly take 128. It sees all units, so
            there are no ``heads`` then.

    Source: Hasani et al., "Closed-form continuous-time neural networks", Nature Machine Intelligence 4, 2022.
    """

    name: ClassVar[str] = "cfc"
    gates: ClassVar[tuple[str, ...]] = ("from", "to", "time_scale", "time_shift")

    backbone_size: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backbone_size < 0:
            raise SettingsError(f"Cell cfc: backbone_size must be 0 (none) or more units, not {self.backbone_size}.")
        if self.backbone_size and self.heads > 1:
            raise SettingsError(f"Cell cfc: a backbone sees all units, so heads must be 1 with it, not {self.heads}.")

    @property
    def extras(self) -> dict[str, int]:
        """``"elapsed"``, the time since the step before."""
        return {ELAPSED: 1}

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (rows, input), ``weight_hh`` (rows, hidden) and ``bias_ih`` (rows,).

        The rows are 4 * hidden or, with a backbone, its units; ``weight_backbone`` and ``bias_backbone`` come with it.
        """
        parameters = super().parameters()
        parameters.pop("bias_hh", None)
        if not self.backbone_size:
            return parameters
        rows, blocks = self.backbone_size, ("backbone",)
        parameters |= {
            "weight_ih": Parameter((rows, self.input_size), blocks, "input"),
            "weight_hh": Parameter((rows, self.hidden_size), blocks, "recurrent"),
            "weight_backbone": Parameter((4 * self.hidden_size, rows), self.gates, "projection"),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((rows,), blocks, "input_bias")
            parameters["bias_backbone"] = Parameter((4 * self.hidden_size,), self.gates, "input_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """See `Cell.initial`: everything."""
        below = self.input_size + self.hidden_size // self.heads
        values = {}
        for name, parameter in self.parameters().items():
            after = name.endswith("backbone")
            inputs = self.backbone_size if after else below
            outputs = self.hidden_size if after or not self.backbone_size else self.backbone_size
            bound = math.sqrt(6 / (inputs + outputs)) if len(parameter.shape) == 2 else 1 / math.sqrt(inputs)
            values[name] = rng.uniform(-bound, bound, parameter.shape)
        return values

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        if self.backbone_size:
            backbone = 1.7159 * ops.tanh(0.666 * (from_input + ops.linear(state["hidden"], params["weight_hh"])))
            four = ops.linear(backbone, params["weight_backbone"], params.get("bias_backbone"))
        else:
            four = from_input + self.recurrent(ops, state["hidden"], params["weight_hh"])
        before, after, time_scale, time_shift = ops.split(four, 4)
        share = ops.sigmoid(time_scale * params[ELAPSED] + time_shift)
        before, after = ops.tanh(before), ops.tanh(after)
        return {"hidden": before + share * (after - before)}
