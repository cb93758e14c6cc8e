"""Parameters made ready for one loop: values that depend on them alone, and the matrices in the order they are read."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.compiler.cache import load
from elman.compiler.graph import OPS, Id
from elman.compiler.memory import address, memory
from elman.compiler.packing import in_pairs, write_packing
from elman.compiler.schedule import Schedule
from elman.compiler.tile import Pack, Target

Array = NDArray[Any]


@final
class Weights:
    """The parameters of a plan, for its loop.

    Args:
        plan: What the loop computes.
        packs: The packed matrices that it reads.
        given: The values of parameters and constants, by node.
        target: What the loop is made for.

    Attributes:
        values: Everything that depends on parameters alone, by node.
        packed: The packed matrices.
    """

    def __init__(self, plan: Schedule, packs: Sequence[Pack], given: Mapping[Id, Array], target: Target) -> None:
        self._plan = plan
        self._places = {node: address(value) for node, value in given.items()}
        self.values = dict(given)
        for node in plan.once:
            self.values[node] = np.ascontiguousarray(self._computed(node))
        # The order of the numbers is the same whatever else the target asks for.
        self._copy = _packing(Target(target.precision, target.host))
        self._orders: list[tuple[int, ...]] = []
        self.packed = [self._room(pack, target) for pack in packs]
        self._pack()
        if target.bfloat16:
            self.packed = [in_pairs(array) for array in self.packed]

    def lie_in(self, given: Mapping[Id, Array]) -> bool:
        """Whether these values lie where those lay that it was made of, so that `refresh` is all that is needed."""
        return all(address(value) == self._places[node] for node, value in given.items())

    def refresh(self) -> None:
        """Bring all up to date with parameters that were changed in place; not for bfloat16."""
        for node in self._plan.once:
            self.values[node][...] = self._computed(node)
        self._pack()

    def _computed(self, node: Id) -> Any:
        operation = self._plan.graph.nodes[node]
        return OPS[operation.op].compute(operation, *(self.values[operand] for operand in operation.operands))

    def _pack(self) -> None:
        for order in self._orders:
            self._copy(*order)

    def _room(self, pack: Pack, target: Target) -> Array:
        """Memory for a pack, [block][operand's feature][product][vector], and the orders to fill it."""
        graph, window, products = self._plan.graph, pack.window, len(pack.products)
        blocks = -(-window.unit // target.lanes)
        packed = memory.empty((blocks, window.depth, products, target.lanes), target.precision)
        if window.most > 1:
            packed[:] = 0
        elif window.unit % target.lanes:
            packed[-1] = 0
        for number, (node, start) in enumerate(pack.products):
            matrix = self.values[graph.nodes[node].operands[1]]
            results, columns = graph.nodes[node].width // window.heads, matrix.shape[1]
            by_result, by_feature = (columns, 1) if graph.nodes[node].op == "linear" else (1, columns)
            for first, end in window.runs:
                head, within = divmod(start - window.start + first, results)
                block, lane = divmod(first - window.start, target.lanes)
                feature = head * window.features - window.first(block)
                to = address(packed[block, feature]) + lane * packed.itemsize
                source = address(matrix[head * len(matrix) // window.heads :]) + within * by_result * matrix.itemsize
                sizes = end - first, by_result, window.features, by_feature
                self._orders.append((to, source, *sizes, number, products))
        return packed


@cache
def _packing(target: Target) -> Callable[..., None]:
    code = load(lambda: str(write_packing(target)), target.host, "packing", repr(target))
    kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, *[ctypes.c_int64] * 6)
    pack: Any = kind(code.address("pack"))
    pack.code = code  # the function lives as long as the code
    return pack  # type: ignore[no-any-return]
