"""The LSTM with exponential input gates: the sLSTM of xLSTM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Parameter
from elman.cells.dense import DenseCell
from elman.cells.matrix_memory import softplus
from elman.cells.ops import Array, Ops


@final
@dataclass(frozen=True)
class SLSTMCell(DenseCell):
    r"""An LSTM whose input gate may outweigh all that was written before, and whose output is a weighted mean of it.

    .. math::
        (\tilde\imath, \tilde f, \tilde z, \tilde o)_t &= W_i x_t + W_h h_{t-1} + b \\
        m_t &= \max(\log\sigma(\tilde f_t) + m_{t-1}, \tilde\imath_t) \\
        i_t, f_t &= e^{\tilde\imath_t - m_t}, \; e^{\log\sigma(\tilde f_t) + m_{t-1} - m_t} \\
        c_t &= f_t c_{t-1} + i_t \tanh(\tilde z_t) \\
        n_t &= f_t n_{t-1} + i_t \\
        h_t &= \sigma(\tilde o_t) \, c_t / n_t

    The gates of the paper are :math:`e^{\tilde\imath}` and :math:`\sigma(\tilde f)`, the one of its two forget gates
    that the authors' code has. Their exponentials would overflow: c and n are kept as multiples of :math:`e^m`, which
    changes no output. Before the first step that is of no use, as c and n are zero; there :math:`m_t = \tilde\imath_t`,
    so that :math:`n_t \ge 1` at every step, however small the gates are. (A state that was given, and that no step can
    have left, is divided by 1 at least.) Gradients go through m like through all else, so that they are exact, those of
    the states themselves too.

    As in the authors' code the recurrent weights begin at zero and the biases of the forget gates fall from 5 to -7
    over the units of a head, by the power law of their first block; with an expected length ``memory`` they are drawn
    for that (chrono). The norm over each head and the projections of the paper's block are left to what stands around
    the cell.

    Source: Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024, equations 8 to 17.
    """

    name: ClassVar[str] = "slstm"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1}

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden``, ``cell`` c, ``normaliser`` n and ``stabiliser`` m, all (hidden_size)."""
        return dict.fromkeys(("hidden", "cell", "normaliser", "stabiliser"), self.hidden_size)

    def parameters(self) -> dict[str, Parameter]:
        """`DenseCell.parameters` without ``bias_hh``."""
        return {name: parameter for name, parameter in super().parameters().items() if name != "bias_hh"}

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """Recurrent weights and biases, see the class."""
        values = {"weight_hh": np.zeros(self.parameters()["weight_hh"].shape)}
        if self.bias and not memory:
            units = self.hidden_size // self.heads
            forget = 5 - 12 * np.linspace(0, 1, units) ** 0.3
            zeros = np.zeros(self.hidden_size)
            values["bias_ih"] = np.concatenate([zeros, np.tile(forget, self.heads), zeros, zeros])
        return values

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = self.recurrent(ops, state["hidden"], params["weight_hh"])
        i, f, z, o = ops.split(from_input + from_hidden, 4)
        kept = ops.where(state["normaliser"] > 0, state["stabiliser"] - softplus(ops, -f), i)
        stabiliser = ops.maximum(kept, i)
        write, keep = ops.exp(i - stabiliser), ops.exp(kept - stabiliser)
        cell = keep * state["cell"] + write * ops.tanh(z)
        normaliser = keep * state["normaliser"] + write
        hidden = ops.sigmoid(o) * cell / ops.maximum(normaliser, 1)
        return {"hidden": hidden, "cell": cell, "normaliser": normaliser, "stabiliser": stabiliser}
