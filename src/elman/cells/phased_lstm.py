"""The phased LSTM: every unit is open during a part of its own period of time."""

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

#: The longest period at first where no memory is expected.
LONGEST = 1000.0


@final
@dataclass(frozen=True)
class PhasedLSTMCell(DenseCell):
    r"""An LSTM with peepholes behind a gate that a clock opens and closes.

    .. math::
        \phi_t &= (T_t - s) / \tau - \lfloor (T_t - s) / \tau \rfloor \\
        u_t &= 2 \phi_t / r \\
        k_t &= u_t \text{ where } u_t < 1, \text{ else } 2 - u_t \text{ where } u_t < 2, \text{ else } \alpha \phi_t \\
        i_t, f_t &= \sigma(W_i [x_t, h_{t-1}] + w_i c_{t-1} + b_i), \sigma(W_f [x_t, h_{t-1}] + w_f c_{t-1} + b_f) \\
        c'_t &= f_t c_{t-1} + i_t \tanh(W_g [x_t, h_{t-1}] + b_g) \\
        h'_t &= \sigma(W_o [x_t, h_{t-1}] + w_o c'_t + b_o) \tanh(c'_t) \\
        c_t, h_t &= k_t c'_t + (1 - k_t) c_{t-1}, k_t h'_t + (1 - k_t) h_{t-1}

    The time :math:`T_t`, the state ``"clock"``, is the sum of the times between steps, the extra ``"elapsed"``; before
    the first step it is 0. A unit has a period :math:`\tau = e^p` with p in ``log_period`` (hidden,), and a ``shift`` s
    (hidden,). The peepholes w are ``peephole`` (3 * hidden), in the order input, forget, output.

    Periods begin log-uniform between 1 and the expected ``memory`` (1000 without one), in the unit of the elapsed time,
    shifts uniform within their periods, peepholes at zero.

    A clock in float32 tells steps of 1 apart up to 16 million.

    Attributes:
        ratio_open: r, the part of its period in which a unit is open.
        leak: :math:`\alpha`, how far a closed unit stays open; the authors have it in training only.

    Source: Neil, Pfeiffer & Liu, "Phased LSTM: accelerating recurrent network training for long or event-based
    sequences", NIPS 2016. The period is learnt through its logarithm here, which keeps it above 0.
    """

    name: ClassVar[str] = "phased_lstm"
    gates: ClassVar[tuple[str, ...]] = ("input", "forget", "candidate", "output")
    memory_gates: ClassVar[Mapping[str, int]] = {"forget": +1, "input": -1}
    initial_takes_memory: ClassVar[bool] = True

    ratio_open: float = 0.05
    leak: float = 0.001

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.ratio_open <= 1 or not 0 <= self.leak <= 1:
            raise SettingsError(
                "Cell phased_lstm: ratio_open must be above 0 and at most 1, leak from 0 to 1; "
                f"found {self.ratio_open} and {self.leak}."
            )

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden`` and ``cell`` (hidden_size), and the ``clock`` (1)."""
        return {"hidden": self.hidden_size, "cell": self.hidden_size, "clock": 1}

    @property
    def extras(self) -> dict[str, int]:
        """``"elapsed"``, the time since the step before."""
        return {ELAPSED: 1}

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters`, ``peephole`` (3 * hidden), ``log_period`` and ``shift`` (hidden,)."""
        return super().parameters() | {
            "peephole": Parameter((3 * self.hidden_size,), ("input", "forget", "output"), "own"),
            "log_period": Parameter((self.hidden_size,), ("period",), "own"),
            "shift": Parameter((self.hidden_size,), ("shift",), "own"),
        }

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """See `Cell.initial`: periods, shifts and peepholes."""
        log_period = rng.uniform(0, math.log(memory or LONGEST), self.hidden_size)
        return {
            "peephole": np.zeros(3 * self.hidden_size),
            "log_period": log_period,
            "shift": rng.uniform(0, np.exp(log_period)),
        }

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        hidden, cell = state["hidden"], state["cell"]
        clock = state["clock"] + params[ELAPSED]
        gate = self._gate(ops, (clock - params["shift"]) / ops.exp(params["log_period"]))
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        i, f, g, o = ops.split(from_input + self.recurrent(ops, hidden, params["weight_hh"], params.get("bias_hh")), 4)
        peep_i, peep_f, peep_o = ops.split(params["peephole"], 3)
        new_cell = ops.sigmoid(f + peep_f * cell) * cell + ops.sigmoid(i + peep_i * cell) * ops.tanh(g)
        new_hidden = ops.sigmoid(o + peep_o * new_cell) * ops.tanh(new_cell)
        return {
            "hidden": hidden + gate * (new_hidden - hidden),
            "cell": cell + gate * (new_cell - cell),
            "clock": clock,
        }

    def _gate(self, ops: Ops, cycles: Array) -> Array:
        """How far units are open after so many of their periods."""
        phase = cycles - ops.floor(cycles)
        rising = phase * (2 / self.ratio_open)
        closed = self.leak * phase
        return ops.where(phase < self.ratio_open / 2, rising, ops.where(phase < self.ratio_open, 2 - rising, closed))
