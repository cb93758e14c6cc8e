"""One schedule's time loop in machine code: its weights, the frame it is called with, and by how many threads."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.compiler.cache import load
from elman.compiler.graph import OPS, Id, Node
from elman.compiler.kernel import Frame, Kernel
from elman.compiler.memory import address, memory
from elman.compiler.schedule import Schedule
from elman.compiler.stages import DEAR
from elman.compiler.steps import Place, Steps
from elman.compiler.threads import LOOP, pool, run_loop
from elman.compiler.tile import Target
from elman.compiler.weights import Weights

Array = NDArray[Any]

#: Operations of a whole run that one thread does sooner than two.
SMALL_WORK = 500_000

#: Multiplications of one step that are worth a meeting of all threads.
WORTH_MEETING = 60_000

#: Bytes of weights that leave a core's own cache.
LARGE_WEIGHTS = 1_500_000

#: What a function such as tanh takes in the time of so many additions.
DEAR_WORK = 10


@final
class Loop:
    """One schedule's loop in machine code."""

    def __init__(
        self, plan: Schedule, target: Target, *, reverse: bool, scattered: AbstractSet[Id] = frozenset()
    ) -> None:
        self.plan, self.target = plan, target
        self.kernel = Kernel(plan, target, reverse=reverse, scattered=scattered)
        shaped = repr(plan), repr(target), f"reverse={reverse}", f"scattered={self.kernel.scattered}"
        self._code = load(self.kernel.text, target.host, *shaped)
        #: ``void loop(frame, thread)``, see `frame`.
        self.call = LOOP(self._code.address("loop"))
        self._worker = self._code.address("worker")
        self._ready: tuple[object, Weights] | None = None
        self._spare: list[Weights] = []
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
        if version is None:
            return self._packed_anew(params)
        # Another thread may bring other parameters at any moment.
        ready = self._ready
        if ready is None or ready[0] != version:
            ready = self._ready = version, self.weights(params)
        return ready[1]

    def done_with(self, weights: Weights, version: object) -> None:
        """Say that a run is over: what was packed for it alone may be packed anew for the next one."""
        if version is None and not self.target.bfloat16:
            self._spare = [weights]

    def _packed_anew(self, params: Mapping[str, Array]) -> Weights:
        try:
            spare = self._spare.pop()  # in use by nobody else now
        except IndexError:
            return self.weights(params)
        if not spare.lie_in(self._given(params)):
            return self.weights(params)
        spare.refresh()
        return spare

    def _given(self, params: Mapping[str, Array]) -> dict[Id, Array]:
        return {node: np.ascontiguousarray(params[name]) for name, node in self._parameters.items()}

    def weights(self, params: Mapping[str, Array]) -> Weights:
        """Parameters made ready for this loop."""
        given = self._given(params)
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
        words[Frame.FIRSTS] = steps.addresses["now"]
        for slot in self.kernel.slots:
            place: Place = (weights.values[slot], "always") if slot in weights.values else places[slot]
            array, where = place
            if slot in self.kernel.scattered or not isinstance(where, str):
                words += [address(array), address(steps.places(where))]
            else:
                words += [address(array), steps.addresses[where]]
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


def _work(node: Node) -> int:
    """Operations of an elementwise node for one row; what only moves numbers takes none."""
    return node.width * (DEAR_WORK if node.op in DEAR else int(OPS[node.op].kind == "elementwise"))
