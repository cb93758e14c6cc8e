"""A compiled cell over packed arrays: the time loops in machine code, the large products around them elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.cells import Cell
from elman.compiler.adjoint import CARRIED, GRAD, Adjoint, adjoint
from elman.compiler.all_steps import (
    all_rows,
    compute,
    compute_deferred,
    operands_of,
    parameter_gradients,
    rows_of_loop,
    with_last,
)
from elman.compiler.desk import Desk
from elman.compiler.graph import Id
from elman.compiler.loop import Loop
from elman.compiler.machine import Host
from elman.compiler.memory import memory
from elman.compiler.schedule import (
    TWICE,
    Schedule,
    is_elementwise,
    schedule_hoisted,
    schedule_step,
    schedule_training,
    written_twice,
)
from elman.compiler.steps import Place, Spread, Steps
from elman.compiler.tile import Target
from elman.compiler.trace import AFTER, trace
from elman.compiler.vector import Precision

Array = NDArray[Any]


#: Multiplications of a whole run up to which memory is kept for the next one.
SHORT_RUN = 150_000_000

#: Desks that are kept, one for each size of a batch.
DESKS = 8

#: Sequences at once that make products inside the loop worth while, where others are there in any case.
MANY_ROWS = 8

#: Bytes of weights up to which they are: forward they save a large product's way through memory and back.
NEAR_WEIGHTS = {"forward": 2_200_000, "infer": 2_200_000, "backward": 600_000}


@final
@dataclass(frozen=True)
class Run:
    """What a forward run leaves for its gradient.

    Attributes:
        inputs: (N, input_size).
        steps: The layout of the rows.
        states: State name -> (N + B, size), those before each row and the final ones; see `Steps`.
        saved: Node -> where its values lie.
        params: The parameters it ran with.
        extras: Further inputs, (N, width) or (B, width).
        version: Of the parameters, see `CompiledCell.forward`.
    """

    inputs: Array
    steps: Steps
    states: dict[str, Array]
    saved: dict[Id, Place]
    params: Mapping[str, Array]
    extras: Mapping[str, Array]
    version: object = None

    def final(self) -> dict[str, Array]:
        """The state after each sequence's last step, (B, size) each."""
        return {name: value[self.steps.rows :] for name, value in self.states.items()}

    def after(self, name: str) -> Array:
        """A state after each row, (N, size)."""
        return all_rows((self.states[name], "after"), self.steps)


@final
class CompiledCell:
    """One cell's time loops in machine code: forward, backward, and forward without what a gradient needs.

    Arrays are packed as `Steps` says, contiguous, in the precision that was compiled for. Missing gradients are zero.
    What goes out of a step, and the gradients that come in for it, may be `Spread` over arrays of other rows.

    The loops compute every number of a row as the same sum in the same order, whatever else is in the batch and
    however many threads there are; large products outside them are whatever their library does. With
    ``deterministic`` no product of a row is outside, so that its states and the gradients of its inputs are the same
    bits in any batch, with any padding, thread count and cut into several runs.

    >>> from elman.cells import make
    >>> cell = CompiledCell(make("rnn", 2, 3), "float64")
    >>> params = {n: np.zeros(p.shape) for n, p in cell.cell.parameters().items()}
    >>> run = cell.forward(np.ones((7, 2)), [2, 2, 2, 1], {"hidden": np.zeros((2, 3))}, params)
    >>> run.states["hidden"].shape
    (9, 3)
    """

    def __init__(
        self,
        cell: Cell,
        precision: Precision = "float32",
        host: Host | None = None,
        *,
        deterministic: bool = False,
    ) -> None:
        self.cell, self.precision, self.deterministic = cell, precision, deterministic
        self.target = Target(precision, host or Host.here(), activations=cell.activations)
        self.step = trace(cell)
        self.derived = adjoint(self.step)
        self._gradients = {frozenset[str](): _Gradient.of(self.derived)}
        self._inputs, self._states = self.step.leaves("input"), self.step.leaves("state")
        matrices = [parameter.shape for parameter in cell.parameters().values() if len(parameter.shape) == 2]
        self._weight_bytes = sum(rows * columns for rows, columns in matrices) * np.dtype(precision).itemsize
        self._elementwise = is_elementwise(self.step)
        self._weight_count = sum(rows * columns for rows, columns in matrices)
        self._loops: dict[tuple[Any, ...], Loop] = {}
        self._at_once: Loop | None = None
        self._desks: dict[int, Desk] = {}

    def _loop(
        self,
        purpose: Literal["forward", "backward", "infer"],
        batch: int,
        *,
        scattered: bool = False,
        twice: tuple[str, ...] = (),
        without: frozenset[str] = frozenset(),
    ) -> Loop:
        """The loop for a purpose; products that could stand outside stay inside where the weights keep near.

        Args:
            purpose: What it is to compute.
            batch: Sequences at once.
            scattered: Whether rows that the caller has or gets may lie anywhere.
            twice: The states that are written to a second place.
            without: The states without own gradients, see `adjoint`.
        """
        near = self._weight_bytes <= NEAR_WEIGHTS[purpose]
        if purpose != "infer" and self._elementwise:
            near = False  # the products are kept in any case, and their library makes them sooner
        hoist = not self.deterministic and (batch < MANY_ROWS or not near)
        key = purpose, hoist, scattered, twice, without
        if key not in self._loops:
            gradient = self._gradients[without]
            if purpose == "infer":
                plan = schedule_step(self.step, hoist=hoist)
            else:
                plan = schedule_training(self.step, gradient.derived, hoist=hoist)[purpose == "backward"]
            plan = written_twice(plan, twice)
            anywhere = self._anywhere(plan, gradient if purpose == "backward" else None) if scattered else frozenset()
            self._loops[key] = Loop(plan, self.target, reverse=purpose == "backward", scattered=anywhere)
        return self._loops[key]

    def _anywhere(self, plan: Schedule, gradient: _Gradient | None) -> frozenset[Id]:
        """The rows that may lie anywhere where some do: states after a step, and what callers have or get."""
        outputs, inputs = plan.graph.outputs, plan.graph.leaves("input")
        names = [AFTER.format(name) for name in self._states]
        own = {self.step.outputs[name] for name in names}
        own |= {outputs[TWICE.format(name)] for name in self._states if TWICE.format(name) in outputs}
        own |= {inputs[GRAD.format(name)] for name in names if GRAD.format(name) in inputs}
        if gradient is not None:
            # Large products read what lies row by row.
            own |= {gradient.of_x}.difference(gradient.kept, gradient.summed, operands_of(plan))
        return frozenset(own)

    def _gradient(self, given: Iterable[str]) -> tuple[frozenset[str], _Gradient]:
        """The gradient where the loss uses the states ``given`` after single steps, and those it does without."""
        without = frozenset(self._states) - frozenset(given)
        if without not in self._gradients:
            self._gradients[without] = _Gradient.of(adjoint(self.step, without))
        return without, self._gradients[without]

    def forward(
        self,
        inputs: Array,
        sizes: Any,
        state: Mapping[str, Array],
        params: Mapping[str, Array],
        *,
        extras: Mapping[str, Array] | None = None,
        version: object = None,
        into: Mapping[str, Spread] | None = None,
    ) -> Run:
        """Run over ``inputs`` (N, input_size) from ``state`` (name -> (B, size)) and keep what a gradient needs.

        Parameters are packed anew at every run, unless ``version`` is given and equal to that of the run before.
        The states named in ``into`` are written there, too, after every step.
        """
        return self._run("forward", inputs, Steps.of(sizes), state, params, extras or {}, version, into or {})

    def infer(
        self,
        inputs: Array,
        sizes: Any,
        state: Mapping[str, Array],
        params: Mapping[str, Array],
        *,
        extras: Mapping[str, Array] | None = None,
        version: object = None,
        into: Mapping[str, Spread] | None = None,
    ) -> dict[str, Array]:
        """As `forward`, but returns the states (name -> (N + B, size)) alone."""
        steps = Steps.of(sizes)
        if steps.dense and not extras and steps.rows * self._weight_count <= SHORT_RUN:
            states = self._at_desk(inputs, steps, state, params, version)
            for name, (values, places) in (into or {}).items():
                values[places] = states[name][steps.batch :]
            return states
        return self._run("infer", inputs, steps, state, params, extras or {}, version, into or {}).states

    def _at_desk(
        self, inputs: Array, steps: Steps, state: Mapping[str, Array], params: Mapping[str, Array], version: object
    ) -> dict[str, Array]:
        batch, time = steps.batch, len(steps.sizes)
        desk = self._desks.pop(batch, None)  # in use by nobody else now
        if desk is None or desk.time < time:
            main = self._loop("infer", batch)
            before = schedule_hoisted(main.plan) if main.plan.hoisted else None
            if before is not None and self._at_once is None:
                self._at_once = Loop(before, self.target, reverse=False)
            loops = [main] if before is None or self._at_once is None else [self._at_once, main]
            desk = Desk(self.step, loops, batch, 1 << (time - 1).bit_length())
        found = desk.run(inputs, steps, state, params, version)
        while len(self._desks) >= DESKS:
            self._desks.popitem()
        self._desks[batch] = desk
        return found

    def _run(
        self,
        purpose: Literal["forward", "infer"],
        inputs: Array,
        steps: Steps,
        state: Mapping[str, Array],
        params: Mapping[str, Array],
        extras: Mapping[str, Array],
        version: object,
        into: Mapping[str, Spread],
    ) -> Run:
        scattered = bool(into) or not steps.dense
        graph, loop = self.step, self._loop(purpose, steps.batch, scattered=scattered, twice=tuple(into))
        plan, weights = loop.plan, loop.prepare(params, version)
        places = self._leaves({"x": inputs, **extras}, steps)
        compute(graph, plan.hoisted, weights.values, places, steps)
        states = {
            name: memory.empty((steps.batch + steps.rows, value.shape[1]), inputs.dtype)
            for name, value in state.items()
        }
        places |= rows_of_loop(plan, {*plan.saved, *operands_of(plan)}, steps, inputs.dtype)
        for name, value in state.items():
            states[name][: steps.batch] = value
            places[self._states[name]] = (states[name], "before")
            places[graph.outputs[AFTER.format(name)]] = (states[name], "after")
        copies = {name: plan.graph.outputs.get(TWICE.format(name)) for name in into}
        places |= {copy: into[name] for name, copy in copies.items() if copy is not None}
        loop.run(weights, places, steps)
        compute_deferred(plan, weights.values, places, steps)
        for name, (values, where) in into.items():
            if copies[name] is None:
                values[where] = all_rows(places[graph.outputs[AFTER.format(name)]], steps)
        loop.done_with(weights, version)
        saved = {node: places[node] for node in plan.saved}
        return Run(inputs, steps, states, saved, params, extras, version)

    def backward(
        self,
        run: Run,
        upstream: Mapping[str, Array | Spread],
        last: Mapping[str, Array],
        *,
        into: Spread | None = None,
    ) -> dict[str, Array]:
        """Gradients of a run.

        Args:
            run: What `forward` returned.
            upstream: State name -> (N, size), the gradient of the loss by the state after each step.
            last: State name -> (B, size), further gradients of the final states.
            into: Where the gradients of the inputs are wanted; an array of their own unless told otherwise.

        Returns:
            ``x`` (N, input_size), or the array that it went into, ``"first hidden"`` and so on (B, size), and every
            parameter.
        """
        steps, dtype = run.steps, run.inputs.dtype
        without, gradient = self._gradient(upstream)
        graph, inputs = gradient.derived.graph, gradient.inputs
        coming: dict[str, Place] = {
            name: value if isinstance(value, Spread) else (value, "now") for name, value in upstream.items()
        }
        scattered = into is not None or not steps.dense or any(isinstance(value, Spread) for value in upstream.values())
        loop = self._loop("backward", steps.batch, scattered=scattered, without=without)
        plan, weights = loop.plan, loop.prepare(run.params, run.version)
        places = self._leaves({"x": run.inputs, **run.extras}, steps) | run.saved
        places |= {self._states[name]: (value, "before") for name, value in run.states.items()}
        kept = gradient.kept | gradient.summed.difference(plan.totals)
        kept |= operands_of(plan)
        goes_there = into is not None and gradient.of_x in loop.kernel.scattered
        places |= rows_of_loop(plan, kept if goes_there else kept | {gradient.of_x}, steps, dtype)
        if into is not None and goes_there:
            places[gradient.of_x] = into
        first = {}
        for name, size in self.cell.state_sizes.items():
            first[name] = memory.empty((2, steps.batch, size), dtype)
            first[name][:] = last.get(name, 0) if CARRIED.format(name) in inputs else 0
            if CARRIED.format(name) in inputs:
                places[inputs[CARRIED.format(name)]] = (first[name], "coming")
                places[graph.outputs[GRAD.format(name)]] = (first[name], "going")
            entering = inputs.get(GRAD.format(AFTER.format(name)))
            if entering is not None and CARRIED.format(name) in inputs:
                places[entering] = coming[name]
            elif entering is not None:
                places[entering] = with_last(coming.get(name), last.get(name), steps, size, dtype)
        compute(graph, plan.hoisted, weights.values, places, steps)
        totals = loop.run(weights, places, steps)
        compute_deferred(plan, weights.values, places, steps)
        loop.done_with(weights, run.version)
        if into is not None and not goes_there:
            into.values[into.places] = all_rows(places[gradient.of_x], steps)
        found = {"x": all_rows(places[gradient.of_x], steps) if into is None else into.values}
        found |= {f"first {name}": value[0] for name, value in first.items()}
        return found | parameter_gradients(gradient.derived, totals, places, run.params, steps)

    def _leaves(self, given: Mapping[str, Array], steps: Steps) -> dict[Id, Place]:
        """Where the inputs lie; those with one row for each sequence hold for all steps."""
        return {
            self._inputs[name]: (value, "now" if len(value) == steps.rows else "always")
            for name, value in given.items()
            if name in self._inputs
        }


@dataclass(frozen=True)
class _Gradient:
    """The gradient of a step.

    Attributes:
        derived: The step and its gradient.
        inputs: Name of what enters -> node.
        of_x: That of the input.
        kept: What products after the loop read of every step.
        summed: What is asked for in sum alone, unless the loop adds it up.
    """

    derived: Adjoint
    inputs: dict[str, Id]
    of_x: Id
    kept: set[Id]
    summed: set[Id]

    @classmethod
    def of(cls, derived: Adjoint) -> _Gradient:
        of_x = derived.graph.outputs[GRAD.format("x")]
        kept = {n for s in derived.parameters if s.operand is not None for n in (s.grad, s.operand)}
        summed = {share.grad for share in derived.parameters if share.operand is None}
        return cls(derived, derived.graph.leaves("input"), of_x, kept, summed)
