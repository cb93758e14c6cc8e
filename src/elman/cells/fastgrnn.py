"""FastGRNN: a gated unit whose gate and candidate share their matrices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Kind, Parameter
from elman.cells.dense import DenseCell
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class FastGRNNCell(DenseCell):
    r"""One product of the input and one of the state serve the gate and the candidate.

    .. math::
        s_t &= W x_t + U h_{t-1} \\
        z_t &= \sigma(s_t + b_z) \\
        n_t &= \tanh(s_t + b_n) \\
        h_t &= (\sigma(\zeta) (1 - z_t) + \sigma(\nu)) n_t + z_t h_{t-1}

    W is ``weight_ih`` and U ``weight_hh``; the two numbers ``zeta`` and ``nu`` are learnt. A third of a GRU's weights,
    and fewer with ranks r: :math:`W = W_1 W_2`, with :math:`W_1` as ``weight_ih`` (hidden, r) and :math:`W_2` as
    ``weight_ih_low`` (r, input), likewise U. Biases are those of the gate, then of the candidate.

    It begins with weights normal of deviation 0.1, biases of 1, :math:`\zeta = 1` and :math:`\nu = -4`, as in the
    authors' code; with an expected ``memory`` the gate's biases are spread over it instead.

    Attributes:
        input_rank: r of W; 0 for a full matrix.
        recurrent_rank: r of U; 0 for a full matrix, or for one in ``heads``.

    Source: Kusupati, Singh, Bhatia, Kumar, Jain & Varma, "FastGRNN: a fast, accurate, stable and tiny kilobyte sized
    gated recurrent neural network", NeurIPS 2018.
    """

    name: ClassVar[str] = "fastgrnn"
    gates: ClassVar[tuple[str, ...]] = ("update", "candidate")
    memory_gates: ClassVar[Mapping[str, int]] = {"update": +1}

    input_rank: int = 0
    recurrent_rank: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("input_rank", "recurrent_rank"):
            if getattr(self, field) < 0:
                raise SettingsError(f"Cell fastgrnn: {field} must be 0 (none) or more, not {getattr(self, field)}.")
        if self.recurrent_rank and self.heads > 1:
            raise SettingsError(
                "Cell fastgrnn: a recurrent matrix is of low rank or in heads, found "
                f"recurrent_rank={self.recurrent_rank} and heads={self.heads}. Leave one of them out."
            )

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (hidden, input), ``weight_hh`` (hidden, hidden / heads), ``bias_ih`` (2 * hidden).

        ``zeta`` and ``nu`` (1,) and, with ranks, ``weight_ih_low`` and ``weight_hh_low`` as above.
        """
        found = _matrix("weight_ih", self.hidden_size, self.input_size, self.input_rank)
        found |= _matrix("weight_hh", self.hidden_size, self.hidden_size, self.recurrent_rank, self.heads)
        if self.bias:
            found["bias_ih"] = Parameter((2 * self.hidden_size,), self.gates, "input_bias")
        return found | {name: Parameter((1,), (name,), "own") for name in ("zeta", "nu")}

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """See `Cell.initial`: everything, but the biases where the gate's are to be spread over a memory."""
        shapes = {name: parameter.shape for name, parameter in self.parameters().items()}
        values = {name: 0.1 * rng.standard_normal(shape) for name, shape in shapes.items() if len(shape) == 2}
        if self.bias and not memory:
            values["bias_ih"] = np.ones(shapes["bias_ih"])
        return values | {"zeta": np.array([1.0]), "nu": np.array([-4.0])}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden = state["hidden"]
        shared = _product(ops, x, params, "weight_ih") + _product(ops, hidden, params, "weight_hh", self.heads)
        gate = candidate = shared
        if self.bias:
            bias_gate, bias_candidate = ops.split(params["bias_ih"], 2)
            gate, candidate = shared + bias_gate, shared + bias_candidate
        update, candidate = ops.sigmoid(gate), ops.tanh(candidate)
        share = ops.sigmoid(params["zeta"]) * (1 - update) + ops.sigmoid(params["nu"])
        return {"hidden": share * candidate + update * hidden}


def _matrix(name: str, rows: int, columns: int, rank: int, heads: int = 1) -> dict[str, Parameter]:
    """A matrix, in heads or not, or the two of low rank that it is the product of."""
    kind: Kind = "input" if name == "weight_ih" else "recurrent"
    if not rank:
        blocks = tuple(f"shared {head}" for head in range(heads))
        return {name: Parameter((rows, columns // heads), blocks, kind, heads)}
    return {
        name: Parameter((rows, rank), ("shared",), "projection"),
        f"{name}_low": Parameter((rank, columns), ("low",), kind),
    }


def _product(ops: Ops, x: Array, params: Mapping[str, Array], name: str, heads: int = 1) -> Array:
    if f"{name}_low" in params:
        x = ops.linear(x, params[f"{name}_low"])
    return ops.linear(x, params[name], heads=heads)
