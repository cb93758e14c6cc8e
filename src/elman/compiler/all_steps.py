"""What surrounds a loop: work on the rows of all steps at once, by the library at hand.

Products of the input stand before the loop, those that no step waits for after it; gradients of parameters are sums
over all rows. NumPy computes them unless another library is lent with `use_library`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.compiler.adjoint import Adjoint, ParameterGradient
from elman.compiler.graph import OPS, Graph, Id, Node
from elman.compiler.memory import memory
from elman.compiler.schedule import Schedule
from elman.compiler.steps import Place, Steps, Where

Array = NDArray[Any]


def _numpy_product(a: Array, b: Array, out: Array, add: bool) -> None:
    if add:
        out += a @ b
    else:
        np.matmul(a, b, out=out)


def _numpy_take(rows: Array, places: Array, out: Array) -> None:
    # With this mode rows go straight to their places; none of them is out of bounds.
    rows.take(places, 0, out, mode="clip")


_product: Callable[[Array, Array, Array, bool], None] = _numpy_product
_take: Callable[[Array, Array, Array], None] = _numpy_take


def use_library(
    product: Callable[[Array, Array, Array, bool], None], take: Callable[[Array, Array, Array], None]
) -> None:
    """Let another library do the work on whole arrays.

    Args:
        product: ``product(a, b, out, add)`` computes ``out = a @ b``, or ``out += a @ b`` if it is to ``add``; a and b
            may be transposed views.
        take: ``take(rows, places, out)`` copies ``out = rows[places]``.
    """
    global _product, _take
    _product, _take = product, take


def take(rows: Array, places: Array) -> Array:
    """``rows[places]``, matrices."""
    out = memory.empty((len(places), rows.shape[1]), rows.dtype)
    _take(rows, places, out)
    return out


def rows_of_loop(plan: Schedule, kept: set[Id], steps: Steps, dtype: Any) -> dict[Id, Place]:
    """Room for the rows of the loop: for all steps where they are needed afterwards, else for one."""
    nodes = [*plan.rows, *(node for stage in plan.stages for node in stage.sums if node not in plan.rows)]
    rows: list[tuple[int, Where]] = [(steps.rows, "now") if node in kept else (steps.batch, "always") for node in nodes]
    shapes = [(count, plan.graph.nodes[node].width) for node, (count, _) in zip(nodes, rows, strict=True)]
    arrays = memory.together(shapes, dtype)
    return {node: (array, where) for node, array, (_, where) in zip(nodes, arrays, rows, strict=True)}


def all_rows(place: Place, steps: Steps) -> Array:
    """The values of all steps, (N, width)."""
    array, where = place
    if not isinstance(where, str):
        return take(array, where)
    if where == "after":
        return array[steps.batch :] if steps.dense else take(array, steps.after)
    return array[: steps.rows] if where == "before" else array


def compute(
    graph: Graph, nodes: Iterable[Id], fixed: Mapping[Id, Array], places: dict[Id, Place], steps: Steps
) -> None:
    """Compute nodes for all steps at once."""
    for node in nodes:
        operation = graph.nodes[node]
        operands = [fixed[n] if n in fixed else all_rows(places[n], steps) for n in operation.operands]
        if OPS[operation.op].kind == "product":
            value = memory.empty((steps.rows, operation.width), operands[0].dtype)
            _multiply(operation, operands, value)
        else:
            value = np.ascontiguousarray(OPS[operation.op].compute(operation, *operands))
        places[node] = (value, "now")


def _multiply(node: Node, operands: Sequence[Array], out: Array, *, add: bool = False) -> None:
    """A product for all steps, or what it adds to ``out``."""
    matrices = _parts(operands[1], node.heads, 0)
    turned = [matrix.T if node.op == "linear" else matrix for matrix in matrices]
    _products(_blocks(operands[0], node.heads), turned, _blocks(out, node.heads), add=add)


def operands_of(plan: Schedule) -> set[Id]:
    """What the deferred part of a schedule reads, which the loop must leave for all steps."""
    return {operand for place in plan.deferred for operand in plan.graph.nodes[place].operands}


def compute_deferred(plan: Schedule, fixed: Mapping[Id, Array], places: dict[Id, Place], steps: Steps) -> None:
    """Compute products for all steps at once, and add them to each other and to rows of the loop.

    What has a place already goes there.
    """
    nodes, deferred = plan.graph.nodes, set(plan.deferred)
    inner = {operand for place in deferred if nodes[place].op == "add" for operand in nodes[place].operands}
    for result in sorted(deferred - inner):
        waiting, products, rows = [result], [], []
        while waiting:
            place = waiting.pop()
            if place not in deferred:
                rows.append(all_rows(places[place], steps))
            elif nodes[place].op == "add":
                waiting += nodes[place].operands
            else:
                products.append(place)
        operands = [
            [fixed[n] if n in fixed else all_rows(places[n], steps) for n in nodes[p].operands] for p in products
        ]
        if result in places:
            total = all_rows(places[result], steps)
        else:
            total = memory.empty((steps.rows, nodes[result].width), operands[0][0].dtype)
            places[result] = (total, "now")
        for number, row in enumerate(rows):
            np.add(total, row, out=total) if number else np.copyto(total, row)
        for number, (place, factors) in enumerate(zip(products, operands, strict=True)):
            _multiply(nodes[place], factors, total, add=bool(rows) or number > 0)
        if places[result][1] == "after" and not steps.dense:
            places[result][0][steps.after] = total


def parameter_gradients(
    derived: Adjoint,
    totals: Mapping[Id, Array],
    places: Mapping[Id, Place],
    params: Mapping[str, Array],
    steps: Steps,
) -> dict[str, Array]:
    """The gradients of all parameters, by name: sums and products of what the loop left, over all rows and steps."""
    found: dict[str, Array] = {}
    in_parts: dict[str, Array] = {}

    def add(share: ParameterGradient, value: Array) -> None:
        index, count = share.part
        if count == 1:
            found[share.name] = found[share.name] + value if share.name in found else value
            return
        if share.name not in in_parts:
            in_parts[share.name] = _zeros(params[share.name])
        total = in_parts[share.name]
        rows = len(total) // count
        total[index * rows : (index + 1) * rows] += value

    done: dict[tuple[Id, Id | None, int], Array] = {(node, None, 1): total for node, total in totals.items()}
    for share in derived.parameters:
        key = (share.grad, share.operand, share.heads)
        if key not in done:
            grad = all_rows(places[share.grad], steps)
            if share.operand is None:
                total = memory.empty((1, grad.shape[1]), grad.dtype)
                _product(_ones(steps.rows, grad.dtype), grad, total, False)
                done[key] = total[0]
            else:
                operand = all_rows(places[share.operand], steps)
                done[key] = memory.empty((grad.shape[1], operand.shape[1] // share.heads), grad.dtype)
                of_heads = [block.T for block in _blocks(grad, share.heads)]
                _products(of_heads, _blocks(operand, share.heads), _parts(done[key], share.heads, 0))
        add(share, done[key])
    for share, value in derived.through_made(params, found):
        add(share, value.astype(params[share.name].dtype))
    for name, value in in_parts.items():
        found[name] = found[name] + value if name in found else value
    return {name: found[name] if name in found else _zeros(value) for name, value in params.items()}


def _zeros(like: Array) -> Array:
    room = memory.empty(like.shape, like.dtype)
    room.fill(0)
    return room


def _blocks(rows: Array, heads: int) -> list[Array]:
    """The features of each head."""
    return _parts(rows, heads, -1)


def _parts(array: Array, count: int, axis: int) -> list[Array]:
    """Equal parts; NumPy takes microseconds for one."""
    return [array] if count == 1 else np.split(array, count, axis)


def _products(a: Iterable[Array], b: Iterable[Array], out: Iterable[Array], *, add: bool = False) -> None:
    for one, other, result in zip(a, b, out, strict=True):
        _product(one, other, result, add)


def with_last(upstream: Place | None, last: Array | None, steps: Steps, size: int, dtype: Any) -> Place:
    """The gradients of a state after each step with those of the final states among them."""
    if upstream is not None and last is None:
        return upstream
    total = np.zeros((steps.rows, size), dtype)
    if upstream is not None:
        total += all_rows(upstream, steps)
    if last is not None:
        total[steps.last] += last
    return total, "now"


def _ones(rows: int, dtype: Any) -> Array:
    return np.ones((1, rows), dtype)
