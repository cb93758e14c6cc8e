"""Cells around cells: options of a step that work for every cell.

A modified cell has the sizes, states and parameters of the cell within, so that the same weights fit; only its step is
another one. Nothing is drawn here: random masks come in as extras (`Cell.extras`), and whoever runs the cell decides
what they hold. `elman.nn.Recurrent` draws them in training.

>>> import numpy as np
>>> from elman.cells import NumpyOps, make
>>> cell = Zoneout(make("rnn", 1, 2), ("hidden",))
>>> cell.name, cell.extras
('rnn with zoneout', {'zoneout hidden': 2})
>>> params = {name: np.ones(parameter.shape) for name, parameter in cell.parameters().items()}
>>> params["zoneout hidden"] = np.array([1.0, 0.0])  # the first unit keeps its value, the second one is updated
>>> cell.step(NumpyOps(), np.ones(1), {"hidden": np.array([0.25, 0.25])}, params)["hidden"].round(4)
array([0.25  , 0.9982])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, NoReturn, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, NumpyOps, Ops
from elman.errors import SettingsError, UsageError, nearest

_SAME = ("input_size", "hidden_size", "bias", "gates", "memory_gates", "initial_takes_memory", "activations")


@dataclass(frozen=True)
class Modifier(Cell):
    """A cell around a cell."""

    input_size: int = field(init=False, repr=False, compare=False)
    hidden_size: int = field(init=False, repr=False, compare=False)
    bias: bool = field(init=False, repr=False, compare=False)
    cell: Cell

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.cell.name} with {self.name}")
        for same in _SAME:
            object.__setattr__(self, same, getattr(self.cell, same))

    @property
    def state_sizes(self) -> dict[str, int]:
        """Those of the cell within."""
        return self.cell.state_sizes

    @property
    def extras(self) -> dict[str, int]:
        """Those of the cell within, and the modifier's own."""
        return self.cell.extras

    def parameters(self) -> dict[str, Parameter]:
        """Those of the cell within."""
        return self.cell.parameters()

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, NDArray[np.float64]]:
        """Those of the cell within."""
        return self.cell.initial(rng, memory)


@final
@dataclass(frozen=True)
class Zoneout(Modifier):
    r"""Every unit keeps its former value now and then.

    .. math::
        s_t = d_t s_{t-1} + (1 - d_t) s'_t

    where :math:`s'_t` is what the cell within makes of the state s. The extra ``"zoneout s"`` is :math:`d_t`: in
    training 1 with some probability p and else 0, drawn anew for every step and unit; in evaluation p itself, the
    expectation. States are zoned out after the step, so the LSTM's output sees the new cell state, as published.

    Attributes:
        states: Which states; the others are left alone.

    Raises `SettingsError` for a state that the cell does not have.

    Source: Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations", ICLR 2017.
    """

    name: ClassVar[str] = "zoneout"

    states: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = self.state_sizes
        for name in self.states:
            if name not in sizes:
                raise SettingsError(
                    f"Cell {self.cell.name} has no state '{name}' for zoneout, only {', '.join(sizes)}."
                    f"{nearest(name, sizes)}"
                )

    @property
    def extras(self) -> dict[str, int]:
        """One share of the former value, from 0 to 1, for every unit of the states: ``"zoneout hidden"``, ..."""
        sizes = self.state_sizes
        return self.cell.extras | {f"zoneout {name}": sizes[name] for name in self.states}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        after = self.cell.step(ops, x, state, params)
        keep = {name: params[f"zoneout {name}"] for name in self.states}
        return after | {name: share * state[name] + (1 - share) * after[name] for name, share in keep.items()}


@final
@dataclass(frozen=True)
class RecurrentDropout(Modifier):
    r"""The recurrent matrices see a state of which some units are dropped, the same ones at every step.

    .. math::
        W_{hh} h_{t-1} \rightarrow W_{hh} (m h_{t-1})

    in every product with a recurrent matrix, the published GRU's :math:`W_{hn} (r_t h_{t-1})` among them. What a cell
    does with its state outside of these products, such as the mixing of a GRU or the memory of an LSTM, sees the whole
    state. The extra ``"dropout weight_hh"`` is the mask m: 0 with probability p and else 1 / (1 - p), drawn once per
    sequence; in evaluation the cell within stands for itself.

    Raises `SettingsError` for a cell without a recurrent matrix, and `UsageError` at a step that multiplies with one
    in another way than by ``ops.linear``.

    Source: Gal & Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks", NIPS
    2016; one mask for all gates, their "tied" form.
    """

    name: ClassVar[str] = "recurrent dropout"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self._matrices():
            raise SettingsError(
                f"Cell {self.cell.name} has no recurrent matrix, so there is nothing that recurrent dropout could act "
                "on. Use zoneout, or dropout between layers."
            )

    @property
    def extras(self) -> dict[str, int]:
        """One mask for the operand of every recurrent matrix: ``"dropout weight_hh"``."""
        return self.cell.extras | {f"dropout {name}": columns for name, columns in self._matrices().items()}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        dropping: Any = _DroppingOps(ops)
        seen = {name: _Dropping(params[name], params[f"dropout {name}"]) for name in self._matrices()}
        return self.cell.step(dropping, x, state, {**params, **seen})

    def _matrices(self) -> dict[str, int]:
        """The recurrent matrices and the features that they multiply."""
        matrices = {name: one for name, one in self.parameters().items() if one.kind == "recurrent"}
        return {name: matrix.heads * matrix.shape[1] for name, matrix in matrices.items()}


@final
@dataclass(frozen=True)
class UpdateDropout(Modifier):
    r"""What is written into the state is dropped now and then, never what is kept in it.

    .. math::
        \tanh(a) \rightarrow d_t \tanh(a)

    for every candidate, which is the tanh or the relu of sums of products with the weights: the LSTM's
    :math:`c_t = f_t c_{t-1} + i_t d_t \tanh(a_t)`, the GRU's :math:`h_t = z_t h_{t-1} + (1 - z_t) d_t \tanh(a_t)`. The
    extra ``"update"`` is the mask d: 0 with probability p and else 1 / (1 - p), drawn anew for every step and unit; in
    evaluation the cell within stands for itself.

    Raises `SettingsError` for a cell that has no such candidate for every unit.

    Source: Semeniuta, Severyn & Barth, "Recurrent dropout without memory loss", COLING 2016.
    """

    name: ClassVar[str] = "update dropout"

    def __post_init__(self) -> None:
        super().__post_init__()
        seen: list[int] = []

        def note(candidate: Array) -> Array:
            seen.append(candidate.shape[-1])
            return candidate

        zeros = {name: np.zeros(size) for name, size in self.cell.state_sizes.items()}
        sizes = {name: parameter.shape for name, parameter in self.cell.parameters().items()} | self.cell.extras
        ones = {name: np.ones(size) for name, size in sizes.items()}
        with suppress(AttributeError, TypeError):  # a step in plain torch, which does without `ops`
            self._run(_NUMPY, np.zeros(self.input_size), zeros, ones, note)
        if set(seen) != {self.hidden_size}:
            raise SettingsError(
                f"Cell {self.cell.name} has no tanh or relu of products with its weights for every unit, so there is "
                "nothing that update dropout could act on. Use zoneout, or dropout between layers."
            )

    @property
    def extras(self) -> dict[str, int]:
        """One mask for the candidates: ``"update"``."""
        return self.cell.extras | {"update": self.hidden_size}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        return self._run(ops, x, state, params, lambda value: value * params["update"])

    def _run(
        self,
        ops: Ops,
        x: Array,
        state: Mapping[str, Array],
        params: Mapping[str, Array],
        dropped: Callable[[Array], Array],
    ) -> dict[str, Array]:
        """A step of the cell within, whose candidates go through ``dropped``."""
        dropping: Any = _UpdateOps(ops, dropped)
        seen = [{name: _Value(value) for name, value in values.items()} for values in (state, params)]
        return {name: value.array for name, value in self.cell.step(dropping, _Value(x), *seen).items()}


@final
@dataclass(frozen=True)
class Clipped(Modifier):
    r"""All states stay within a bound.

    .. math::
        s_t = \min(\max(s'_t, -b), b)

    where :math:`s'_t` is what the cell within makes of the state s. It keeps states that can grow, such as the
    LSTM's cell state or rectified units, from running away; what lies beyond the bound gets no gradient. The LSTM's
    output is computed from the cell state before it is clipped.

    Attributes:
        bound: b, above 0.
    """

    name: ClassVar[str] = "clipping"

    bound: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.bound > 0:
            raise SettingsError(f"The bound of clipped states must be above 0, not {self.bound}.")

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        after = self.cell.step(ops, x, state, params)
        return {name: ops.maximum(ops.minimum(value, self.bound), -self.bound) for name, value in after.items()}


@final
@dataclass(frozen=True)
class FastActivations(Modifier):
    """The same equations, with sigmoid, tanh and exp computed faster and less exactly by compiled code.

    There tanh is within 1.3e-4 of the exact value, sigmoid within 6.5e-5, and exp within 1e-5 of itself; tanh(0) is 0,
    and both stay within their bounds. Everywhere else the step is that of the cell within.
    """

    name: ClassVar[str] = "fast activations"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "activations", "fast")

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        return self.cell.step(ops, x, state, params)


class _Dropping:
    """A recurrent matrix (or its rows of one gate) with the mask of what it multiplies."""

    def __init__(self, weight: Array, mask: Array) -> None:
        self.weight, self.mask = weight, mask

    @property
    def T(self) -> _Dropping:  # noqa: N802 - the name that arrays have
        return _Dropping(self.weight.T, self.mask)

    def __add__(self, other: _Dropping) -> _Dropping:
        return _Dropping(self.weight + other.weight, self.mask)

    def __sub__(self, other: _Dropping) -> _Dropping:
        return _Dropping(self.weight - other.weight, self.mask)

    def __rmul__(self, number: float) -> _Dropping:
        return _Dropping(number * self.weight, self.mask)

    def __getattr__(self, name: str) -> NoReturn:
        raise _only_linear()

    @classmethod
    def __torch_function__(cls, *_: Any, **__: Any) -> NoReturn:
        raise _only_linear()


class _DroppingOps:
    """`Ops` that know what to do with `_Dropping` matrices."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._ops, name)  # type: ignore[no-any-return]

    def linear(self, x: Array, weight: Array, bias: Array | None = None, heads: int = 1) -> Array:
        if isinstance(weight, _Dropping):
            x, weight = x * weight.mask, weight.weight
        return self._ops.linear(x, weight, bias, heads)

    def join(self, *arrays: Array) -> Array:
        if not isinstance(arrays[0], _Dropping):
            return self._ops.join(*arrays)
        return _Dropping(self._ops.join(*(matrix.weight for matrix in arrays)), arrays[0].mask)

    def split(self, x: Array, parts: int, axis: int = -1) -> tuple[Array, ...]:
        if not isinstance(x, _Dropping):
            return self._ops.split(x, parts, axis)
        if axis != 0:
            raise _only_linear()
        return tuple(_Dropping(part, x.mask) for part in self._ops.split(x.weight, parts, axis=0))


def _only_linear() -> UsageError:
    return UsageError(
        "Recurrent dropout needs a cell that multiplies its recurrent matrices by ops.linear(x, weight), "
        "and takes them apart, if at all, by ops.split(weight, parts, axis=0)."
    )


class _Value:
    """An array, and whether it is a sum of products with the weights, which a candidate may be made of."""

    def __init__(self, array: Array, is_sum: bool = False) -> None:
        self.array, self.is_sum = array, is_sum

    @property
    def T(self) -> _Value:  # noqa: N802 - the name that arrays have
        return _Value(self.array.T)

    def __add__(self, other: Any) -> _Value:
        return self._with(other, self.array + _array(other))

    def __sub__(self, other: Any) -> _Value:
        return self._with(other, self.array - _array(other))

    def __rsub__(self, other: Any) -> _Value:
        return self._with(other, _array(other) - self.array)

    def __mul__(self, other: Any) -> _Value:
        return self._with(other, self.array * _array(other))

    def __truediv__(self, other: Any) -> _Value:
        return self._with(other, self.array / _array(other))

    def __rtruediv__(self, other: Any) -> _Value:
        return self._with(other, _array(other) / self.array)

    def __neg__(self) -> _Value:
        return _Value(-self.array, self.is_sum)

    def __gt__(self, other: Any) -> _Value:
        return _Value(self.array > _array(other))

    def __lt__(self, other: Any) -> _Value:
        return _Value(self.array < _array(other))

    __radd__, __rmul__ = __add__, __mul__

    def _with(self, other: Any, array: Array) -> _Value:
        return _Value(array, self.is_sum or (isinstance(other, _Value) and other.is_sum))


def _array(value: Any) -> Any:
    return value.array if isinstance(value, _Value) else value


class _UpdateOps:
    """`Ops` on `_Value`, which give the candidates, tanh and relu of sums, to ``dropped``."""

    def __init__(self, ops: Ops, dropped: Callable[[Array], Array]) -> None:
        self._ops, self._dropped = ops, dropped

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = getattr(self._ops, name)

        def run(first: _Value, *others: Any, **options: Any) -> Any:
            found = operation(_array(first), *map(_array, others), **options)
            is_sum = name == "linear" or (name in _SUMS_STAY_SUMS and first.is_sum)
            if isinstance(found, tuple):
                return tuple(_Value(piece, is_sum) for piece in found)
            if name in ("tanh", "relu") and first.is_sum:
                return _Value(self._dropped(found))
            return _Value(found, is_sum)

        return run


_SUMS_STAY_SUMS = ("split", "layer_norm", "batch_norm")
_NUMPY = NumpyOps()
