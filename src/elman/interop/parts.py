"""What every reader gives and how layers are made of it.

A `Part` is one layer in one direction, already in Elman's names, layouts and gate order. The readers of this room
make parts; `stacked` and `two_ways` make layers of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray

from elman.cells import Cell, make
from elman.cells.activations import Function, OtherActivations
from elman.errors import DataError, UsageError
from elman.interop.directions import Backwards, Bidirectional, Merge
from elman.nn import Recurrent
from elman.nn.unroll import suffixes

Array: TypeAlias = NDArray[Any]

#: What the readers return: layers that are called in the same way.
Layer: TypeAlias = Recurrent | Backwards | Bidirectional

#: The functions for gates, candidate and output that cells have of their own.
USUAL: tuple[Function, Function, Function] = (("sigmoid",), ("tanh",), ("tanh",))


@final
@dataclass(frozen=True)
class Part:
    """One layer in one direction.

    Attributes:
        where: What it is called in the file or tree, for messages.
        cell: Its equations.
        weights: Its parameters, as in `Cell.parameters`.
        initial: The state before the first step where that is not zero, (size,) each.

    Raises `DataError` where the weights do not have the cell's shapes.
    """

    where: str
    cell: Cell
    weights: Mapping[str, Array]
    initial: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, parameter in self.cell.parameters().items():
            shaped(self.weights[name], parameter.shape, f"{self.where}: {name}")

    def with_activations(self, functions: Sequence[Function], bound: float | None = None) -> Part:
        """The same with other functions for gates, candidate and output; as it is where these are the cell's own."""
        gate, candidate, output = functions
        cell = self.cell
        if (gate, candidate, output) == USUAL and bound is None:
            return self
        if cell.name == "rnn" and candidate == ("relu",) and bound is None:
            return replace(self, cell=make("rnn_relu", cell.input_size, cell.hidden_size, bias=cell.bias))
        return replace(self, cell=OtherActivations(cell, gate, candidate, output, bound))


def shaped(array: Any, shape: tuple[int | None, ...], what: str) -> Array:
    """``array`` as numbers of float32 or float64, if it has this shape; None stands for any size above 0.

    Raises `DataError`, and begins it with ``what``.

    >>> shaped([[1, 2]], (None, 2), "layer 'lstm': kernel")
    array([[1., 2.]], dtype=float32)
    >>> shaped([1, 2], (None, 2), "layer 'lstm': kernel")
    Traceback (most recent call last):
    elman.errors.DataError: layer 'lstm': kernel must have the shape (any, 2), found (2,).
    """
    try:
        found = np.asarray(array)
        # Kinds: floating point, signed and unsigned; bfloat16 is of none of NumPy's own kinds.
        if found.dtype.kind not in "fiuV":
            raise TypeError
        found = found if found.dtype == np.float64 else found.astype(np.float32)
    except (TypeError, ValueError):
        raise DataError(f"{what} is no array of real numbers.") from None
    fits = len(found.shape) == len(shape) and all(
        size > 0 and wanted in (None, size) for size, wanted in zip(found.shape, shape, strict=False)
    )
    if not fits:
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(
            f"{what} must have the shape ({expected}{',' * (len(shape) == 1)}), found {tuple(found.shape)}."
        )
    return found


def arranged(array: Array, order: Sequence[str], gates: Sequence[str]) -> Array:
    """Rows in equal blocks that stand for the gates ``order``, put into the order ``gates``.

    >>> arranged(np.array([1, 1, 2, 2]), ("update", "reset"), ("reset", "update"))
    array([2, 2, 1, 1])
    """
    blocks = dict(zip(order, np.split(array, len(order)), strict=True))
    return np.concatenate([blocks[gate] for gate in gates])


def stacked(layers: Sequence[Sequence[Part]]) -> Recurrent:
    """One `Recurrent` of layers from the input to the output, with one part or two (forward, reverse) in each.

    Raises `UsageError` for layers that do not compute in the same way, and `DataError` where a layer does not take what
    the one below gives.
    """
    first = layers[0][0]
    width = first.cell.input_size
    for parts in layers:
        for part in parts:
            if not same_equations(part.cell, first.cell):
                raise UsageError(
                    f"{part.where} computes otherwise than {first.where} ({part.cell.name} and {first.cell.name}): "
                    "a stack has one kind of cell."
                )
            if part.cell.input_size != width or part.cell != parts[0].cell:
                raise DataError(
                    f"{part.where} takes {part.cell.input_size} features and has {part.cell.hidden_size} units, which "
                    f"does not fit the {width} features that it is given, or the other direction."
                )
        width = parts[0].cell.output_size * len(parts)
    cells = iter([parts[0].cell for parts in layers])
    # Its first weights are replaced at once: nothing of the user's random numbers is used up for them.
    with torch.random.fork_rng(devices=[]):
        layer = Recurrent(
            lambda *sizes: next(cells),
            first.cell.input_size,
            [parts[0].cell.hidden_size for parts in layers],
            bidirectional=len(layers[0]) == 2,
            learn_initial_state=any(part.initial for parts in layers for part in parts),
            initial="torch",
        )
    return _filled(layer, layers)


def same_equations(one: Cell, other: Cell) -> bool:
    """Whether two cells differ in their sizes at most."""
    if isinstance(one, OtherActivations) and isinstance(other, OtherActivations):
        return replace(one, cell=other.cell) == other and same_equations(one.cell, other.cell)
    return type(one) is type(other) and one.bias == other.bias


def two_ways(forward: Part, reverse: Part, merge: Merge = "concat") -> Layer:
    """Both directions of one layer: a `Recurrent` where that can do it, else a `Bidirectional`."""
    if merge == "concat" and forward.cell == reverse.cell:
        return stacked([[forward, reverse]])
    return Bidirectional(stacked([[forward]]), Backwards(stacked([[reverse]])), merge)


@torch.no_grad()
def _filled(layer: Recurrent, layers: Sequence[Sequence[Part]]) -> Recurrent:
    dtype = np.result_type(*(value for parts in layers for part in parts for value in part.weights.values()))
    layer.to(torch.float64 if dtype == np.float64 else torch.float32)
    for index, parts in enumerate(layers):
        for suffix, part in zip(suffixes(index, len(parts) == 2), parts, strict=True):
            for name in part.cell.parameters():
                layer.get_parameter(name + suffix).copy_(tensor(part.weights[name]))
            for name, value in part.initial.items():
                layer.get_parameter(f"initial_{name}{suffix}").copy_(tensor(value))
    return layer


def tensor(array: Array) -> torch.Tensor:
    """A tensor with the numbers of ``array``, which may be read-only or laid out in any way."""
    return torch.from_numpy(np.array(array, order="C"))
