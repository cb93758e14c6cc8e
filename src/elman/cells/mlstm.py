"""The LSTM with matrix memory: the mLSTM of xLSTM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.matrix_memory import MatrixMemory, softplus
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class MLSTMCell(Cell):
    r"""A matrix memory that is written by outer products and read by queries, with exponential input gates.

    For each head:

    .. math::
        q_t, v_t, o_t &= W_q x_t + b_q, \; W_v x_t + b_v, \; \sigma(W_o x_t + b_o) \\
        k_t &= (W_k x_t + b_k) / \sqrt{K} \\
        \tilde\imath_t, \tilde f_t &= w_i x_t + b_i, \; w_f x_t + b_f \\
        m_t &= \max(\log\sigma(\tilde f_t) + m_{t-1}, \tilde\imath_t) \\
        i_t, f_t &= e^{\tilde\imath_t - m_t}, \; e^{\log\sigma(\tilde f_t) + m_{t-1} - m_t} \\
        C_t &= f_t C_{t-1} + i_t k_t v_t^\top \\
        n_t &= f_t n_{t-1} + i_t k_t \\
        h_t &= o_t \, C_t^\top q_t / \max(|n_t^\top q_t|, e^{-m_t})

    :math:`e^{\tilde\imath}` is the input gate; :math:`m` only keeps it from overflowing: with all states at zero first,
    the outputs are those of the equations without it. Nothing but these states is handed from step to step, no product
    waits for the step before.

    ``weight_ih`` has the blocks of v and o (2 * hidden, input), ``weight_keys`` those of q and k (2 * heads * K,
    input), ``weight_gates`` those of the input and the forget gate (2 * heads, input). As in the authors' code the
    gates begin with weights of zero, the forget gates' biases spread from 3 to 6 over the heads, or, with ``memory`` T,
    so that they keep for 1 to T steps. The block of the paper normalises :math:`h_t` for each head and projects it;
    that is left to what stands around the cell.

    Attributes:
        heads: Matrices; each has hidden_size / heads columns.
        key_size: Rows K of each matrix; 0 for as many as columns.

    Source: Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024, equations 19 to 27, and 15 to 17 for m.
    """

    name: ClassVar[str] = "mlstm"
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
        """``hidden``, which no later step reads, ``memory`` C, ``normaliser`` n (heads * K) and ``stabiliser`` m."""
        shape = self._shape
        normaliser = shape.heads * shape.keys
        return {"hidden": self.hidden_size, "memory": shape.size, "normaliser": normaliser, "stabiliser": shape.heads}

    def parameters(self) -> dict[str, Parameter]:
        """The three weights and, with biases, ``bias_ih``, ``bias_keys`` and ``bias_gates``, see the class."""
        return self._shape.parameters(self.input_size, ("input", "forget"), bias=self.bias)

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """Those of the gates, see the class."""
        if not self.bias:
            return {}
        spread = (np.arange(self.heads) + 0.5) / self.heads
        forget = np.log(1 + spread * (memory - 2)) if memory else np.linspace(3, 6, self.heads)
        biases = np.concatenate([0.1 * rng.standard_normal(self.heads), forget])
        return {"weight_gates": np.zeros((2 * self.heads, self.input_size)), "bias_gates": biases}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        shape = self._shape
        v, o = ops.split(ops.linear(x, params["weight_ih"], params.get("bias_ih")), 2)
        q, k = ops.split(ops.linear(x, params["weight_keys"], params.get("bias_keys")), 2)
        i, f = ops.split(ops.linear(x, params["weight_gates"], params.get("bias_gates")), 2)
        kept = state["stabiliser"] - softplus(ops, -f)
        stabiliser = ops.maximum(kept, i)
        write, keep = ops.exp(i - stabiliser), ops.exp(kept - stabiliser)
        k = ops.expand(write, shape.heads, shape.keys) * k * (1 / sqrt(shape.keys))
        memory = shape.along_heads(ops, keep) * state["memory"] + shape.along_keys(ops, k) * shape.along_values(ops, v)
        normaliser = ops.expand(keep, shape.heads, shape.keys) * state["normaliser"] + k
        size = ops.fold(normaliser * q, shape.heads, shape.keys)
        size = ops.maximum(ops.maximum(size, -size), ops.exp(-stabiliser))
        hidden = ops.sigmoid(o) * shape.read(ops, memory, q) / ops.expand(size, shape.heads, shape.values)
        return {"hidden": hidden, "memory": memory, "normaliser": normaliser, "stabiliser": stabiliser}
