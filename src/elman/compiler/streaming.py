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
from elman.cells.cell import ELAPSED
from elman.compiler.graph import Builder, Graph, Id, Node
from elman.compiler.loop import Loop
from elman.compiler.machine import Host
from elman.compiler.memory import memory
from elman.compiler.schedule import Schedule, schedule_hoisted, schedule_step
from elman.compiler.steps import Place, Steps
from elman.compiler.tile import Target
from elman.compiler.trace import trace
from elman.compiler.vector import Precision
from elman.errors import UsageError

Array = NDArray[Any]
State: TypeAlias = dict[str, Array]


#: Rows from which products of the input are worth a call of their own.
MANY_ROWS = 16

#: Symbols up to which what the first layer makes of them is computed before any comes.
FEW_SYMBOLS = 1024

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
        embedding: Features of each symbol, (symbols, input_size): inputs are then symbols. Where these are few, what
            the first layer's products make of each is computed only once.
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
        *,
        embedding: Array | None = None,
        precision: StreamPrecision = "float32",
        host: Host | None = None,
    ) -> None:
        numbers: Precision = "float64" if precision == "float64" else "float32"
        target = Target(numbers, host or Host.here(), bfloat16=precision == "bfloat16")
        self._layers = [
            _of_cell(cell, params, number, target, None if number else embedding)
            for number, (cell, params) in enumerate(cells)
        ]
        if head is not None:
            self._layers.append(_linear(*head, target))
        self._free: dict[int, list[_Desk]] = defaultdict(list)

    def step(self, inputs: Array, state: Mapping[str, Array], *, elapsed: Array | None = None) -> tuple[Array, State]:
        """One step of every row.

        Args:
            inputs: (B, input_size), or symbols (B,).
            state: Before the step, (B, size) each; it is not changed.
            elapsed: The time since the step before, (B,), for cells that use it; 1 where it is left out.

        Returns:
            The results, (B, outputs), and the state after the step.
        """
        free = self._free[len(inputs)]
        try:
            desk = free.pop()
        except IndexError:  # all are in use
            desk = self._desk(len(inputs))
        found = desk.step(inputs, state, elapsed)
        free.append(desk)
        return found

    def run(
        self,
        inputs: Array,
        state: Mapping[str, Array],
        *,
        elapsed: Array | None = None,
        hoist: bool = True,
        last: bool = False,
    ) -> tuple[Array, State]:
        """Many steps, all in one or two calls of machine code for each layer.

        Args:
            inputs: (T, B, input_size), or symbols (T, B).
            state: Before the first step, (B, size) each; it is not changed.
            elapsed: The time since the step before, (T, B), for cells that use it; 1 where it is left out.
            hoist: Where steps are many, multiply their inputs before the loop over them, which is quicker and gives
                the same numbers; without it a layer is one loop whose every step waits for the one before.
            last: Only the results of the last step are wanted.

        Returns:
            The results of all steps, (T, B, outputs), or of the last, (1, B, outputs), and the state after it.
        """
        time, batch = inputs.shape[:2]
        after: State = {}
        for layer in self._layers:
            if last and not layer.states:
                inputs, time = inputs[-1:], 1
            room = layer.room(layer.given(inputs, elapsed), time, batch)
            room.take(state)
            layer.run(room, hoist=hoist and time > 1 and time * batch >= MANY_ROWS)
            inputs, after = room.results.reshape(time, batch, -1), after | room.give()
        return (inputs[-1:] if last else inputs), after

    def _desk(self, batch: int) -> _Desk:
        first = self._layers[0]
        given = first.blank(batch)
        desk = _Desk([(rows, first.tables.get(place)) for place, rows in given.items()], [], [], [])
        for layer in self._layers:
            desk.add(layer, dict(given) if layer is first else {layer.x: desk.results}, batch)
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


@dataclass(frozen=True)
class _Desk:
    """One step of all layers, ready to go: nothing of it is made anew for the next one.

    Attributes:
        inputs: Rows that the first layer reads, and what symbols stand for there, where inputs are symbols.
        elapsed: Rows of the time since the step before, of the layers that use it.
        rooms: Of each layer; what one leaves lies where the next one reads it.
        calls: Of machine code: function, address of its frame, frame.
    """

    inputs: list[tuple[Array, Array | None]]
    elapsed: list[Array]
    rooms: list[_Room]
    calls: list[tuple[Callable[[int, int], None], int, Any]]

    @property
    def results(self) -> Array:
        """Of the last layer."""
        return self.rooms[-1].results

    def add(self, layer: _Layer, given: dict[Id, Array], batch: int) -> None:
        if layer.elapsed is not None:
            given[layer.elapsed] = layer.rows(layer.elapsed, batch)
            self.elapsed.append(given[layer.elapsed])
        room = layer.room(given, 1, batch)
        frame = layer.each.frame(room.places, room.steps)
        self.calls.append((layer.each.loop.call, ctypes.addressof(frame), frame))
        self.rooms.append(room)

    def step(self, inputs: Array, state: Mapping[str, Array], elapsed: Array | None) -> tuple[Array, State]:
        for rows, table in self.inputs:
            rows[:] = inputs if table is None else table[inputs]
        for rows in self.elapsed:
            rows[:] = 1 if elapsed is None else elapsed[:, None]
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

    def at_once(self, given: dict[Id, Array]) -> dict[Id, Array]:
        """Take all rows for those of one step: what is given, and what comes of it."""
        nodes, count = self.loop.plan.graph.nodes, len(next(iter(given.values())))
        found = {
            place: memory.empty((count, nodes[place].width), self.loop.target.precision)
            for place in self.loop.plan.rows
        }
        self.run({place: (rows, "now") for place, rows in (given | found).items()}, Steps.of([count]))
        return given | found

    def _furnish(self, places: dict[Id, Place], steps: Steps) -> None:
        """Give room to the values that only the step itself needs."""
        nodes, precision = self.loop.plan.graph.nodes, self.loop.target.precision
        for slot in self.loop.kernel.slots:
            if slot not in places and slot not in self.weights.values:
                places[slot] = (memory.empty((steps.batch, nodes[slot].width), precision), "always")


@final
class _Layer:
    """A step with fixed parameters; its first result is what the next layer reads.

    Attributes:
        x: The input.
        elapsed: The time since the step before; None where the step does not use it.
        states: Name of a state -> its name in the stack.
        tables: Where inputs are symbols: node that the loop reads -> its value for each symbol.
    """

    def __init__(
        self, graph: Graph, params: Mapping[str, Array], states: dict[str, str], target: Target, embedding: Array | None
    ) -> None:
        self._graph, self._params, self._target = graph, params, target
        self.x: Id = graph.leaves("input")["x"]
        self.elapsed: Id | None = graph.leaves("input").get(ELAPSED)
        self.states = states
        self.tables: dict[Id, Array] = {}
        if embedding is not None:
            self.tables[self.x] = np.ascontiguousarray(embedding, target.precision)
        self._known = embedding is not None and len(embedding) <= FEW_SYMBOLS and self._hoists_of_x_alone()
        if self._known and self._hoisted is not None:
            values = self._hoisted[0].at_once(self.tables)
            self.tables = {place: rows for place, rows in values.items() if place in self.each.loop.kernel.slots}

    @cached_property
    def each(self) -> _Fixed:
        """What computes a step from what is given."""
        if self._known and self._hoisted is not None:
            return self._hoisted[1]
        return _Fixed(schedule_step(self._graph, hoist=False), self._params, self._target)

    @cached_property
    def _hoisted(self) -> tuple[_Fixed, _Fixed] | None:
        """What all steps may share, and what is left of each; None where they share nothing."""
        plan = schedule_step(self._graph)
        if not plan.hoisted or not plan.stages:
            return None
        shared = _Fixed(schedule_hoisted(plan), self._params, self._target)
        return shared, _Fixed(plan, self._params, self._target)

    def _hoists_of_x_alone(self) -> bool:
        """Whether the steps share something that nothing but their inputs decides."""
        return self._hoisted is not None and self.elapsed not in self._hoisted[0].loop.kernel.slots

    def rows(self, place: Id, count: int) -> Array:
        """Memory for so many rows of a node."""
        return memory.empty((count, self._graph.nodes[place].width), self._target.precision)

    def blank(self, batch: int) -> dict[Id, Array]:
        """Room for what is given to one step."""
        return {place: self.rows(place, batch) for place in self.tables or [self.x]}

    def given(self, inputs: Array, elapsed: Array | None) -> dict[Id, Array]:
        """Rows of the inputs of many steps, (T, B, features) or symbols (T, B), and of the time between them (T, B)."""
        found: dict[Id, Array] = {}
        if self.elapsed is not None:
            times = np.ones(inputs.shape[:2]) if elapsed is None else elapsed
            found[self.elapsed] = np.ascontiguousarray(times, self._target.precision).reshape(-1, 1)
        if self.tables:
            return found | {place: table[inputs.reshape(-1)] for place, table in self.tables.items()}
        return found | {self.x: np.ascontiguousarray(inputs, self._target.precision).reshape(-1, inputs.shape[-1])}

    def room(self, given: Mapping[Id, Array], time: int, batch: int) -> _Room:
        """Memory for ``time`` steps that read what is given, (time * batch, width) each."""
        graph, leaves = self._graph, self._graph.leaves("state")
        # Without states all steps are rows of one.
        steps = Steps.of([batch] * time if self.states else [batch * time])
        first = batch if self.states else 0
        places: dict[Id, Place] = {place: (rows, "now") for place, rows in given.items()}
        results = [self.rows(place, first + steps.rows) for place in graph.outputs.values()]
        for place, rows in zip(graph.outputs.values(), results, strict=True):
            places[place] = (rows, "after" if self.states else "now")
        before: State = {}
        after: State = {}
        # The first results are the states, in their order.
        for (name, key), rows in zip(self.states.items(), results, strict=False):
            places[leaves[name]] = (rows, "before")
            before[key], after[key] = rows[:batch], rows[steps.rows :]
        return _Room(steps, places, before, after, results[0][first:])

    def run(self, room: _Room, *, hoist: bool) -> None:
        """Run all steps of a room."""
        if not hoist or self._known or self._hoisted is None:
            self.each.run(room.places, room.steps)
            return
        shared, rest = self._hoisted
        values = shared.at_once({leaf: room.places[leaf][0] for leaf in (self.x, self.elapsed) if leaf is not None})
        rest.run(room.places | {place: (rows, "now") for place, rows in values.items()}, room.steps)


def _of_cell(cell: Cell, params: Mapping[str, Array], number: int, target: Target, embedding: Array | None) -> _Layer:
    if unknown := cell.extras.keys() - {ELAPSED}:
        raise UsageError(f"The cell {cell.name} needs {', '.join(unknown)} at every step; it cannot be streamed.")
    target = replace(target, activations=cell.activations)
    return _Layer(trace(cell), params, {name: f"{name}_l{number}" for name in cell.state_sizes}, target, embedding)


def _linear(weight: Array, bias: Array, target: Target) -> _Layer:
    """A layer without a state: ``x @ weight.T + bias``."""
    builder = Builder()
    outputs, features = weight.shape
    x = builder.add(Node("input", width=features, name="x"))
    matrix = builder.add(Node("parameter", width=outputs, columns=features, name="weight"))
    shift = builder.add(Node("parameter", width=outputs, name="bias"))
    builder.name_results({"y": builder.elementwise("add", builder.linear(x, matrix), shift)}, loop=[x])
    return _Layer(builder.graph, {"weight": weight, "bias": bias}, {}, target, None)
