"""A compiled cell over NumPy arrays: the loops in machine code, the large products around them in NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.cells import Cell
from elman.compiler.adjoint import CARRIED, GRAD, adjoint
from elman.compiler.graph import OPS, Graph, Id
from elman.compiler.kernel import Kernel, Pack, write_kernel
from elman.compiler.machine import Code, lanes
from elman.compiler.schedule import Schedule, schedule_training
from elman.compiler.trace import AFTER, trace
from elman.compiler.vector import Precision

Array = NDArray[Any]
Values = dict[Id, Array]

_POINTERS = ctypes.POINTER(ctypes.c_void_p)


@dataclass(frozen=True)
class Trace:
    """What a forward run leaves for its gradient.

    Attributes:
        inputs: (time, batch, input_size).
        states: State name -> (time + 1, batch, size); the first is the one before the first step.
        saved: Node -> (time, batch, width).
        params: The parameters it ran with.
    """

    inputs: Array
    states: dict[str, Array]
    saved: Values
    params: Mapping[str, Array]


class CompiledCell:
    """One cell's forward and backward time loops in machine code.

    Arrays are (time, batch, features), contiguous, in the precision that was compiled for.

    >>> from elman.cells import make
    >>> cell = CompiledCell(make("rnn", 2, 3), "float64")
    >>> params = {n: np.zeros(p.shape) for n, p in cell.cell.parameters().items()}
    >>> run = cell.forward(np.ones((4, 1, 2)), {"hidden": np.zeros((1, 3))}, params)
    >>> run.states["hidden"].shape
    (5, 1, 3)
    """

    def __init__(self, cell: Cell, precision: Precision = "float32") -> None:
        self.cell, self.precision = cell, precision
        self.step = trace(cell)
        self.derived = adjoint(self.step)
        self.ahead, self.back = schedule_training(self.step, self.derived)
        width = lanes(precision)
        self._forward = _Loop(write_kernel(self.ahead, precision, width, reverse=False), width)
        self._backward = _Loop(write_kernel(self.back, precision, width, reverse=True), width)

    def forward(self, inputs: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> Trace:
        """Run over ``inputs`` from ``state`` (name -> (batch, size))."""
        plan, graph = self.ahead, self.step
        time, batch, _ = inputs.shape
        values = _constant_values(plan, params)
        over_time: Values = dict.fromkeys(graph.leaves("input").values(), inputs)
        _compute(graph, plan.hoisted, values | over_time, over_time)
        states = {name: np.empty((time + 1, *value.shape), inputs.dtype) for name, value in state.items()}
        rows = _rows(plan, set(plan.saved), time, batch, inputs.dtype)
        for name, value in state.items():
            states[name][0] = value
            over_time[graph.leaves("state")[name]] = states[name][:-1]
            rows[graph.outputs[AFTER.format(name)]] = states[name][1:]
        self._forward.run(graph, values, {**over_time, **rows}, time, batch)
        known = {**over_time, **rows}
        return Trace(inputs, states, {place: known[place] for place in plan.saved}, params)

    def backward(self, run: Trace, upstream: Mapping[str, Array], last: Mapping[str, Array]) -> dict[str, Array]:
        """Gradients of a run.

        Args:
            run: What `forward` returned.
            upstream: State name -> (time, batch, size), the gradient of the loss by the state after each step.
            last: State name -> (batch, size), further gradients of the final states.

        Returns:
            ``x`` (time, batch, input_size), ``"first hidden"`` and so on (batch, size), and every parameter.
        """
        plan, graph = self.back, self.derived.graph
        time, batch, _ = run.inputs.shape
        values = _constant_values(plan, run.params)
        inputs, states = graph.leaves("input"), graph.leaves("state")
        over_time: Values = {inputs["x"]: run.inputs, **run.saved}
        over_time |= {states[name]: value[:-1] for name, value in run.states.items()}
        after = {
            place for share in self.derived.parameters for place in (share.grad, share.operand) if place is not None
        }
        after |= {operand for place in plan.deferred for operand in graph.nodes[place].operands}
        rows = _rows(plan, after | {graph.outputs[GRAD.format("x")]}, time, batch, run.inputs.dtype)
        # One place for each step: what a step hands on must not cover what it was handed while it still reads that.
        carried = {name: np.empty((time + 1, *value.shape), run.inputs.dtype) for name, value in last.items()}
        for name, value in carried.items():
            value[-1] = last[name]
            over_time[inputs[GRAD.format(AFTER.format(name))]] = upstream[name]
            over_time[inputs[CARRIED.format(name)]] = value[1:]
            rows[graph.outputs[GRAD.format(name)]] = value[:-1]
        self._backward.run(graph, values, {**over_time, **rows}, time, batch)
        over_time |= rows
        _compute(graph, plan.deferred, values | over_time, over_time)
        found = {"x": over_time[graph.outputs[GRAD.format("x")]]}
        found |= {f"first {name}": value[0] for name, value in carried.items()}
        return found | self._parameter_gradients(values | over_time, run.params)

    def _parameter_gradients(self, values: Values, params: Mapping[str, Array]) -> dict[str, Array]:
        found = {name: np.zeros_like(value) for name, value in params.items()}
        for share in self.derived.parameters:
            index, count = share.part
            block = np.split(found[share.name], count)[index]
            grad = values[share.grad].reshape(-1, values[share.grad].shape[-1])
            if share.operand is None:
                block += grad.sum(0)
            else:
                operand = values[share.operand]
                block += grad.T @ operand.reshape(-1, operand.shape[-1])
        return found


class _Loop:
    """A kernel in machine code."""

    def __init__(self, kernel: Kernel, width: int) -> None:
        self.kernel, self.width = kernel, width
        self.code = Code(kernel.module)
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 3)
        self.call = kind(self.code.address(kernel.name))

    def run(self, graph: Graph, fixed: Values, moving: Values, time: int, batch: int) -> None:
        """Run all rows; ``fixed`` values are the same for all rows and steps, ``moving`` are (time, batch, width)."""
        packed = [pack_weights(graph, pack, fixed, self.width) for pack in self.kernel.packs]
        bases = np.empty(len(self.kernel.slots), np.uintp)
        strides = np.zeros((len(self.kernel.slots), 2), np.int64)
        for n, slot in enumerate(self.kernel.slots):
            if slot in moving:
                array = moving[slot]
                sizes = [stride // array.itemsize for stride in array.strides]
                strides[n] = (sizes[0], sizes[1]) if array.ndim == 3 else (0, sizes[0])
            else:
                array = fixed[slot]
            bases[n] = array.ctypes.data
        weights = np.array([array.ctypes.data for array in packed], np.uintp)
        self.call(bases.ctypes.data, strides.ctypes.data, weights.ctypes.data, time, 0, batch)


def pack_weights(graph: Graph, pack: Pack, fixed: Values, width: int) -> Array:
    """Matrices in the order in which the loop reads them: [block][operand's feature][product][vector]."""
    blocks = -(-pack.unit // width)
    depth = graph.nodes[pack.operand].width
    columns = []
    for place, start in pack.products:
        node = graph.nodes[place]
        matrix = fixed[node.operands[1]]
        columns.append((matrix.T if node.op == "linear" else matrix)[:, start : start + pack.unit])
    dtype = columns[0].dtype
    # Vectors are read whole, so they begin at multiples of their size.
    room = np.zeros(blocks * depth * len(columns) * width + width, dtype)
    offset = -room.ctypes.data // room.itemsize % width
    packed = room[offset : offset + blocks * depth * len(columns) * width].reshape(blocks, depth, len(columns), width)
    for n, column in enumerate(columns):
        padded = np.zeros((depth, blocks * width), dtype)
        padded[:, : pack.unit] = column
        packed[:, :, n] = padded.reshape(depth, blocks, width).transpose(1, 0, 2)
    return packed


def _constant_values(plan: Schedule, params: Mapping[str, Array]) -> Values:
    graph = plan.graph
    dtype = next(iter(params.values())).dtype
    values: Values = {
        place: np.full(node.width, node.value, dtype) for place, node in enumerate(graph.nodes) if node.op == "constant"
    }
    values |= {place: np.ascontiguousarray(params[name]) for name, place in graph.leaves("parameter").items()}
    _compute(graph, plan.once, values, values)
    return {place: np.ascontiguousarray(value) for place, value in values.items()}


def _compute(graph: Graph, places: tuple[Id, ...], known: Values, into: Values) -> None:
    for place in places:
        node = graph.nodes[place]
        into[place] = known[place] = OPS[node.op].compute(node, *(known[operand] for operand in node.operands))


def _rows(plan: Schedule, kept: set[Id], time: int, batch: int, dtype: Any) -> Values:
    """Room for the rows of the loop: for all steps where they are needed afterwards, else for one."""
    sums = {place for stage in plan.stages for place in stage.sums}
    return {
        place: np.empty((*((time,) if place in kept else ()), batch, plan.graph.nodes[place].width), dtype)
        for place in {*plan.rows, *sums}
    }
