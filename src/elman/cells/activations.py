"""Other functions in the place of a cell's sigmoid and tanh, for cells as other libraries let them be put together.

A function is a name of `FUNCTIONS` and its numbers, in a tuple: ``("softsign",)``, ``("hard_sigmoid", 0.2, 0.5)``.

>>> import numpy as np
>>> from elman.cells import NumpyOps, make
>>> cell = OtherActivations(make("rnn", 1, 1), candidate=("leaky_relu", 0.1))
>>> weights = {"weight_ih": np.ones((1, 1)), "weight_hh": np.ones((1, 1))}
>>> cell.step(NumpyOps(), np.array([-3.0]), {"hidden": np.array([1.0])}, weights)
{'hidden': array([-0.2])}
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, final

from elman.cells.modifiers import Modifier
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError, UsageError, nearest

#: A name of `FUNCTIONS`, then its numbers.
Function: TypeAlias = tuple[Any, ...]


@final
@dataclass(frozen=True)
class OtherActivations(Modifier):
    r"""The equations of the cell within, with other functions for :math:`\sigma` and :math:`\tanh`.

    For the LSTM, with the gate function f, the candidate function g, the output function h and a bound b:

    .. math::
        i_t &= f(\lfloor a_i \rceil), \quad f_t = f(\lfloor a_f \rceil), \quad o_t = f(\lfloor a_o \rceil) \\
        c_t &= f_t c_{t-1} + i_t g(\lfloor a_g \rceil) \\
        h_t &= o_t h(c_t)

    where :math:`a` are the sums that the cell within gives to its functions, and
    :math:`\lfloor a \rceil = \min(\max(a, -b), b)`.

    Attributes:
        gate: In the place of every sigmoid.
        candidate: In the place of the step's first tanh.
        output: In the place of its second tanh, where an LSTM reads its cell state.
        bound: b, for the inputs of gate and candidate; None for none.

    Raises `SettingsError` for a function that is not in `FUNCTIONS`, and `UsageError` at a step that takes tanh more
    than twice.
    """

    name: ClassVar[str] = "other activations"

    gate: Function = ("sigmoid",)
    candidate: Function = ("tanh",)
    output: Function = ("tanh",)
    bound: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for function in (self.gate, self.candidate, self.output):
            check(function)
        if self.bound is not None and not self.bound > 0:
            raise SettingsError(f"The bound of the activations' inputs must be above 0, not {self.bound}.")

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        others: Any = _OtherOps(ops, self)
        return self.cell.step(others, x, state, params)


class _OtherOps:
    """`Ops` of one step that take other functions for sigmoid and tanh."""

    def __init__(self, ops: Ops, functions: OtherActivations) -> None:
        self._ops = ops
        self._functions = functions
        self._calls_of_tanh = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._ops, name)  # type: ignore[no-any-return]

    def sigmoid(self, x: Array) -> Array:
        return apply(self._ops, self._functions.gate, self._bounded(x))

    def tanh(self, x: Array) -> Array:
        self._calls_of_tanh += 1
        if self._calls_of_tanh == 1:
            return apply(self._ops, self._functions.candidate, self._bounded(x))
        if self._calls_of_tanh == 2:
            return apply(self._ops, self._functions.output, x)
        raise UsageError("Other activations need a cell that takes tanh at most twice in a step.")

    def _bounded(self, x: Array) -> Array:
        bound = self._functions.bound
        return x if bound is None else self._ops.maximum(self._ops.minimum(x, bound), -bound)


def apply(ops: Ops, function: Function, x: Array) -> Array:
    """``function`` of every number in ``x``.

    >>> from elman.cells import NumpyOps
    >>> import numpy as np
    >>> apply(NumpyOps(), ("hard_sigmoid", 0.2, 0.5), np.array([-5.0, 0.0, 1.0]))
    array([0. , 0.5, 0.7])
    """
    name, *numbers = function
    return FUNCTIONS[name](ops, x, *numbers)


def check(function: Function) -> None:
    """Raise `SettingsError` for a function that `apply` does not know, or whose numbers are not those it takes."""
    name, *numbers = function
    if name not in FUNCTIONS:
        raise SettingsError(f"There is no activation '{name}', only {', '.join(FUNCTIONS)}.{nearest(name, FUNCTIONS)}")
    wanted = list(inspect.signature(FUNCTIONS[name]).parameters)[2:]
    if len(numbers) != len(wanted) or not all(isinstance(number, int | float) for number in numbers):
        raise SettingsError(f"The activation '{name}' takes the numbers ({', '.join(wanted)}), found {numbers}.")


def _sigmoid(ops: Ops, x: Array) -> Array:
    return ops.sigmoid(x)


def _tanh(ops: Ops, x: Array) -> Array:
    return ops.tanh(x)


def _relu(ops: Ops, x: Array) -> Array:
    return ops.relu(x)


def _affine(ops: Ops, x: Array, alpha: float, beta: float) -> Array:
    return alpha * x + beta


def _clipped_relu(ops: Ops, x: Array, most: float) -> Array:
    return ops.minimum(ops.relu(x), most)


def _leaky_relu(ops: Ops, x: Array, alpha: float) -> Array:
    return ops.relu(x) + alpha * ops.minimum(x, 0.0)


def _thresholded_relu(ops: Ops, x: Array, alpha: float) -> Array:
    return ops.where(x > alpha, x, 0.0 * x)


def _hard_sigmoid(ops: Ops, x: Array, alpha: float, beta: float) -> Array:
    return ops.maximum(ops.minimum(alpha * x + beta, 1.0), 0.0)


def _scaled_tanh(ops: Ops, x: Array, alpha: float, beta: float) -> Array:
    return alpha * ops.tanh(beta * x)


def _elu(ops: Ops, x: Array, alpha: float) -> Array:
    return ops.relu(x) + alpha * (ops.exp(ops.minimum(x, 0.0)) - 1)


def _selu(ops: Ops, x: Array, alpha: float, scale: float) -> Array:
    return scale * _elu(ops, x, alpha)


def _softplus(ops: Ops, x: Array) -> Array:
    # Of large numbers the exponential would overflow: this one is never above 1.
    return ops.relu(x) + ops.log(1 + ops.exp(ops.minimum(x, -x)))


def _softsign(ops: Ops, x: Array) -> Array:
    return x / (1 + ops.maximum(x, -x))


def _silu(ops: Ops, x: Array) -> Array:
    return x * ops.sigmoid(x)


def _exponential(ops: Ops, x: Array) -> Array:
    return ops.exp(x)


#: Name -> the function, which takes the operations, an array and its numbers.
FUNCTIONS: dict[str, Callable[..., Array]] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "relu": _relu,
    "affine": _affine,
    "clipped_relu": _clipped_relu,
    "leaky_relu": _leaky_relu,
    "thresholded_relu": _thresholded_relu,
    "hard_sigmoid": _hard_sigmoid,
    "scaled_tanh": _scaled_tanh,
    "elu": _elu,
    "selu": _selu,
    "softplus": _softplus,
    "softsign": _softsign,
    "silu": _silu,
    "exponential": _exponential,
}
