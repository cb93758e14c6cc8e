"""The gated delta rule: a matrix memory that forgets by gates and corrects what its keys stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.matrix_memory import MatrixMemory, of_unit_length, softplus
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class GatedDeltaCell(Cell):
    r"""A matrix memory that decays, and replaces what was stored under a key by what belongs there now.

    For each head:

    .. math::
        q_t, k_t &= N(\mathrm{silu}(W_q x_t + b_q)), \; N(\mathrm{silu}(W_k x_t + b_k)) \\
        v_t &= \mathrm{silu}(W_v x_t + b_v) \\
        \alpha_t &= \exp(-e^a \, \mathrm{softplus}(w_\alpha x_t + b_\alpha)) \\
        \beta_t &= \sigma(w_\beta x_t + b_\beta) \\
        S_t &= \alpha_t (I - \beta_t k_t k_t^\top) S_{t-1} + \beta_t k_t v_t^\top \\
        h_t &= \gamma \, R(S_t^\top q_t) \, \mathrm{silu}(W_g x_t + b_g)

    N divides a vector by its length, R by the root of the mean square of its numbers; silu(a) is :math:`a\,\sigma(a)`.
    With :math:`\beta` = 1 the memory gives :math:`v_t` for :math:`k_t` from then on, whatever it gave before. In the
    paper S is the transpose, short convolutions stand before the functions of q, k and v, and a product behind
    :math:`h_t`; these are left to what stands around the cell.

    ``weight_ih`` has the blocks of v and of the output's gate (2 * hidden, input), ``weight_keys`` those of q and k
    (2 * heads * K, input), ``weight_gates`` those of :math:`\alpha` and :math:`\beta` (2 * heads, input); ``rate`` is a
    (heads), ``gain`` is :math:`\gamma` (hidden). As in the authors' code :math:`e^a` begins uniform in 1 to 16 and
    :math:`b_\alpha` so that the softplus of it is between 0.001 and 0.1, both at random; with ``memory`` T so that the
    heads forget over 1 to T steps.

    Attributes:
        heads: Matrices; each has hidden_size / heads columns.
        key_size: Rows K of each matrix; 0 for as many as columns.

    Source: Yang, Kautz & Hatamizadeh, "Gated delta networks: improving Mamba2 with delta rule", ICLR 2025
    (arXiv:2412.06464, 2024), equation 10 and figure 1.
    """

    name: ClassVar[str] = "gated_delta"
    gates: ClassVar[tuple[str, ...]] = ("value", "output")
    initial_takes_memory: ClassVar[bool] = True

    heads: int = 1
    key_size: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._shape  # noqa: B018 - it looks at heads and key_size

    @property
    def _shape(self) -> MatrixMemory:
        return MatrixMemory.of(self.name, self.hidden_size, self.heads, self.key_size)

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden``, which no later step reads, and ``memory``, S (heads * K * hidden / heads)."""
        return {"hidden": self.hidden_size, "memory": self._shape.size}

    def parameters(self) -> dict[str, Parameter]:
        """The weights and, with biases, ``bias_ih``, ``bias_keys`` and ``bias_gates``, see the class."""
        others = {
            "rate": Parameter((self.heads,), ("decay",), "own"),
            "gain": Parameter((self.hidden_size,), ("hidden",), "gain"),
        }
        return self._shape.parameters(self.input_size, ("decay", "write"), bias=self.bias) | others

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """The rates, and with biases the ones of the gates, see the class."""
        rate = rng.uniform(1, 16, self.heads)
        span = np.exp(rng.uniform(np.log(0.001), np.log(0.1), self.heads))
        if memory:
            span = 1 / (rate * (1 + (np.arange(self.heads) + 0.5) / self.heads * (memory - 1)))
        biases = np.concatenate([np.log(np.expm1(span)), np.zeros(self.heads)])
        return {"rate": np.log(rate)} | ({"bias_gates": biases} if self.bias else {})

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        shape = self._shape
        v, gate = ops.split(ops.linear(x, params["weight_ih"], params.get("bias_ih")), 2)
        q, k = ops.split(ops.linear(x, params["weight_keys"], params.get("bias_keys")), 2)
        decay, write = ops.split(ops.linear(x, params["weight_gates"], params.get("bias_gates")), 2)
        v, gate, q, k = (each * ops.sigmoid(each) for each in (v, gate, q, k))
        q, k = (of_unit_length(ops, each, shape.heads, shape.keys) for each in (q, k))
        keep = ops.exp(-ops.exp(params["rate"]) * softplus(ops, decay))
        stored = shape.read(ops, state["memory"], k)
        correction = v - ops.expand(keep, shape.heads, shape.values) * stored
        correction = ops.expand(ops.sigmoid(write), shape.heads, shape.values) * correction
        memory = shape.along_heads(ops, keep) * state["memory"]
        memory = memory + shape.along_keys(ops, k) * shape.along_values(ops, correction)
        found = shape.read(ops, memory, q)
        square = ops.fold(found * found, shape.heads, shape.values) * (1 / shape.values)
        found = found / ops.expand(ops.sqrt(square + 1e-5), shape.heads, shape.values)
        return {"hidden": found * params["gain"] * gate, "memory": memory}
