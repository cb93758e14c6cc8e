"""A cell's step as a small typed graph: what a compiler can see and take apart.

A `Graph` is a list of `Node`s in the order of computation. Every node is a row of ``width`` numbers for each
sequence of a batch, which itself is never named: what holds for one row holds for all. Parameters are the exception;
they are vectors (out,) or matrices (out, in), the same for all rows.

`OPS` is the whole language: for every operation its NumPy meaning and its derivative rule. Compilers emit these
operations and nothing else, so a rule that is right here is right everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np

from elman.errors import UsageError

#: Place of a node in its graph.
Id: TypeAlias = int

Kind: TypeAlias = Literal["leaf", "elementwise", "reduction", "layout", "product"]


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        op: Name in `OPS`.
        operands: Places of its operands.
        width: Numbers per row; for a parameter, its rows (out).
        name: Of an input, a state or a parameter; of a copy, the result that it was made for.
        value: Of a constant.
        part: ``(index, count)`` of a part: which of so many equal blocks of the row.
        columns: Of a matrix (in), which is a parameter or made of parameters alone; 0 for everything else.
        pieces: Of an expand or a fold: ``(groups, times)``, see `elman.cells.Ops.expand`.
        heads: Of a product: blocks of the row, each multiplied by the matrix of its own block of the rows.
    """

    op: str
    operands: tuple[Id, ...] = ()
    width: int = 1
    name: str = ""
    value: float = 0.0
    part: tuple[int, int] = (0, 1)
    columns: int = 0
    pieces: tuple[int, int] = (1, 1)
    heads: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a parameter, or of what is made of parameters: (out,) or (out, in)."""
        return (self.width, self.columns) if self.columns else (self.width,)


@dataclass(frozen=True)
class Op:
    """What an operation means and how gradients pass through it.

    Attributes:
        kind: How it relates the numbers of a row: elementwise, all to one (reduction), moved (layout), or by a matrix.
        compute: ``(node, *operands) -> array``, the operation on NumPy arrays.
        derivative: ``(builder, node, grad) -> gradients of the operands``, as nodes of the builder; None for an
            operand that has none.
    """

    kind: Kind
    compute: Callable[..., Any]
    derivative: Callable[[Builder, Id, Id], tuple[Id | None, ...]]


@dataclass
class Graph:
    """Nodes in the order of computation, and which of them are the results, by name."""

    nodes: list[Node] = field(default_factory=list)
    outputs: dict[str, Id] = field(default_factory=dict)

    def leaves(self, op: str) -> dict[str, Id]:
        """The inputs, states or parameters of the graph: name -> place."""
        return {node.name: place for place, node in enumerate(self.nodes) if node.op == op}

    def after(self, places: Iterable[Id]) -> set[Id]:
        """These nodes and all that depend on one of them."""
        found = set(places)
        for place, node in enumerate(self.nodes):
            if any(operand in found for operand in node.operands):
                found.add(place)
        return found

    def before(self, places: Iterable[Id], given: AbstractSet[Id] = frozenset()) -> set[Id]:
        """These nodes and all that they are computed from, as far back as what is given."""
        found: set[Id] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += () if place in given else self.nodes[place].operands
        return found

    def users(self) -> list[list[Id]]:
        """For every node the places of the nodes that use it."""
        found: list[list[Id]] = [[] for _ in self.nodes]
        for place, node in enumerate(self.nodes):
            for operand in node.operands:
                found[operand].append(place)
        return found

    def run(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Compute the results in NumPy: the meaning of the graph, and the reference for what is made of it.

        Args:
            values: An array for every leaf by name: (..., width) for inputs and states, the parameter's own shape.
        """
        done = self.evaluate(values)
        return {name: done[place] for name, place in self.outputs.items()}

    def evaluate(self, values: Mapping[str, Any]) -> list[Any]:
        """As `run`, but returns the value of every node."""
        done: list[Any] = []
        for node in self.nodes:
            if OPS[node.op].kind == "leaf":
                done.append(np.full(node.width, node.value) if node.op == "constant" else values[node.name])
            else:
                done.append(OPS[node.op].compute(node, *(done[operand] for operand in node.operands)))
        return done

    def __str__(self) -> str:
        lines = []
        for place, node in enumerate(self.nodes):
            shown = " ".join(f"%{operand}" for operand in node.operands)
            extra = node.name or (f"{node.value:g}" if node.op == "constant" else "")
            extra = f"{node.part[0] + 1} of {node.part[1]}" if node.op == "part" else extra
            extra = "{} x {}".format(*node.pieces) if node.op in ("expand", "fold") else extra
            extra = f"in {node.heads} heads" if node.heads > 1 else extra
            size = f"{node.width}x{node.columns}" if node.columns else str(node.width)
            lines.append(" ".join(f"%{place}: {size} = {node.op} {extra} {shown}".split()))
        return "\n".join([*lines, *(f"{name} = %{place}" for name, place in self.outputs.items())])


class Builder:
    """Adds nodes to a graph, each once: the same operation on the same operands is the same node."""

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = Graph() if graph is None else graph
        self._places = {node: place for place, node in enumerate(self.graph.nodes)}

    def __getitem__(self, place: Id) -> Node:
        return self.graph.nodes[place]

    def add(self, node: Node) -> Id:
        """Place of ``node``, which is appended unless it is already there."""
        if node not in self._places:
            self._places[node] = len(self.graph.nodes)
            self.graph.nodes.append(node)
        return self._places[node]

    def constant(self, value: float, width: int = 1) -> Id:
        """A number, the same for all rows and features."""
        return self.add(Node("constant", value=float(value), width=width))

    def elementwise(self, op: str, *operands: Id) -> Id:
        """One of the elementwise operations; operands of width 1 are repeated. Raises `UsageError` on other widths."""
        if any(self[operand].columns for operand in operands):
            return self._of_matrices(op, *operands)
        widths = {self[operand].width for operand in operands} - {1}
        if len(widths) > 1:
            found = " and ".join(str(self[operand].width) for operand in operands)
            raise UsageError(f"{op} takes operands of one width (or of width 1), found {found}.")
        width = widths.pop() if widths else 1
        single = tuple(self[n].operands[0] if self[n].op == "repeat" else n for n in operands)
        if all(self[n].width == 1 for n in single):
            return self.repeat(self._simplest(op, single, 1), width)
        return self._simplest(op, single, width)

    def _of_matrices(self, op: str, *operands: Id) -> Id:
        """An operation on the numbers of matrices, which makes another matrix; it is the same for all rows."""
        matrices = [self[operand] for operand in operands if self[operand].op != "constant"]
        shapes = {(node.width, node.columns) for node in matrices}
        if len(shapes) > 1 or not all(node.columns for node in matrices):
            raise UsageError(f"{op} of a matrix takes matrices of one shape, and plain numbers.")
        ((width, columns),) = shapes
        return self.add(Node(op, operands, width, columns=columns))

    def transpose(self, matrix: Id) -> Id:
        """A matrix the other way round."""
        node = self[matrix]
        if node.op == "transpose":
            return node.operands[0]
        return self.add(Node("transpose", (matrix,), node.columns, columns=node.width))

    def _simplest(self, op: str, operands: tuple[Id, ...], width: int) -> Id:
        """An operation, or what it comes to: x * 1, x + 0, x * 0, x - x, (x * 2) * 3 need not be computed."""
        if op == "subtract" and operands[0] == operands[1]:
            return self.constant(0, width)
        same = None
        if op in ("add", "multiply"):
            for one, other in (operands, operands[::-1]):
                if same is None and self[one].op == "constant":
                    same = self._with_constant(op, other, self[one].value, width)
        return self.add(Node(op, operands, width)) if same is None else same

    def _with_constant(self, op: str, other: Id, value: float, width: int) -> Id | None:
        """What ``other + value`` or ``other * value`` comes to, if it need not be computed."""
        if value == {"add": 0, "multiply": 1}[op] and self[other].width == width:
            return other
        if op == "multiply" and value == 0:
            return self.constant(0, width)
        if op == "multiply" and self[other].op == "multiply":
            for one, rest in (self[other].operands, self[other].operands[::-1]):
                if self[one].op == "constant" and self[one].width == 1:
                    return self.elementwise(op, rest, self.constant(_rounded(value * self[one].value)))
        return None

    def reduce(self, op: str, operand: Id) -> Id:
        """``sum`` over the features: width 1.

        A number that is the same for all features stays outside the sum, which need not wait for it then.
        """
        node = self[operand]
        if node.columns:
            raise UsageError(f"{op} takes features, not a matrix parameter.")
        if node.width == 1:
            return operand
        if node.op == "repeat":
            return self.elementwise("multiply", node.operands[0], self.constant(node.width))
        if node.op == "negative":
            return self.elementwise("negative", self.reduce(op, node.operands[0]))
        numbers = [n for n in node.operands if self[n].width == 1]
        if node.op == "multiply" and numbers:
            (row,) = {*node.operands} - {*numbers}
            return self.elementwise("multiply", self.reduce(op, row), *numbers)
        if node.op in ("add", "subtract") and any(self._is_multiple(n) for n in node.operands):
            return self.elementwise(node.op, *(self.reduce(op, self.repeat(n, node.width)) for n in node.operands))
        return self.add(Node(op, (operand,), 1))

    def _is_multiple(self, place: Id) -> bool:
        """Whether a value is a number for all features, or a row times such a number."""
        node = self[place]
        if node.op == "negative":
            return self._is_multiple(node.operands[0])
        has_number = any(self[operand].width == 1 for operand in node.operands)
        return node.width == 1 or (node.op in ("multiply", "repeat") and has_number)

    def repeat(self, operand: Id, width: int) -> Id:
        """One number per row, ``width`` times."""
        return operand if self[operand].width == width else self.add(Node("repeat", (operand,), width))

    def part(self, operand: Id, index: int, count: int) -> Id:
        """The ``index``-th of ``count`` equal blocks of the features, or of the rows of a parameter."""
        whole = self[operand]
        if whole.width % count:
            raise UsageError(f"{whole.width} features cannot be cut into {count} equal parts.")
        if count == 1:
            return operand
        return self.add(Node("part", (operand,), whole.width // count, part=(index, count), columns=whole.columns))

    def join(self, *operands: Id) -> Id:
        """Blocks of features side by side, or matrices of one shape."""
        if len(operands) == 1:
            return operands[0]
        columns = [self[operand].columns for operand in operands]
        if any(columns):
            if len({(self[operand].width, self[operand].columns) for operand in operands}) > 1:
                raise UsageError("join takes features, or matrices of one shape.")
            return self.add(Node("join", operands, self[operands[0]].width, columns=sum(columns)))
        return self.add(Node("join", operands, sum(self[operand].width for operand in operands)))

    def expand(self, operand: Id, groups: int, times: int) -> Id:
        """Each of ``groups`` equal pieces of the features ``times`` times: (groups, n) -> (groups, times, n)."""
        node = self[operand]
        if groups < 1 or times < 1 or node.width % groups:
            raise UsageError(f"expand takes a multiple of {groups} features and at least one time, not {node.width}.")
        if times == 1:
            return operand
        if node.width == 1:
            return self.repeat(operand, times)
        if node.op == "constant":
            return self.constant(node.value, node.width * times)
        return self.add(Node("expand", (operand,), node.width * times, pieces=(groups, times)))

    def fold(self, operand: Id, groups: int, times: int) -> Id:
        """The sums over ``times``, the other way round: (groups, times, n) -> (groups, n)."""
        node = self[operand]
        if groups < 1 or times < 1 or node.width % (groups * times):
            raise UsageError(f"fold takes a multiple of {groups} x {times} features, not {node.width}.")
        if times == 1:
            return operand
        if node.width == times:
            return self.reduce("sum", operand)
        if node.op == "constant":
            return self.constant(node.value * times, node.width // times)
        return self.add(Node("fold", (operand,), node.width // times, pieces=(groups, times)))

    def linear(self, operand: Id, matrix: Id, heads: int = 1) -> Id:
        """``operand @ matrix.T``, or that for each of so many heads, see `elman.cells.Ops.linear`."""
        if self[operand].columns:
            raise UsageError(
                "A product takes features and a matrix, not two matrices: multiply by one, then by the other."
            )
        rows, columns = self[matrix].width, self[matrix].columns
        if columns * heads != self[operand].width:
            each = f" for each of {heads} heads" if heads > 1 else ""
            raise UsageError(
                f"A product with a matrix {(rows, columns)} takes {columns} features{each}, "
                f"found {self[operand].width}."
            )
        if rows % heads:
            raise UsageError(f"The {rows} rows of a matrix cannot be shared out to {heads} heads equally.")
        return self.add(Node("linear", (operand, matrix), rows, heads=heads))

    def back(self, operand: Id, matrix: Id, heads: int = 1) -> Id:
        """``operand @ matrix``, for each of the heads: how a gradient goes back through `linear`."""
        return self.add(Node("back", (operand, matrix), heads * self[matrix].columns, heads=heads))

    def copy(self, operand: Id, name: str) -> Id:
        """The operand itself, as the node of a result that needs one of its own."""
        return self.add(Node("copy", (operand,), self[operand].width, name=name))

    def name_results(self, results: Mapping[str, Id], loop: Iterable[Id], taken: Iterable[Id] = ()) -> None:
        """Say which nodes are the results of the graph, by name.

        Every result is a node of its own that each step computes. A copy takes its place where it would be a leaf, the
        result of two names, one of those that are ``taken`` for another end, or where it would not depend on ``loop``,
        the leaves by which a step hangs on others.
        """
        free = {place for place in self.graph.after(loop) if OPS[self[place].op].kind != "leaf"} - {*taken}
        for name, place in results.items():
            self.graph.outputs[name] = place if place in free else self.copy(place, name)
            free.discard(place)


def _rounded(value: float) -> float:
    """A whole number where only the last bit is missing, as in ``(1 / 49) * 49``."""
    return float(round(value)) if math.isclose(value, round(value), rel_tol=1e-15) else value


def _no_gradient(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    return tuple(None for _ in builder[place].operands)


def _operands(builder: Builder, place: Id) -> tuple[Id, ...]:
    return builder[place].operands


def _multiply(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    x, y = _operands(builder, place)
    if x == y:
        return builder.elementwise("multiply", builder.elementwise("multiply", grad, builder.constant(2)), x), None
    return builder.elementwise("multiply", grad, y), builder.elementwise("multiply", grad, x)


def _divide(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    _, y = _operands(builder, place)
    to_x = builder.elementwise("divide", grad, y)
    return to_x, builder.elementwise("negative", builder.elementwise("multiply", to_x, place))


def _sigmoid(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    slope = builder.elementwise("multiply", place, builder.elementwise("subtract", builder.constant(1), place))
    return (builder.elementwise("multiply", grad, slope),)


def _tanh(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    square = builder.elementwise("multiply", place, place)
    return (builder.elementwise("multiply", grad, builder.elementwise("subtract", builder.constant(1), square)),)


def _relu(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    on = builder.elementwise("greater", place, builder.constant(0))
    return (builder.elementwise("where", on, grad, builder.constant(0)),)


def _log(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    return (builder.elementwise("divide", grad, *_operands(builder, place)),)


def _sqrt(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    half = builder.elementwise("multiply", grad, builder.constant(0.5))
    return (builder.elementwise("multiply", half, builder.elementwise("rsqrt", *_operands(builder, place))),)


def _sin(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    return (builder.elementwise("multiply", grad, builder.elementwise("cos", *_operands(builder, place))),)


def _cos(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    down = builder.elementwise("negative", grad)
    return (builder.elementwise("multiply", down, builder.elementwise("sin", *_operands(builder, place))),)


def _rsqrt(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    cube = builder.elementwise("multiply", builder.elementwise("multiply", place, place), place)
    half = builder.elementwise("multiply", cube, builder.constant(-0.5))
    return (builder.elementwise("multiply", grad, half),)


def _choice(better: str) -> Callable[[Builder, Id, Id], tuple[Id | None, ...]]:
    def derivative(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
        x, y = _operands(builder, place)
        # Of two equal values the first one has the gradient, as in torch's clamp.
        second = builder.elementwise("greater", *((y, x) if better == "maximum" else (x, y)))
        zero = builder.constant(0)
        return builder.elementwise("where", second, zero, grad), builder.elementwise("where", second, grad, zero)

    return derivative


def _where(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    condition, zero = builder[place].operands[0], builder.constant(0)
    return (
        None,
        builder.elementwise("where", condition, grad, zero),
        builder.elementwise("where", condition, zero, grad),
    )


def _linear(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    # The gradient of the matrix is a product over all rows and steps: `adjoint` notes it, the loop never sees it.
    return builder.back(grad, builder[place].operands[1], builder[place].heads), None


def _sum(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    (operand,) = _operands(builder, place)
    return (builder.repeat(grad, builder[operand].width),)


def _repeat(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    return (builder.reduce("sum", grad),)


def _join(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    """Every operand has its own block of the gradient, taken out as equal parts where the operands are not equal."""
    if builder[place].columns:
        turned, count = builder.transpose(grad), len(_operands(builder, place))
        return tuple(builder.transpose(builder.part(turned, index, count)) for index in range(count))
    widths = [builder[operand].width for operand in _operands(builder, place)]
    size, count = math.gcd(*widths), builder[place].width // math.gcd(*widths)
    parts = iter([builder.part(grad, index, count) for index in range(count)])
    return tuple(builder.join(*(next(parts) for _ in range(width // size))) for width in widths)


def _expand(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    return (builder.fold(builder.repeat(grad, builder[place].width), *builder[place].pieces),)


def _fold(builder: Builder, place: Id, grad: Id) -> tuple[Id | None, ...]:
    return (builder.expand(builder.repeat(grad, builder[place].width), *builder[place].pieces),)


def _sigmoid_values(x: Any) -> Any:
    return 0.5 * np.tanh(0.5 * x) + 0.5


def _join_values(node: Node, *blocks: Any) -> Any:
    if node.columns:
        return np.concatenate(blocks, axis=-1)
    rows = np.broadcast_shapes(*(np.shape(block)[:-1] for block in blocks))
    return np.concatenate([np.broadcast_to(block, (*rows, np.shape(block)[-1])) for block in blocks], axis=-1)


def _product_values(node: Node, x: Any, matrix: Any) -> Any:
    matrices = np.split(matrix, node.heads)
    blocks = zip(np.split(x, node.heads, axis=-1), (m.T if node.op == "linear" else m for m in matrices), strict=True)
    return np.concatenate([block @ matrix for block, matrix in blocks], axis=-1)


def _part_values(node: Node, x: Any) -> Any:
    start = node.part[0] * node.width
    return x[start : start + node.width] if node.columns else x[..., start : start + node.width]


def _expand_values(node: Node, x: Any) -> Any:
    (groups, times), rows = node.pieces, np.shape(x)[:-1]
    return np.repeat(np.reshape(x, (*rows, groups, 1, -1)), times, axis=-2).reshape(*rows, node.width)


def _fold_values(node: Node, x: Any) -> Any:
    rows = np.shape(x)[:-1]
    return np.reshape(x, (*rows, *node.pieces, -1)).sum(-2).reshape(*rows, node.width)


def _leaf() -> Op:
    return Op("leaf", lambda node: node.value, _no_gradient)


def _elementwise(compute: Callable[..., Any], derivative: Callable[[Builder, Id, Id], tuple[Id | None, ...]]) -> Op:
    return Op("elementwise", lambda node, *operands: compute(*operands), derivative)


#: Every operation by its name.
OPS: dict[str, Op] = {
    "input": _leaf(),
    "state": _leaf(),
    "parameter": _leaf(),
    "constant": _leaf(),
    "add": _elementwise(np.add, lambda builder, place, grad: (grad, grad)),
    "subtract": _elementwise(np.subtract, lambda builder, place, grad: (grad, builder.elementwise("negative", grad))),
    "multiply": _elementwise(np.multiply, _multiply),
    "divide": _elementwise(np.divide, _divide),
    "negative": _elementwise(np.negative, lambda builder, place, grad: (builder.elementwise("negative", grad),)),
    "sigmoid": _elementwise(_sigmoid_values, _sigmoid),
    "tanh": _elementwise(np.tanh, _tanh),
    "relu": _elementwise(lambda x: np.maximum(x, 0), _relu),
    "exp": _elementwise(np.exp, lambda builder, place, grad: (builder.elementwise("multiply", grad, place),)),
    "log": _elementwise(np.log, _log),
    "sqrt": _elementwise(np.sqrt, _sqrt),
    "rsqrt": _elementwise(lambda x: 1 / np.sqrt(x), _rsqrt),
    "sin": _elementwise(np.sin, _sin),
    "cos": _elementwise(np.cos, _cos),
    "floor": _elementwise(np.floor, _no_gradient),
    "maximum": _elementwise(np.maximum, _choice("maximum")),
    "minimum": _elementwise(np.minimum, _choice("minimum")),
    "greater": _elementwise(np.greater, _no_gradient),
    "where": _elementwise(np.where, _where),
    "copy": _elementwise(lambda x: x, lambda builder, place, grad: (grad,)),
    "sum": Op("reduction", lambda node, x: np.sum(x, axis=-1, keepdims=True), _sum),
    "repeat": Op("layout", lambda node, x: np.repeat(x, node.width, axis=-1), _repeat),
    "expand": Op("layout", _expand_values, _expand),
    "fold": Op("reduction", _fold_values, _fold),
    "part": Op("layout", _part_values, _no_gradient),  # the gradients of all parts are joined, see `adjoint`
    "join": Op("layout", _join_values, _join),
    "transpose": Op("layout", lambda node, x: x.T, lambda builder, place, grad: (builder.transpose(grad),)),
    "linear": Op("product", _product_values, _linear),
    "back": Op("product", _product_values, _no_gradient),
}
