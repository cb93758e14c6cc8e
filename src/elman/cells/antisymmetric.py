"""The antisymmetric recurrent network: steps of a stable differential equation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class AntisymmetricCell(DenseCell):
    r"""The state moves a small step, in a direction that lets no gradient vanish or explode.

    .. math::
        a_t &= (U - U^\top - \gamma I) h_{t-1} \\
        h_t &= h_{t-1} + \epsilon \tanh(a_t + V x_t + b)

    U is ``weight_hh`` (hidden, hidden), V ``weight_ih``. The eigenvalues of an antisymmetric matrix are imaginary, so a
    step turns the state without stretching it, but for the diffusion :math:`\gamma`, which makes up for the error of a
    step of finite length.

    The gated form decides for every unit how far it moves:

    .. math::
        z_t &= \sigma(a_t + V_z x_t + b_z) \\
        h_t &= h_{t-1} + \epsilon z_t \tanh(a_t + V x_t + b)

    with the blocks of the candidate and of the gate in ``weight_ih`` (2 * hidden, input) and ``bias_ih``.

    Both matrices begin normal, with the variance 1 / n for n columns, biases at 0.

    Attributes:
        gated: The gated form.
        step_size: :math:`\epsilon`; the authors take 0.01 to 1.
        diffusion: :math:`\gamma`; the authors take 0.001 to 1.

    Source: Chang, Chen, Haber & Chi, "AntisymmetricRNN: a dynamical system view on recurrent neural networks",
    ICLR 2019.
    """

    name: ClassVar[str] = "antisymmetric"
    gates: ClassVar[tuple[str, ...]] = ("candidate", "gate")

    gated: bool = False
    step_size: float = 0.1
    diffusion: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.gated:
            object.__setattr__(self, "gates", ("candidate",))
        if not self.step_size > 0 or self.diffusion < 0:
            raise SettingsError(
                "Cell antisymmetric: step_size must be above 0 and diffusion 0 or more, "
                f"found {self.step_size} and {self.diffusion}."
            )

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (gates * hidden, input), ``weight_hh`` (hidden, hidden / heads) and ``bias_ih``."""
        blocks, units = tuple(f"shared {head}" for head in range(self.heads)), self.hidden_size // self.heads
        rows = len(self.gates) * self.hidden_size
        parameters = {
            "weight_ih": Parameter((rows, self.input_size), self.gates, "input"),
            "weight_hh": Parameter((self.hidden_size, units), blocks, "recurrent", self.heads),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((rows,), self.gates, "input_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """See `Cell.initial`: both matrices."""
        shapes = (parameter.shape for parameter in self.parameters().values())
        draws = (rng.standard_normal(shape) / shape[1] ** 0.5 for shape in shapes if len(shape) == 2)
        return dict(zip(("weight_ih", "weight_hh"), draws, strict=True))

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        blocks = ops.split(params["weight_hh"], self.heads, axis=0)
        matrix = ops.join(*(block.T - block for block in blocks)).T
        turn = ops.linear(hidden, matrix, heads=self.heads) - self.diffusion * hidden
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        candidate, *gate = ops.split(from_input, len(self.gates))
        move = self.step_size * ops.tanh(turn + candidate)
        return {"hidden": hidden + (ops.sigmoid(turn + gate[0]) * move if gate else move)}
