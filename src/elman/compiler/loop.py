"""A compiled cell over packed arrays: the time loops in machine code, the large products around them elsewhere."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.cells import Cell
from elman.compiler.adjoint import CARRIED, GRAD, Adjoint, adjoint
from elman.compiler.all_steps import (
    Place,
    all_rows,
    compute,
    compute_deferred,
    operands_of,
    parameter_gradients,
    rows_of_loop,
    with_last,
)
from elman.compiler.cache import load
from elman.compiler.desk import Desk
from elman.compiler.graph import OPS, Id, Node
from elman.compiler.kernel import Frame, Kernel
from elman.compiler.machine import Host
from elman.compiler.memory import address, memory
from elman.compiler.schedule import Schedule, is_elementwise, schedule_hoisted, schedule_step, schedule_training
from elman.compiler.stages import DEAR
from elman.compiler.steps import Steps
from elman.compiler.threads import LOOP, pool, run_loop
from elman.compiler.tile import Target
from elman.compiler.trace import AFTER, trace
from elman.compiler.vector import Precision
from elman.compiler.weights import Weights

Array = NDArray[Any]


@final
@dataclass(frozen=True)
class Run:
    """What a forward run leaves for its gradient.

    Attributes:
        inputs: (N, input_size).
        steps: The layout of the rows.
        states: State name -> (B + N, size), those before the first step and those after each.
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
        return {name: value[self.steps.last] for name, value in self.states.items()}


@final
class CompiledCell:
    """One cell's time loops in machine code: forward, backward, and forward without what a gradient needs.

    Arrays are packed as `Steps` says, contiguous, in the precision that was compiled for. Missing gradients are zero.

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
        self._loops: dict[tuple[str, bool, frozenset[str]], Loop] = {}
        self._at_once: Loop | None = None
        self._desks: dict[int, Desk] = {}

    def _loop(
        self, purpose: Literal["forward", "backward", "infer"], batch: int, without: frozenset[str] = frozenset()
    ) -> Loop:
        """The loop for a purpose; products that could stand outside stay inside where the weights keep near.

        The gradient may be one ``without`` some states' own, see `adjoint`.
        """
        near = self._weight_bytes <= NEAR_WEIGHTS[purpose]
        if purpose != "infer" and self._elementwise:
            near = False  # the products are kept in any case, and their library makes them sooner
        hoist = not self.deterministic and (batch < MANY_ROWS or not near)
        if (purpose, hoist, without) not in self._loops:
            if purpose == "infer":
                plan = schedule_step(self.step, hoist=hoist)
            else:
                derived = self._gradients[without].derived
                plan = schedule_training(self.step, derived, hoist=hoist)[purpose == "backward"]
            self._loops[purpose, hoist, without] = Loop(plan, self.target, reverse=purpose == "backward")
        return self._loops[purpose, hoist, without]

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
    ) -> Run:
        """Run over ``inputs`` (N, input_size) from ``state`` (name -> (B, size)) and keep what a gradient needs.

        Parameters are packed anew at every run, unless ``version`` is given and equal to that of the run before.
        """
        return self._run("forward", inputs, Steps.of(sizes), state, params, extras or {}, version)

    def infer(
        self,
        inputs: Array,
        sizes: Any,
        state: Mapping[str, Array],
        params: Mapping[str, Array],
        *,
        extras: Mapping[str, Array] | None = None,
        version: object = None,
    ) -> dict[str, Array]:
        """As `forward`, but returns the states (name -> (B + N, size)) alone."""
        steps = Steps.of(sizes)
        if steps.dense and not extras and steps.rows * self._weight_count <= SHORT_RUN:
            return self._at_desk(inputs, steps, state, params, version)
        return self._run("infer", inputs, steps, state, params, extras or {}, version).states

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
    ) -> Run:
        graph, loop = self.step, self._loop(purpose, steps.batch)
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
        loop.run(weights, places, steps)
        compute_deferred(plan, weights.values, places, steps)
        saved = {node: places[node] for node in plan.saved}
        return Run(inputs, steps, states, saved, params, extras, version)

    def backward(self, run: Run, upstream: Mapping[str, Array], last: Mapping[str, Array]) -> dict[str, Array]:
        """Gradients of a run.

        Args:
            run: What `forward` returned.
            upstream: State name -> (N, size), the gradient of the loss by the state after each step.
            last: State name -> (B, size), further gradients of the final states.

        Returns:
            ``x`` (N, input_size), ``"first hidden"`` and so on (B, size), and every parameter.
        """
        steps, dtype = run.steps, run.inputs.dtype
        without, gradient = self._gradient(upstream)
        graph, inputs = gradient.derived.graph, gradient.inputs
        loop = self._loop("backward", steps.batch, without)
        plan, weights = loop.plan, loop.prepare(run.params, run.version)
        places = self._leaves({"x": run.inputs, **run.extras}, steps) | run.saved
        places |= {self._states[name]: (value, "before") for name, value in run.states.items()}
        kept = gradient.kept | gradient.summed.difference(plan.totals)
        kept |= operands_of(plan)
        places |= rows_of_loop(plan, kept, steps, dtype)
        first = {}
        for name, size in self.cell.state_sizes.items():
            first[name] = memory.empty((2, steps.batch, size), dtype)
            first[name][:] = last.get(name, 0) if CARRIED.format(name) in inputs else 0
            if CARRIED.format(name) in inputs:
                places[inputs[CARRIED.format(name)]] = (first[name], "coming")
                places[graph.outputs[GRAD.format(name)]] = (first[name], "going")
            entering = inputs.get(GRAD.format(AFTER.format(name)))
            if entering is not None and CARRIED.format(name) in inputs:
                places[entering] = (upstream[name], "now")
            elif entering is not None:
                places[entering] = (with_last(upstream.get(name), last.get(name), steps, size, dtype), "now")
        compute(graph, plan.hoisted, weights.values, places, steps)
        totals = loop.run(weights, places, steps)
        compute_deferred(plan, weights.values, places, steps)
        found = {"x": all_rows(places[graph.outputs[GRAD.format("x")]], steps)}
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
        kept: What is asked for at every step.
        summed: What is asked for in sum alone, unless the loop adds it up.
    """

    derived: Adjoint
    inputs: dict[str, Id]
    kept: set[Id]
    summed: set[Id]

    @classmethod
    def of(cls, derived: Adjoint) -> _Gradient:
        kept = {derived.graph.outputs[GRAD.format("x")]}
        kept |= {n for s in derived.parameters if s.operand is not None for n in (s.grad, s.operand)}
        summed = {share.grad for share in derived.parameters if share.operand is None}
        return cls(derived, derived.graph.leaves("input"), kept, summed)


#: Multiplications of a whole run up to which memory is kept for the next one.
SHORT_RUN = 150_000_000

#: Desks that are kept, one for each size of a batch.
DESKS = 8

#: Sequences at once that make products inside the loop worth while, where others are there in any case.
MANY_ROWS = 8

#: Bytes of weights up to which they are: forward they save a large product's way through memory and back.
NEAR_WEIGHTS = {"forward": 2_200_000, "infer": 2_200_000, "backward": 600_000}


@final
class Loop:
    """One schedule's loop in machine code."""

    def __init__(self, plan: Schedule, target: Target, *, reverse: bool) -> None:
        self.plan, self.target = plan, target
        self.kernel = Kernel(plan, target, reverse=reverse)
        self._code = load(self.kernel.text, target.host, repr(plan), repr(target), f"reverse={reverse}")
        #: ``void loop(frame, thread)``, see `frame`.
        self.call = LOOP(self._code.address("loop"))
        self._worker = self._code.address("worker")
        self._ready: tuple[object, Weights] | None = None
        # Made at every call, the type would take longer than the frame.
        self._frame = ctypes.c_int64 * (Frame.SLOTS + 2 * len(self.kernel.slots) + len(self.kernel.packs) + 1)
        self._parameters = plan.graph.leaves("parameter")
        constants = [(number, node) for number, node in enumerate(plan.graph.nodes) if node.op == "constant"]
        self._constants = {number: np.full(node.width, node.value, target.precision) for number, node in constants}
        depths = [pack.window.depth * len(pack.products) * pack.window.unit for pack in self.kernel.packs]
        #: Multiplications for one row of one step, and the numbers that they read.
        self.weight_count = sum(depths)
        #: The same and all elementwise operations, dear ones for what they are.
        self.work = self.weight_count + sum(_work(plan.graph.nodes[n]) for stage in plan.stages for n in stage.run)

    def prepare(self, params: Mapping[str, Array], version: object = None) -> Weights:
        """Compute what depends on parameters alone, and pack the matrices that the loop reads.

        A ``version`` that is equal to that of the last call promises that the parameters are the same.
        """
        # Another thread may bring other parameters at any moment.
        ready = self._ready
        if version is None or ready is None or ready[0] != version:
            ready = self._ready = version, self.weights(params)
        return ready[1]

    def weights(self, params: Mapping[str, Array]) -> Weights:
        """Parameters made ready for this loop."""
        given = {node: np.ascontiguousarray(params[name]) for name, node in self._parameters.items()}
        return Weights(self.plan, self.kernel.packs, self._constants | given, self.target)

    def run(self, weights: Weights, places: Mapping[Id, Place], steps: Steps) -> dict[Id, Array]:
        """Run all steps; ``places`` has every slot that does not depend on parameters alone. Returns the totals."""
        sums = memory.empty((pool().threads, self.kernel.totals_width), self.target.precision)
        sums[:] = 0
        self.go(self.frame(weights, places, steps, sums), steps)
        nodes, starts = self.plan.graph.nodes, self.kernel.totals
        return {place: sums[:, start : start + nodes[place].width].sum(0) for place, start in starts.items()}

    def go(self, frame: Any, steps: Steps, *, alone: bool = False) -> None:
        """Run steps of the layout that a frame was made for, or fewer; the caller ``alone`` if asked for."""
        threads, together = (1, False) if alone else self._share(steps)
        frame[Frame.STEPS], frame[Frame.PARTS] = len(steps.sizes), threads if together else 1
        frame[Frame.SIZES] = address(steps.sizes)
        frame[Frame.BOUNDS] = address(steps.slices(1 if together else threads))
        frame[len(frame) - 1] = 0
        run_loop(self.call, self._worker, ctypes.addressof(frame), threads)

    def frame(self, weights: Weights, places: Mapping[Id, Place], steps: Steps, sums: Array | None = None) -> Any:
        """What `call` is given, for as long as the arrays live: a run of one thread, until `go` says otherwise.

        Totals are added to ``sums`` (threads, width of all), where there are any. The counter is the last word.
        """
        words = [0] * Frame.SLOTS
        words[Frame.STEPS], words[Frame.PARTS] = len(steps.sizes), 1
        words[Frame.SIZES], words[Frame.BOUNDS] = address(steps.sizes), address(steps.slices(1))
        words[Frame.NUMBER], words[Frame.GIVE_WAY] = pool().number, pool().give_way
        words[Frame.TOTALS] = 0 if sums is None else address(sums)
        for slot in self.kernel.slots:
            array, where = (weights.values[slot], "always") if slot in weights.values else places[slot]
            words += [address(array), steps.addresses[where]]  # type: ignore[index]
        words += [address(packed) for packed in weights.packed]
        frame = self._frame(*words)
        frame[Frame.COUNTER] = ctypes.addressof(frame) + len(words) * ctypes.sizeof(ctypes.c_int64)
        return frame

    def _share(self, steps: Steps) -> tuple[int, bool]:
        """How many threads run, and whether they share the blocks of every row."""
        threads = pool().threads
        if threads == 1 or self.work * steps.rows < SMALL_WORK:
            return 1, False
        if self.kernel.apart:
            return threads, steps.batch < 2 * threads
        by_blocks = steps.batch < 8 * threads or self.weight_count * self.target.bytes > LARGE_WEIGHTS
        if self.kernel.by_rows and steps.batch >= 2 * threads:
            return threads, False
        if by_blocks and self.weight_count * steps.batch >= WORTH_MEETING:
            return threads, True
        return (threads, False) if steps.batch >= 2 * threads else (1, False)


#: Operations of a whole run that one thread does sooner than two.
SMALL_WORK = 500_000

#: Multiplications of one step that are worth a meeting of all threads.
WORTH_MEETING = 60_000

#: Bytes of weights that leave a core's own cache.
LARGE_WEIGHTS = 1_500_000


#: What a function such as tanh takes in the time of so many additions.
DEAR_WORK = 10


def _work(node: Node) -> int:
    """Operations of an elementwise node for one row; what only moves numbers takes none."""
    return node.width * (DEAR_WORK if node.op in DEAR else int(OPS[node.op].kind == "elementwise"))
