"""The clockwork RNN: groups of units that are updated at periods of their own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError

#: The most groups of a cell that was given no periods, and the spread of first weights.
MOST_GROUPS, SPREAD = 8, 0.1


@final
@dataclass(frozen=True)
class ClockworkCell(Cell):
    r"""Equal groups of units, of which group g is updated at every :math:`T_g`-th step and stays as it is between.

    .. math::
        h^g_t &= \tanh(W^g x_t + b^g + \sum_{j \geq g} U^{gj} h^j_{t-1}) \text{ where } t \;\mathrm{mod}\; T_g = 0, \\
        h^g_t &= h^g_{t-1} \text{ elsewhere}

    Groups are in the order of their periods, the fastest first, and see those that are as slow as themselves or slower:
    the recurrent matrix is block upper triangular. Its blocks lie in ``weight_hh`` under each other, the first group's
    first. All groups are updated at the first step; the number of the step is the state ``"step"``, which begins again
    when all groups have come round.

    Weights begin normal with a deviation of 0.1, biases at 0.

    Attributes:
        periods: Those of the groups, ascending. When empty they become 1, 2, 4, ... for the most groups, at most 8,
            that the units can be cut into: take a multiple of 8, a prime number of units is one group.

    Raises `SettingsError` for periods that are not ascending, and for units that they do not divide.

    Source: Koutnik, Greff, Gomez & Schmidhuber, "A clockwork RNN", ICML 2014.
    """

    name: ClassVar[str] = "clockwork"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    periods: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.periods:
            groups = max(n for n in range(1, MOST_GROUPS + 1) if self.hidden_size % n == 0)
            object.__setattr__(self, "periods", tuple(2**n for n in range(groups)))
        if self.hidden_size % len(self.periods):
            raise SettingsError(
                f"Cell clockwork: {self.hidden_size} units cannot be cut into {len(self.periods)} equal groups, "
                f"one for each of the periods {self.periods}."
            )
        if self.periods[0] < 1 or any(slower <= faster for faster, slower in pairwise(self.periods)):
            raise SettingsError(f"Cell clockwork: periods must be 1 or more steps and ascending, found {self.periods}.")

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden`` (hidden_size) and the number of the ``step`` (1)."""
        return {"hidden": self.hidden_size, "step": 1}

    def parameters(self) -> dict[str, Parameter]:
        """``weight_ih`` (hidden, input), ``weight_hh`` (blocks * units, units), ``bias_ih`` (hidden,).

        With G groups there are G (G + 1) / 2 blocks, and hidden / G units in each.
        """
        groups, units = len(self.periods), self.hidden_size // len(self.periods)
        blocks = tuple(f"{g} from {j}" for g in range(groups) for j in range(g, groups))
        parameters = {
            "weight_ih": Parameter((self.hidden_size, self.input_size), self.gates, "input"),
            "weight_hh": Parameter((len(blocks) * units, units), blocks, "recurrent", heads=groups),
        }
        if self.bias:
            parameters["bias_ih"] = Parameter((self.hidden_size,), self.gates, "input_bias")
        return parameters

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """See `Cell.initial`: both matrices."""
        parameters = self.parameters()
        return {name: SPREAD * rng.standard_normal(parameters[name].shape) for name in ("weight_ih", "weight_hh")}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        from_input = ops.linear(x, params["weight_ih"], params.get("bias_ih"))
        from_hidden = ops.linear(state["hidden"], self._matrix(ops, params["weight_hh"]))
        totals, before = (ops.split(value, len(self.periods)) for value in (from_input + from_hidden, state["hidden"]))
        groups = [
            ops.where(_rest(ops, state["step"], period) < 0.5, ops.tanh(total), old)
            for period, total, old in zip(self.periods, totals, before, strict=True)
        ]
        return {"hidden": ops.join(*groups), "step": _rest(ops, state["step"] + 1, math.lcm(*self.periods))}

    def _matrix(self, ops: Ops, weight: Array) -> Array:
        """The recurrent matrix with all its blocks, those below the diagonal zero: one large product is the fastest."""
        groups = len(self.periods)
        blocks = iter(ops.split(weight, groups * (groups + 1) // 2, axis=0))
        rows = []
        for group in range(groups):
            own = [next(blocks) for _ in range(group, groups)]
            rows.append(ops.join(*(0 * own[0] for _ in range(group)), *own))
        return ops.join(*(row.T for row in rows)).T


def _rest(ops: Ops, number: Array, divisor: int) -> Array:
    """What is left of a whole number; half of 1 more, so that rounding never takes a whole turn away."""
    return number - divisor * ops.floor((number + 0.5) * (1 / divisor))
