"""RWKV-7's time mixing: a matrix memory with a decay for every row and a delta rule of its own for every feature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.matrix_memory import MatrixMemory, of_unit_length
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class RWKV7Cell(Cell):
    r"""A matrix memory whose rows decay by themselves, and which takes out along one key what it stores under another.

    Every :math:`x^z` is the input mixed with the one before, :math:`x^z_t = x_t + \mu_z (x_{t-1} - x_t)`:

    .. math::
        r_t, k_t, v_t &= W_r x^r_t, \; W_k x^k_t, \; W_v x^v_t \\
        w_t &= \exp(-e^{-1/2} \sigma(B_w \tanh(A_w x^w_t) + b_w)) \\
        a_t &= \sigma(B_a A_a x^a_t + b_a) \\
        g_t &= B_g \sigma(A_g x^g_t) \\
        \kappa_t &= N(\xi \, k_t), \quad \tilde k_t = k_t (1 + \alpha (a_t - 1)) \\
        S_t &= \mathrm{diag}(w_t) S_{t-1} - (a_t \kappa_t) (S_{t-1}^\top \kappa_t)^\top + \tilde k_t v_t^\top \\
        p_t &= L(S_t^\top r_t) + (r_t \cdot \rho \tilde k_t) v_t \\
        h_t &= W_o (g_t \, p_t)

    S and the products with it are those of each head, N divides a head's vector by its length, L brings it to zero mean
    and unit variance, then ``* gain + shift``. In the paper S is the transpose; its first layer is meant, as further
    ones mix their values with those of the first.

    ``mix`` holds :math:`\mu` of r, w, k, v, a and g (6 * input), ``weight_ih`` the blocks r, k and v (3 * hidden,
    input), ``weight_down`` A of w, a and g (3 * rank, input), ``weight_up`` B of these (3 * hidden, rank), ``bias_up``
    :math:`b_w` and :math:`b_a` (2 * hidden), ``removal`` is :math:`\xi`, ``replacement`` :math:`\alpha`, ``bonus``
    :math:`\rho` (hidden each), ``weight_ho`` :math:`W_o` (hidden, hidden).

    Vectors begin as in the authors' code: early features of the input are mixed with those before, later ones less, the
    decays are spread over the units, or, with ``memory`` T, so that they keep for 1 to T steps. Their matrices begin
    near zero, which suits a block with a path around it; here they are drawn by the scheme.

    Attributes:
        heads: Matrices; each has hidden_size / heads rows and columns.
        rank: Features between A and B.

    Source: Peng et al., "RWKV-7 Goose with expressive dynamic state evolution", arXiv:2503.14456, 2025, section 4.
    """

    name: ClassVar[str] = "rwkv7"
    gates: ClassVar[tuple[str, ...]] = ("receptance", "key", "value")
    initial_takes_memory: ClassVar[bool] = True

    heads: int = 1
    rank: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        self._shape  # noqa: B018 - it looks at heads
        if not isinstance(self.rank, int) or self.rank < 1:
            raise SettingsError(f"Cell rwkv7: rank must be a whole number of at least 1, not {self.rank!r}.")

    @property
    def _shape(self) -> MatrixMemory:
        return MatrixMemory.of(self.name, self.hidden_size, self.heads)

    @property
    def state_sizes(self) -> dict[str, int]:
        """``hidden``, which no later step reads, ``memory``, S, and ``previous``, the input (input_size)."""
        return {"hidden": self.hidden_size, "memory": self._shape.size, "previous": self.input_size}

    def parameters(self) -> dict[str, Parameter]:
        """See the class; without biases ``bias_up`` is not there."""
        inner, hidden = ("decay", "rate", "gate"), self.hidden_size
        mixed = ("receptance", "decay", "key", "value", "rate", "gate")
        parameters = {
            "mix": Parameter((6 * self.input_size,), mixed, "own"),
            "weight_ih": Parameter((3 * hidden, self.input_size), self.gates, "input"),
            "weight_down": Parameter((3 * self.rank, self.input_size), inner, "input"),
            "weight_up": Parameter((3 * hidden, self.rank), inner, "input"),
        }
        if self.bias:
            parameters["bias_up"] = Parameter((2 * hidden,), inner[:2], "own")
        for name in ("removal", "replacement", "bonus"):
            parameters[name] = Parameter((hidden,), (name,), "own")
        return parameters | {
            "gain": Parameter((hidden,), ("hidden",), "gain"),
            "shift": Parameter((hidden,), ("hidden",), "shift"),
            "weight_ho": Parameter((hidden, hidden), ("output",), "projection"),
        }

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """The vectors, see the class."""
        hidden = self.hidden_size
        place = np.arange(self.input_size) / self.input_size
        spread = (np.arange(hidden) + 0.5) / hidden
        decay = 5 * spread**0.85 - 6.5
        if memory:
            share = exp(0.5) / (2 + spread * (memory - 2))
            decay = np.log(share / (1 - share))
        return {
            "mix": np.concatenate([1 - place**power for power in (0.2, 0.9, 0.7, 0.7, 0.9, 0.2)]),
            "removal": np.full(hidden, 0.85),
            "replacement": np.ones(hidden),
            "bonus": np.zeros(hidden),
        } | ({"bias_up": np.concatenate([decay, np.zeros(hidden)])} if self.bias else {})

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        shape = self._shape
        for_r, for_w, for_k, for_v, for_a, for_g = (
            x + mix * (state["previous"] - x) for mix in ops.split(params["mix"], 6, axis=-1)
        )
        of_r, of_k, of_v = ops.split(params["weight_ih"], 3, axis=0)
        r, k, v = ops.linear(for_r, of_r), ops.linear(for_k, of_k), ops.linear(for_v, of_v)
        w, a, g = self._low_rank(ops, params, for_w, for_a, for_g)
        decay, rate = ops.exp(-exp(-0.5) * ops.sigmoid(w)), ops.sigmoid(a)
        removed = of_unit_length(ops, k * params["removal"], shape.heads, shape.keys)
        k = k * (1 + params["replacement"] * (rate - 1))
        stored = shape.read(ops, state["memory"], removed)
        memory = shape.along_keys(ops, decay) * state["memory"] + shape.along_keys(ops, k) * shape.along_values(ops, v)
        memory = memory - shape.along_keys(ops, rate * removed) * shape.along_values(ops, stored)
        found = _normalised(ops, shape.read(ops, memory, r), shape) * params["gain"] + params["shift"]
        bonus = ops.fold(r * params["bonus"] * k, shape.heads, shape.keys)
        found = found + ops.expand(bonus, shape.heads, shape.values) * v
        return {"hidden": ops.linear(g * found, params["weight_ho"]), "memory": memory, "previous": x}

    def _low_rank(
        self, ops: Ops, params: Mapping[str, Array], for_w: Array, for_a: Array, for_g: Array
    ) -> tuple[Array, Array, Array]:
        """What w, a and g are made of: B f(A x) + b."""
        down, up = (ops.split(params[name], 3, axis=0) for name in ("weight_down", "weight_up"))
        of_w, of_a = ops.split(params["bias_up"], 2) if self.bias else (None, None)
        w = ops.linear(ops.tanh(ops.linear(for_w, down[0])), up[0], of_w)
        a = ops.linear(ops.linear(for_a, down[1]), up[1], of_a)
        return w, a, ops.linear(ops.sigmoid(ops.linear(for_g, down[2])), up[2])


def _normalised(ops: Ops, x: Array, shape: MatrixMemory) -> Array:
    """Zero mean and unit variance for each head; the epsilon grows with the head as in the authors' code."""

    def mean(y: Array) -> Array:
        return ops.fold(y, shape.heads, shape.values) * (1 / shape.values)

    centred = x - ops.expand(mean(x), shape.heads, shape.values)
    deviation = ops.sqrt(mean(centred * centred) + 1e-5 * shape.values)
    return centred / ops.expand(deviation, shape.heads, shape.values)
