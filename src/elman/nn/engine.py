"""Between torch and the compiled engine: an operator's arguments as packed arrays, and its results back as tensors.

Tensors and arrays share their memory; rows are copied only where they have to change places.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.compiler.all_steps import take, use_library
from elman.compiler.compiled_cell import CompiledCell, Run
from elman.compiler.memory import memory
from elman.compiler.schedule import schedule_training
from elman.compiler.steps import Spread, Steps
from elman.compiler.threads import use_pool
from elman.compiler.trace import AFTER
from elman.compiler.vector import Precision
from elman.errors import DataError
from elman.nn.cell_keys import cell_of
from elman.nn.openmp import torch_pool
from elman.nn.pieces import Order, Pieces

Array = NDArray[Any]

#: The types of numbers that there is machine code for.
PRECISIONS: dict[torch.dtype, Precision] = {torch.float32: "float32", torch.float64: "float64"}


class Arguments(NamedTuple):
    """One layer in one direction, in the form in which operators of torch can be given it.

    Attributes:
        cell: The cell's key (`elman.nn.cell_keys`).
        inputs: (time, batch, features), laid out in any way, or, with ``batch_sizes``, packed (steps, features).
        state: The states before the first step, (batch, size) each, in the cell's order.
        params: The parameters, in the cell's order.
        initial: What resets go back to, (batch, size) each; empty without resets.
        extras: (time, batch, width) or (batch, width) each, in the cell's order.
        batch_sizes: Of packed inputs.
        lengths: (batch,).
        resets: (batch, time).
        reverse: Whether to run from the last step to the first.
        all_states: Whether every state is given at every step, or the first one alone.
    """

    cell: str
    inputs: Tensor
    state: Sequence[Tensor]
    params: Sequence[Tensor]
    initial: Sequence[Tensor]
    extras: Sequence[Tensor]
    batch_sizes: Tensor | None
    lengths: Tensor | None
    resets: Tensor | None
    reverse: bool
    all_states: bool

    @property
    def batch(self) -> Any:
        """Rows of the batch."""
        return self.state[0].shape[0]

    @property
    def differentiable(self) -> list[Tensor]:
        """The tensors that have gradients, in the order of `Packed.gradients`."""
        return [self.inputs, *self.state, *self.params, *self.initial]

    def replaced(self, tensors: Sequence[Any]) -> Arguments:
        """The same with other `differentiable` tensors."""
        states = 1 + len(self.state)
        params = states + len(self.params)
        return self._replace(
            inputs=tensors[0], state=tensors[1:states], params=tensors[states:params], initial=tensors[params:]
        )

    @property
    def sequences(self) -> int:
        """How many states are given at every step."""
        return len(self.state) if self.all_states else 1

    @property
    def in_order(self) -> bool:
        """Whether the engine takes the rows as they lie."""
        return not self.reverse and self.lengths is None and self.resets is None

    @property
    def even(self) -> bool:
        """Whether every row of the batch runs through all steps in order, so that outputs lie as states do."""
        return self.in_order and self.batch_sizes is None


@final
class Engine:
    """A compiled cell, and what it expects."""

    def __init__(self, key: str, dtype: torch.dtype, deterministic: bool) -> None:
        cell = cell_of(key)
        self.compiled = CompiledCell(cell, PRECISIONS[dtype], deterministic=deterministic)
        self.states, self.extras, self.input_size = cell.state_sizes, cell.extras, cell.input_size
        self.params = {name: parameter.shape for name, parameter in cell.parameters().items()}
        self._version: Version | None = None
        step = self.compiled.step
        forward, _ = schedule_training(step, self.compiled.derived)
        #: The step's results by state.
        self.after = {name: step.outputs[AFTER.format(name)] for name in self.states}
        #: What else of the step a gradient needs, and its width.
        self.kept = {node: step.nodes[node].width for node in forward.saved if node not in step.outputs.values()}

    def version(self, params: Sequence[Tensor]) -> Version | None:
        """Of these parameters now; None where no change is seen, or packing is quicker than looking."""
        few = sum([tensor.numel() for tensor in params]) < FEW_NUMBERS
        if few or any(tensor.is_inference() or not tensor.is_contiguous() for tensor in params):
            return None
        known = self._version  # another thread may set it at any moment
        if known is None or not known.holds(params):
            known = self._version = Version(params)
        return known

    def check(self, arguments: Arguments) -> None:
        """Raise `DataError` for a shape or type that the machine code does not expect."""
        found = [arguments.inputs, *arguments.state, *arguments.params, *arguments.initial, *arguments.extras]
        steps, batch, dtype = arguments.inputs.shape[0], arguments.batch, arguments.inputs.dtype
        states = [(batch, size) for size in self.states.values()]
        extras = [
            (steps, batch, width) if value.dim() == 3 else (batch, width)
            for value, width in zip(arguments.extras, self.extras.values(), strict=True)
        ]
        inputs = (steps, self.input_size) if arguments.batch_sizes is not None else (steps, batch, self.input_size)
        expected = [inputs, *states, *self.params.values(), *(states if arguments.initial else ()), *extras]
        if [value.shape for value in found] == expected and {(v.dtype, v.is_cpu) for v in found} == {(dtype, True)}:
            return
        initial = [f"initial {name}" for name in self.states if arguments.initial]
        names = ["inputs", *self.states, *self.params, *initial, *self.extras]
        for name, value, shape in zip(names, found, expected, strict=True):
            if value.shape != shape or value.dtype is not dtype or not value.is_cpu:
                raise DataError(
                    f"'{name}' must be {dtype} of shape {tuple(shape)} on the CPU, "
                    f"found {value.dtype} {tuple(value.shape)} on {value.device}."
                )


@final
class Version:
    """Parameters as they are at some moment; another moment's are the same version while `holds` says so.

    They are the same if the tensors are the same objects, torch counted no change in place since, and some numbers
    taken from all over them are equal: torch does not count what is done to ``weight.data``.
    """

    def __init__(self, params: Sequence[Tensor]) -> None:
        self._tensors = [weakref.ref(tensor) for tensor in params]
        self._counts = [tensor._version for tensor in params]
        self._places = [tensor.data_ptr() for tensor in params]
        self._samples = [_sample(tensor) for tensor in params]
        self._known = [sample.tobytes() for sample in self._samples]

    def holds(self, params: Sequence[Tensor]) -> bool:
        """Whether these are still the same."""
        return (
            all(known() is tensor for known, tensor in zip(self._tensors, params, strict=True))
            and self._counts == [tensor._version for tensor in params]
            and self._places == [tensor.data_ptr() for tensor in params]
            and [sample.tobytes() for sample in self._samples] == self._known
        )


def _sample(tensor: Tensor) -> Array:
    """Some numbers from all over a tensor, where they lie."""
    return _array(tensor).reshape(-1)[:: max(1, tensor.numel() // SAMPLES)]


#: Numbers of a parameter that are looked at.
SAMPLES = 64

#: Parameters with fewer numbers are packed anew every time.
FEW_NUMBERS = 60_000

_engines: dict[tuple[str, torch.dtype, bool], Engine] = {}
_lock = threading.Lock()


def engine(key: str, dtype: torch.dtype) -> Engine:
    """The engine of a cell, compiled once in a process; one of its own where torch is asked to be deterministic."""
    which = (key, dtype, torch.are_deterministic_algorithms_enabled())
    known = _engines.get(which)
    if known is None:
        with _lock:
            known = _engines.get(which) or Engine(*which)
            _engines[which] = known
    return known


@final
class Packed:
    """Arguments as the engine takes them."""

    def __init__(self, arguments: Arguments) -> None:
        self.arguments = arguments
        self.engine = engine(arguments.cell, arguments.inputs.dtype)
        self.engine.check(arguments)
        self.sizes, self.pieces = _layout(arguments)

    def infer(self) -> list[Tensor]:
        """The states at every step that were asked for, and every final state."""
        into, version = self._rooms(), self.engine.version(self.arguments.params)
        states = self.engine.compiled.infer(*self._all(), extras=self._extras(), version=version, into=into)
        return [*self._outputs(states, into), *self._final(states)]

    def keep(self) -> list[Tensor]:
        """As `infer`, and then what `again` is given; without the states at every step where these are among it."""
        into = self._rooms()
        run = self.forward(into)
        outputs = [] if self.arguments.even else self._outputs(run.states, into)
        inputs = [] if self.arguments.in_order else [run.inputs]
        values = [run.saved[node][0] for node in self.engine.kept]
        return [*outputs, *self._final(run.states), *map(torch.from_numpy, (*run.states.values(), *values, *inputs))]

    def forward(self, into: Mapping[str, Spread] | None = None) -> Run:
        """Run and keep what the gradient needs."""
        version = self.engine.version(self.arguments.params)
        return self.engine.compiled.forward(*self._all(), extras=self._extras(), version=version, into=into)

    def _rooms(self) -> dict[str, Spread]:
        """Where the states at every step go that were asked for, unless they lie there anyway."""
        if self.pieces is None:
            return {}
        order, sizes = self.pieces.by_time, list(self.engine.states.items())
        return {name: self._room(order, size) for name, size in sizes[: self.arguments.sequences]}

    def _room(self, order: Order, size: int) -> Spread:
        """Room for packed rows where the inputs of their steps lie, and zeros elsewhere."""
        places, holes = order
        room = memory.empty((len(places) + len(holes), size), PRECISIONS[self.arguments.inputs.dtype])
        room[holes] = 0
        return Spread(room, places)

    def _outputs(self, states: Mapping[str, Array], into: Mapping[str, Spread]) -> list[Tensor]:
        batch, wanted = self.arguments.batch, list(states.items())[: self.arguments.sequences]
        values = [into[name].values if name in into else value[batch:] for name, value in wanted]
        return [torch.from_numpy(v.reshape(*self.arguments.inputs.shape[:-1], v.shape[-1])) for v in values]

    def _final(self, states: Mapping[str, Array]) -> list[Tensor]:
        """Every final state, (batch, size)."""
        finals = [value[-self.sizes[0] :] for value in states.values()]
        leaving = None if self.pieces is None else self.pieces.leaving
        return [torch.from_numpy(value.copy() if leaving is None else value[leaving]) for value in finals]

    def again(self, kept: Sequence[Tensor]) -> Run:
        """The run that left ``kept``."""
        arrays = [value.numpy() for value in kept]
        inputs = self._inputs() if self.arguments.in_order else arrays.pop()
        states = dict(zip(self.engine.states, arrays, strict=False))
        saved: dict[Any, Any] = {node: (states[name], "after") for name, node in self.engine.after.items()}
        saved |= {n: (value, "now") for n, value in zip(self.engine.kept, arrays[len(states) :], strict=True)}
        version = self.engine.version(self.arguments.params)
        return Run(inputs, Steps.of(self.sizes), states, saved, self._params(), self._extras(), version)

    def gradients(self, run: Run, upstream: Sequence[Tensor | None]) -> list[Tensor]:
        """Gradients of `Arguments.differentiable`, from those of what `infer` returns."""
        names = list(self.engine.states)
        steps, last = upstream[: -len(names)], upstream[-len(names) :]
        by_step = {n: self._rows(g) for n, g in zip(names, steps, strict=False) if g is not None}
        by_final = {n: _array(g) for n, g in zip(names, last, strict=True) if g is not None}
        if self.pieces is not None:
            by_final = {name: _placed(value, self.pieces.leaving, self.sizes[0]) for name, value in by_final.items()}
        cut = None if self.arguments.in_order else self.pieces
        into = None if cut is None else self._room(cut.by_time, self.engine.input_size)
        found = self.engine.compiled.backward(run, by_step, by_final, into=into)
        first = [found[f"first {name}"] for name in names]
        states, initial = self._first_gradients(first)
        inputs = found["x"].reshape(self.arguments.inputs.shape)
        return _tensors([inputs, *states, *(found[name] for name in self.engine.params), *initial])

    def _first_gradients(self, first: list[Array]) -> tuple[list[Array], list[Array]]:
        """From the gradients of the first states of all pieces to those of the given and of the initial state."""
        if self.pieces is None:
            return first, []
        batch, rows, entering = self.arguments.batch, self.pieces.rows, self.pieces.entering
        states = [_placed(value[entering], rows[entering], batch) for value in first]
        initial = [np.zeros((batch, value.shape[1]), value.dtype) for value in first[: len(self.arguments.initial)]]
        for total, value in zip(initial, first, strict=False):
            np.add.at(total, rows[~entering], value[~entering])
        return states, initial

    def _all(self) -> tuple[Array, Array, dict[str, Array], dict[str, Array]]:
        return self._inputs(), self.sizes, self._first(), self._params()

    def _inputs(self) -> Array:
        return self._packed(self.arguments.inputs)

    def _params(self) -> dict[str, Array]:
        return dict(zip(self.engine.params, map(_array, self.arguments.params), strict=True))

    def _first(self) -> dict[str, Array]:
        """The first state of every piece."""
        state = dict(zip(self.engine.states, map(_array, self.arguments.state), strict=True))
        if self.pieces is None:
            return state
        rows = self.pieces.rows
        first = {name: value[rows] for name, value in state.items()}
        for name, initial in zip(state, map(_array, self.arguments.initial), strict=False):
            first[name] = np.where(self.pieces.entering[:, None], first[name], initial[rows])
        return first

    def _extras(self) -> dict[str, Array]:
        return {
            name: self._packed(value) if value.dim() == 3 else self._of_pieces(_array(value))
            for name, value in zip(self.engine.extras, self.arguments.extras, strict=True)
        }

    def _of_pieces(self, value: Array) -> Array:
        """One row for each piece, from one for each row of the batch."""
        return value if self.pieces is None else value[self.pieces.rows]

    def _packed(self, tensor: Tensor) -> Array:
        """Rows in the order of steps."""
        rows = self._rows(tensor)
        return take(*rows) if isinstance(rows, Spread) else rows

    def _rows(self, tensor: Tensor) -> Array | Spread:
        """The same, where they lie."""
        if self.arguments.in_order or self.pieces is None:
            rows = _array(tensor)
            return rows.reshape(-1, rows.shape[-1])
        turned = tensor.transpose(0, 1)
        by_row = tensor.dim() == 3 and turned.is_contiguous()
        rows = _array(turned if by_row else tensor)
        return Spread(rows.reshape(-1, rows.shape[-1]), (self.pieces.by_row if by_row else self.pieces.by_time).places)


def _layout(arguments: Arguments) -> tuple[Array, Pieces | None]:
    """How many rows run at each step, and the pieces that they belong to where these are not simply the batch."""
    batch, sizes = arguments.batch, arguments.batch_sizes
    if sizes is not None:
        counts = sizes.numpy()
        if Steps.of(counts).batch != batch or Steps.of(counts).rows != arguments.inputs.shape[0]:
            raise DataError(
                f"batch_sizes must begin with {batch} and sum up to {arguments.inputs.shape[0]}, "
                f"found {sizes[0]} and {sizes.sum()}."
            )
        return counts, Pieces.of_packed(counts, arguments.reverse)
    time = arguments.inputs.shape[0]
    if arguments.in_order:
        return _dense(time, batch), None
    lengths, resets = (None if value is None else value.numpy() for value in (arguments.lengths, arguments.resets))
    pieces = Pieces.of(batch, time, lengths, resets, arguments.reverse)
    return pieces.sizes, pieces


@lru_cache(maxsize=64)
def _dense(time: int, batch: int) -> Array:
    return np.full(time, batch)


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.contiguous().numpy(force=True)
    return array


def _placed(values: Array, places: Array, rows: int) -> Array:
    """``values`` in some of the rows of an array, zeros in the others."""
    room = memory.empty((rows, values.shape[1]), values.dtype)
    if len(places) < rows:
        room.fill(0)
    room[places] = values
    return room


def _tensors(arrays: Iterable[Array]) -> list[Tensor]:
    """The arrays as tensors; one that stands for several gets copies, as gradients are changed in place."""
    found: dict[int, Array] = {}
    for array in arrays:
        array = array.copy() if id(array) in found else array
        found[id(array)] = array
    return [torch.from_numpy(array) for array in found.values()]


def _product(a: Array, b: Array, out: Array, add: bool) -> None:
    left, right, total = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(out)
    if add:
        total.addmm_(left, right)
    else:
        torch.mm(left, right, out=total)


def _take(rows: Array, places: Array, out: Array) -> None:
    torch.index_select(torch.from_numpy(rows), 0, torch.from_numpy(places), out=torch.from_numpy(out))


use_library(_product, _take)
use_pool(torch_pool())
