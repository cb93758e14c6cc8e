"""Cells whose parameters stay as they are, made ready to be stepped.

Weights are packed once, and all that a step reads and writes lies in memory that waits for it, so that a call costs
little more than the step itself.
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elman.cells import Cell
from elman.compiler.graph import Builder, Graph, Id, Node
from elman.compiler.loop import Loop, Place
from elman.compiler.machine import Host
from elman.compiler.memory import memory
from elman.compiler.schedule import Schedule, schedule_hoisted, schedule_step
from elman.compiler.steps import Steps
from elman.compiler.tile import Target
from elman.compiler.trace import trace
from elman.compiler.vector import Precision
from elman.errors import UsageError

Array = NDArray[Any]
State: TypeAlias = dict[str, Array]


#: Rows from which products of the input are worth a call of their own.
MANY_ROWS = 16

#: What numbers are: "bfloat16" is float32 with the weights of all products kept in half of their bytes.
StreamPrecision: TypeAlias = Literal["float32", "float64", "bfloat16"]


@final
class StreamingStack:
    """Cells on top of each other, and a linear layer over them, in machine code that any number of streams may share.

    It has weights and no state: states go in and come out as values, named as in `elman.nn.Recurrent`, ``hidden_l0``
    and so on. The numbers are the same bits alone or in a batch, by `step` or by `run`. Threads may share a stack.

    Args:
        cells: From the bottom up, each with its parameters by name.
        head: Weight (outputs, features of the last cell's output) and bias (outputs,) of the linear layer; without
            it the results are the last cell's output.
        precision: Of all arrays. With ``"bfloat16"`` they are float32, but every matrix that multiplies is rounded to
            bfloat16 (8 bits of mantissa, to the nearest and of two equally near ones to the even): half of the bytes
            that a step reads, and results that are off by some thousandths.

    Raises `UsageError` for a cell that cannot be compiled or that needs further inputs.

    >>> from elman.cells import make
    >>> cell = make("rnn", 2, 3)
    >>> params = {name: np.ones(parameter.shape, np.float32) for name, parameter in cell.parameters().items()}
    >>> stack = StreamingStack([(cell, params)])
    >>> result, state = stack.step(np.zeros((1, 2)), {"hidden_l0": np.zeros((1, 3))})
    >>> result.round(3)
    array([[0.964, 0.964, 0.964]], dtype=float32)
    """

    def __init__(
        self,
        cells: Sequence[tuple[Cell, Mapping[str, Array]]],
        head: tuple[Array, Array] | None = None,
        precision: StreamPrecision = "float32",
        host: Host | None = None,
    ) -> None:
        numbers: Precision = "float64" if precision == "float64" else "float32"
        target = Target(numbers, host or Host.here(), bfloat16=precision == "bfloat16")
        self._layers = [_of_cell(cell, params, number, target) for number, (cell, params) in enumerate(cells)]
        if head is not None:
            self._layers.append(_linear(*head, target))
        self._free: dict[int, list[_Desk]] = defaultdict(list)

    def step(self, inputs: Array, state: Mapping[str, Array]) -> tuple[Array, State]:
        """One step of every row.

        Args:
            inputs: (B, input_size).
            state: Before the step, (B, size) each; it is not changed.

        Returns:
            The results, (B, outputs), and the state after the step.
        """
        free = self._free[len(inputs)]
        desk = free.pop() if free else self._desk(len(inputs))
        found = desk.step(inputs, state)
        free.append(desk)
        return found

    def run(
        self, inputs: Array, state: Mapping[str, Array], *, hoist: bool = True, last: bool = False
    ) -> tuple[Array, State]:
        """Many steps, all in one or two calls of machine code for each layer.

        Args:
            inputs: (T, B, input_size).
            state: Before the first step, (B, size) each; it is not changed.
            hoist: Where steps are many, multiply their inputs before the loop over them, which is quicker and gives
                the same numbers; without it a layer is one loop whose every step waits for the one before.
            last: Only the results of the last step are wanted.

        Returns:
            The results of all steps, (T, B, outputs), or of the last, (1, B, outputs), and the state after it.
        """
        time, batch = inputs.shape[:2]
        rows = np.ascontiguousarray(inputs, self._layers[0].dtype).reshape(time * batch, -1)
        after: State = {}
        for layer in self._layers:
            if last and not layer.states:
                rows, time = rows[-batch:], 1
            room = layer.room(rows, time, batch)
            room.take(state)
            layer.run(room, hoist=hoist and len(rows) >= MANY_ROWS)
            rows, after = room.results, after | room.give()
        results = rows.reshape(time, batch, -1)
        return (results[-1:] if last else results), after

    def _desk(self, batch: int) -> _Desk:
        rows = np.zeros((batch, self._layers[0].width), self._layers[0].dtype)
        desk = _Desk(rows, [], [], rows)
        for layer in self._layers:
            desk.add(layer, layer.room(desk.results, 1, batch))
        return desk


@dataclass(frozen=True)
class _Room:
    """Memory for some steps of a layer.

    Attributes:
        steps: How many, of how many rows.
        places: What the loop reads and writes.
        before: Name of a state -> its rows before the first step.
        after: The same after the last step.
        results: Of all steps.
    """

    steps: Steps
    places: dict[Id, Place]
    before: State
    after: State
    results: Array

    def take(self, state: Mapping[str, Array]) -> None:
        """Copy a state to where the first step reads it."""
        for name, array in self.before.items():
            array[:] = state[name]

    def give(self) -> State:
        """Copies of the state after the last step."""
        return {name: array.copy() for name, array in self.after.items()}


@dataclass
class _Desk:
    """One step of all layers, ready to go: nothing of it is made anew for the next one.

    Attributes:
        inputs: Of the first layer.
        rooms: Of each layer; what one leaves lies where the next one reads it.
        calls: Of machine code: function, address of its frame, frame.
        results: Of the last layer.
    """

    inputs: Array
    rooms: list[_Room]
    calls: list[tuple[Callable[[int, int], None], int, Any]]
    results: Array

    def add(self, layer: _Layer, room: _Room) -> None:
        frame = layer.alone.frame(room.places, room.steps)
        self.calls.append((layer.alone.loop.call, ctypes.addressof(frame), frame))
        self.rooms.append(room)
        self.results = room.results

    def step(self, inputs: Array, state: Mapping[str, Array]) -> tuple[Array, State]:
        self.inputs[:] = inputs
        for room in self.rooms:
            room.take(state)
        for call, frame, _ in self.calls:
            call(frame, 0)
        after: State = {}
        for room in self.rooms:
            after.update(room.give())
        return self.results.copy(), after


@final
class _Fixed:
    """A schedule's loop and its weights."""

    def __init__(self, plan: Schedule, params: Mapping[str, Array], target: Target) -> None:
        self.loop = Loop(plan, target, reverse=False)
        self.weights = self.loop.prepare(params)

    def run(self, places: dict[Id, Place], steps: Steps) -> None:
        """Run all steps."""
        self._furnish(places, steps)
        self.loop.run(self.weights, places, steps)

    def frame(self, places: dict[Id, Place], steps: Steps) -> Any:
        """What the loop is called with, again and again, by one thread."""
        self._furnish(places, steps)
        return self.loop.frame(self.weights, places, steps)

    def _furnish(self, places: dict[Id, Place], steps: Steps) -> None:
        """Give room to the values that only the step itself needs."""
        nodes, precision = self.loop.plan.graph.nodes, self.loop.target.precision
        for slot in self.loop.kernel.slots:
            if slot not in places and slot not in self.weights.values:
                places[slot] = (memory.empty((steps.batch, nodes[slot].width), precision), "always")


@final
class _Layer:
    """A step with fixed parameters; its first result is what the next layer reads."""

    def __init__(self, graph: Graph, params: Mapping[str, Array], states: dict[str, str], target: Target) -> None:
        self.graph, self.params, self.states, self.target = graph, params, states, target
        self.width = graph.nodes[graph.leaves("input")["x"]].width
        self.dtype = np.dtype(target.precision)
        #: The step with the products of its input.
        self.alone = _Fixed(schedule_step(graph, hoist=False), params, target)

    @cached_property
    def hoisted(self) -> tuple[_Fixed, _Fixed] | None:
        """What all steps may share, and what is left of each; None where they share nothing."""
        plan = schedule_step(self.graph)
        if not plan.hoisted or not plan.stages:
            return None
        ahead = _Fixed(schedule_hoisted(plan), self.params, self.target)
        return ahead, _Fixed(plan, self.params, self.target)

    def run(self, room: _Room, *, hoist: bool) -> None:
        """Run all steps of a room."""
        if not hoist or self.hoisted is None:
            self.alone.run(room.places, room.steps)
            return
        ahead, rest = self.hoisted
        for place in ahead.loop.plan.rows:
            values = memory.empty((room.steps.rows, self.graph.nodes[place].width), self.dtype)
            room.places[place] = (values, "now")
        ahead.run(dict(room.places), Steps.of([room.steps.rows]))
        rest.run(room.places, room.steps)

    def room(self, inputs: Array, time: int, batch: int) -> _Room:
        """Memory for ``time`` steps that read ``inputs`` (time * batch, width)."""
        graph, leaves = self.graph, self.graph.leaves("state")
        # Without states all steps are rows of one.
        steps = Steps.of([batch] * time if self.states else [batch * time])
        first = batch if self.states else 0
        places: dict[Id, Place] = {graph.leaves("input")["x"]: (inputs, "now")}
        rows = [memory.empty((first + steps.rows, graph.nodes[p].width), self.dtype) for p in graph.outputs.values()]
        for place, array in zip(graph.outputs.values(), rows, strict=True):
            places[place] = (array, "after" if self.states else "now")
        before: State = {}
        after: State = {}
        # The first results are the states, in their order.
        for (name, key), array in zip(self.states.items(), rows, strict=False):
            places[leaves[name]] = (array, "before")
            before[key], after[key] = array[:batch], array[steps.rows :]
        return _Room(steps, places, before, after, rows[0][first:])


def _of_cell(cell: Cell, params: Mapping[str, Array], number: int, target: Target) -> _Layer:
    if cell.extras:
        raise UsageError(f"The cell {cell.name} needs {', '.join(cell.extras)} at every step; it cannot be streamed.")
    target = replace(target, activations=cell.activations)
    return _Layer(trace(cell), params, {name: f"{name}_l{number}" for name in cell.state_sizes}, target)


def _linear(weight: Array, bias: Array, target: Target) -> _Layer:
    """A layer without a state: ``x @ weight.T + bias``."""
    builder = Builder()
    outputs, features = weight.shape
    x = builder.add(Node("input", width=features, name="x"))
    matrix = builder.add(Node("parameter", width=outputs, columns=features, name="weight"))
    shift = builder.add(Node("parameter", width=outputs, name="bias"))
    builder.name_results({"y": builder.elementwise("add", builder.linear(x, matrix), shift)}, loop=[x])
    return _Layer(builder.graph, {"weight": weight, "bias": bias}, {}, target)
