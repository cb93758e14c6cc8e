"""The linear recurrent unit: a complex diagonal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class LRUCell(Cell):
    r"""Complex numbers that turn and shrink, each at its own rate, and a linear read-out of them.

    .. math::
        \lambda &= \exp(-e^{\nu} + i e^{\theta}) \\
        s_t &= \lambda s_{t-1} + e^{\gamma} (B x_t) \\
        h_t &= \mathrm{Re}(C s_t) + D x_t

    ``weight_ih`` (2 * hidden, input) is B, the real part first, and ``weight_io`` (hidden, input) is D. ``weight_ho``
    (2 * hidden, hidden) is the real part of C and the negative of its imaginary part. :math:`\nu, \theta, \gamma` are
    ``log_decay``, ``log_phase`` and ``log_gain`` (hidden), so :math:`|\lambda| < 1` whatever is learnt. The complex
    state is two real ones. There is no bias: ``bias`` changes nothing.

    First values: :math:`\lambda` uniform on the ring from ``r_min`` to ``r_max`` with angles from 0 to ``max_phase``,
    and :math:`e^\gamma = \sqrt{1 - |\lambda|^2}`, which gives states the variance of the inputs. Where the length of
    dependencies is known to be T, :math:`|\lambda| = e^{-1/\tau}` instead with :math:`\tau` uniform in 1 to T - 1.

    Source: Orvieto et al., "Resurrecting recurrent neural networks for long sequences", ICML 2023.

    Attributes:
        r_min: Inner radius of the ring; for long dependencies the paper takes 0.9.
        r_max: Outer radius, up to 1; for long dependencies 0.999.
        max_phase: Largest angle in radians; for long dependencies a small one, such as pi / 10.
    """

    name: ClassVar[str] = "lru"
    gates: ClassVar[tuple[str, ...]] = ("real", "imaginary")
    initial_takes_memory: ClassVar[bool] = True

    r_min: float = 0.0
    r_max: float = 1.0
    max_phase: float = 2 * pi

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.r_min < self.r_max <= 1 or not self.max_phase > 0:
            raise SettingsError(
                "Cell lru: the ring needs 0 <= r_min < r_max <= 1 and max_phase above 0, "
                f"not r_min {self.r_min}, r_max {self.r_max} and max_phase {self.max_phase}."
            )

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden``, the output, which no later step reads, and the parts ``real`` and ``imaginary`` of the state."""
        return dict.fromkeys(("hidden", *self.gates), self.hidden_size)

    def parameters(self) -> dict[str, Parameter]:
        """B, C and D and the three vectors of the diagonal, see the class."""
        units, features = self.hidden_size, self.input_size
        diagonal = Parameter((units,), ("diagonal",), "own")
        return {
            "weight_ih": Parameter((2 * units, features), self.gates, "input"),
            "weight_ho": Parameter((2 * units, units), self.gates, "projection"),
            "weight_io": Parameter((units, features), ("output",), "input"),
            "log_decay": diagonal,
            "log_phase": diagonal,
            "log_gain": diagonal,
        }

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """The paper's: the ring, and normal matrices that keep the variance of what they multiply."""
        units, features = self.hidden_size, self.input_size
        # The smallest steps keep logarithms finite where a draw is 0.
        area = rng.uniform(max(self.r_min, 1e-6) ** 2, self.r_max**2, units)
        decay = 1 / rng.uniform(1, memory - 1, units) if memory else -np.log(area) / 2
        return {
            "weight_ih": rng.standard_normal((2 * units, features)) / sqrt(2 * features),
            "weight_ho": rng.standard_normal((2 * units, units)) / sqrt(units),
            "weight_io": rng.standard_normal((units, features)) / sqrt(features),
            "log_decay": np.log(decay),
            "log_phase": np.log(self.max_phase * (1 - rng.uniform(size=units))),
            "log_gain": np.log(-np.expm1(-2 * decay)) / 2,
        }

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        size, angle = ops.exp(-ops.exp(params["log_decay"])), ops.exp(params["log_phase"])
        across, up = size * ops.cos(angle), size * ops.sin(angle)
        gain = ops.exp(params["log_gain"])
        input_real, input_imaginary = ops.split(ops.linear(x, params["weight_ih"]), 2)
        before_real, before_imaginary = state["real"], state["imaginary"]
        real = across * before_real - up * before_imaginary + gain * input_real
        imaginary = up * before_real + across * before_imaginary + gain * input_imaginary
        output_real, output_imaginary = ops.split(params["weight_ho"], 2, axis=0)
        hidden = ops.linear(real, output_real) + ops.linear(imaginary, output_imaginary)
        return {"hidden": hidden + ops.linear(x, params["weight_io"]), "real": real, "imaginary": imaginary}
