"""Short runs, over and over: memory and frames that wait for the next one.

A run of a few hundred rows takes less time than making ready for it. At a desk nothing is made anew but the states that
are given away, while the parameters lie where they lay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from numpy.typing import NDArray

from elman.compiler.graph import Graph, Id
from elman.compiler.kernel import Frame
from elman.compiler.loop import Loop
from elman.compiler.memory import address, memory, same_bytes
from elman.compiler.stages import of_parameters
from elman.compiler.steps import Place, Steps
from elman.compiler.trace import AFTER
from elman.compiler.weights import Weights

Array = NDArray[Any]

#: Operations of a whole run that one thread does sooner than several, which may have to be woken.
WORK_FOR_ONE = 16_000_000


@final
class Desk:
    """Inference of ``batch`` sequences of one length, at most ``time`` steps.

    Args:
        step: What `trace` returned.
        loops: What computes it: products of all steps at once, where there are any, then the loop over the steps.
        batch: Sequences.
        time: Steps that there is room for.
    """

    def __init__(self, step: Graph, loops: Sequence[Loop], batch: int, time: int) -> None:
        self.time, self._step, self._loops = time, step, loops
        self._layouts = [Steps.of([batch * time]), Steps.of([batch] * time)][-len(loops) :]
        #: Nodes that lie in what a run is given and gives: "x" or a state.
        self._given = {step.leaves("input")["x"]: "x"}
        for name, node in step.leaves("state").items():
            self._given |= {node: name, step.outputs[AFTER.format(name)]: name}
        all_at_once = loops[0].kernel.slots if len(loops) > 1 else ()
        self._rooms: dict[Id, Place] = {}
        for node in dict.fromkeys(slot for loop in loops for slot in loop.kernel.slots):
            if not of_parameters(step, node) and node not in self._given:
                rows = batch * time if node in all_at_once else batch
                room = memory.empty((rows, step.nodes[node].width), loops[-1].target.precision)
                self._rooms[node] = room, "now" if node in all_at_once else "always"
        self._known: list[int] = []
        self._version: object = None
        self._copies: list[Array] = []
        self._weights: list[Weights] = []
        self._frames: list[Any] = []

    def run(
        self, inputs: Array, steps: Steps, state: Mapping[str, Array], params: Mapping[str, Array], version: object
    ) -> dict[str, Array]:
        """As `elman.compiler.compiled_cell.CompiledCell.infer`, for sequences of one length."""
        rows, batch, states = steps.rows, steps.batch, {}
        for name, first in state.items():
            states[name] = memory.empty((batch + rows, first.shape[1]), inputs.dtype)
            states[name][:batch] = first
        given = {"x": inputs, **states}
        self._prepare(params, version, given)
        places = {name: address(array) for name, array in given.items()}
        layouts = [Steps.of([rows]), steps][-len(self._loops) :]
        alone = rows * sum([loop.work for loop in self._loops]) <= WORK_FOR_ONE
        for loop, frame, layout in zip(self._loops, self._frames, layouts, strict=True):
            for number, slot in enumerate(loop.kernel.slots):
                if slot in self._given:
                    frame[Frame.SLOTS + 2 * number] = places[self._given[slot]]
            loop.go(frame, layout, alone=alone)
        return states

    def _prepare(self, params: Mapping[str, Array], version: object, given: Mapping[str, Array]) -> None:
        """Pack the parameters unless they are the same as before."""
        where = [address(value) for value in params.values()]
        if where == self._known and self._are_known(params, version):
            return
        if where != self._known:
            # The weights hold these very arrays, so that nothing else can come to lie there.
            self._weights = [loop.weights(params) for loop in self._loops]
            self._frames = [
                loop.frame(weights, self._rooms | self._places(given), layout)
                for loop, weights, layout in zip(self._loops, self._weights, self._layouts, strict=True)
            ]
            self._known = where
        else:
            for weights in self._weights:
                weights.refresh()
        self._version = version
        self._copies = [value.copy() for value in params.values()] if version is None else []

    def _are_known(self, params: Mapping[str, Array], version: object) -> bool:
        """Whether parameters that lie where they lay are what they were: few numbers are compared, one by one."""
        if version is not None:
            return version == self._version
        return bool(self._copies) and all(map(same_bytes, params.values(), self._copies))

    def _places(self, given: Mapping[str, Array]) -> dict[Id, Place]:
        befores = self._step.leaves("state").values()
        return {
            node: (given[name], "now" if name == "x" else "before" if node in befores else "after")
            for node, name in self._given.items()
        }
