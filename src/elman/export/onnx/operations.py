"""Every operation of a cell's graph (`elman.compiler.OPS`) in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from elman.compiler import OPS, Graph, Node
from elman.compiler.graph import Id
from elman.export.onnx.document import TYPES, Array, Document


@dataclass(frozen=True)
class Rows:
    """A value that every row of a batch has its own of.

    Attributes:
        name: In the document.
        axes: Axes before the features: 1 (batch) or 2 (time, batch), and 2 more (height, width) of images.
        boolean: Whether it holds truth values, which ONNX does not take for numbers.
    """

    name: str
    axes: int
    boolean: bool = False


#: What an operation is applied to: a value of the rows, or an array, which is the same for all of them.
Operand: TypeAlias = Rows | Array

Writer: TypeAlias = Callable[..., Rows]


def known_values(graph: Graph, given: Mapping[str, Array]) -> dict[Id, Array]:
    """The nodes that are the same for all rows and steps, computed: constants, given leaves and what hangs on them."""
    known: dict[Id, Array] = {}
    for place, node in enumerate(graph.nodes):
        if node.op == "constant":
            known[place] = np.full(node.width, node.value)
        elif node.name in given and OPS[node.op].kind == "leaf":
            known[place] = given[node.name]
        elif OPS[node.op].kind != "leaf" and all(operand in known for operand in node.operands):
            known[place] = OPS[node.op].compute(node, *(known[operand] for operand in node.operands))
    return known


def write(document: Document, node: Node, *operands: Operand) -> Rows:
    """Add one node of a graph to a document; at least one of its operands is `Rows`."""
    return OPERATIONS[node.op](document, node, *operands)


def named(document: Document, operand: Operand) -> str:
    """The name of an operand; an array becomes a weight."""
    return operand.name if isinstance(operand, Rows) else document.weight(operand)


def number(document: Document, operand: Operand) -> str:
    """As `named`, with truth values as 1 and 0."""
    if isinstance(operand, Rows):
        return document.add("Cast", operand.name, to=document.kind) if operand.boolean else operand.name
    return document.weight(operand.astype(document.dtype))


def _truth(document: Document, operand: Operand) -> str:
    """As `named`, with numbers as whether they are not 0."""
    if isinstance(operand, Rows):
        return operand.name if operand.boolean else document.add("Cast", operand.name, to=TYPES["bool"])
    return document.weight(operand.astype(bool))


def _axes(*operands: Operand) -> int:
    return max(operand.axes for operand in operands if isinstance(operand, Rows))


def _elementwise(op: str, *, boolean: bool = False) -> Writer:
    def added(document: Document, node: Node, *operands: Operand) -> Rows:
        names = (number(document, operand) for operand in operands)
        return Rows(document.add(op, *names), _axes(*operands), boolean)

    return added


def _rsqrt(document: Document, node: Node, x: Operand) -> Rows:
    return Rows(document.add("Reciprocal", document.add("Sqrt", number(document, x))), _axes(x))


def _where(document: Document, node: Node, condition: Operand, x: Operand, y: Operand) -> Rows:
    names = _truth(document, condition), number(document, x), number(document, y)
    return Rows(document.add("Where", *names), _axes(condition, x, y))


def _copy(document: Document, node: Node, x: Operand) -> Rows:
    return Rows(document.add("Identity", number(document, x)), _axes(x))


def _sum(document: Document, node: Node, x: Operand) -> Rows:
    return Rows(document.add("ReduceSum", number(document, x), document.numbers(-1), keepdims=1), _axes(x))


def _repeat(document: Document, node: Node, x: Operand) -> Rows:
    return Rows(document.add("Expand", number(document, x), document.numbers(node.width)), _axes(x))


def _part(document: Document, node: Node, x: Operand) -> Rows:
    index, count = node.part
    return Rows(document.split(number(document, x), count)[index], _axes(x))


def _join(document: Document, node: Node, *blocks: Operand) -> Rows:
    rows = next(block for block in blocks if isinstance(block, Rows))
    names = []
    for block in blocks:
        name = number(document, block)
        if not isinstance(block, Rows):  # Concat repeats nothing
            before = document.add("Shape", rows.name, end=-1)
            name = document.add("Expand", name, document.add("Concat", before, document.numbers(len(block)), axis=0))
        names.append(name)
    return Rows(document.add("Concat", *names, axis=-1), rows.axes)


def _expand(document: Document, node: Node, x: Operand) -> Rows:
    groups, times = node.pieces
    axes = _axes(x)
    pieces = _shaped(document, number(document, x), axes, groups, 1, node.width // (groups * times))
    repeated = document.add("Expand", pieces, document.numbers(times, 1))
    return Rows(_shaped(document, repeated, axes, node.width), axes)


def _fold(document: Document, node: Node, x: Operand) -> Rows:
    groups, times = node.pieces
    axes = _axes(x)
    pieces = _shaped(document, number(document, x), axes, groups, times, node.width // groups)
    total = document.add("ReduceSum", pieces, document.numbers(-2), keepdims=0)
    return Rows(_shaped(document, total, axes, node.width), axes)


def _shaped(document: Document, name: str, axes: int, *sizes: int) -> str:
    """The features laid out anew; the axes before them stay as they are."""
    return document.add("Reshape", name, document.numbers(*[0] * axes, *sizes))


def _product(document: Document, node: Node, x: Operand, matrix: Array) -> Rows:
    if matrix.ndim == 4:
        return _convolution(document, x, matrix)
    axes, rows = _axes(x), number(document, x)
    turned = node.op == "linear"
    if node.heads == 1:
        return Rows(document.add("MatMul", rows, document.weight(matrix.T if turned else matrix, "matrix")), axes)
    matrices = matrix.reshape(node.heads, -1, matrix.shape[1])
    weight = document.weight(matrices.swapaxes(1, 2) if turned else matrices, "matrices")
    blocks = _shaped(document, rows, axes, node.heads, 1, -1)
    return Rows(_shaped(document, document.add("MatMul", blocks, weight), axes, node.width), axes)


def _convolution(document: Document, x: Operand, kernel: Array) -> Rows:
    """The product of images (..., height, width, in) with a kernel (out, in, height, width) at every place."""
    axes, images = _axes(x), number(document, x)
    before, place = (document.add("Shape", images, **ends) for ends in ({"end": -3}, {"start": -3}))
    # With time or without it, one axis counts the images.
    images = document.add("Reshape", images, document.add("Concat", document.numbers(-1), place, axis=0))
    images = document.add("Transpose", images, perm=[0, 3, 1, 2])
    around = [size // 2 for size in kernel.shape[2:]]
    images = document.add("Conv", images, document.weight(kernel, "kernel"), pads=around * 2)
    images = document.add("Transpose", images, perm=[0, 2, 3, 1])
    whole = document.add("Concat", before, document.add("Shape", images, start=1), axis=0)
    return Rows(document.add("Reshape", images, whole), axes)


#: Operation of a graph, leaves aside -> what writes it: ``(document, node, *operands)`` to the value that it makes.
OPERATIONS: dict[str, Writer] = {
    "add": _elementwise("Add"),
    "subtract": _elementwise("Sub"),
    "multiply": _elementwise("Mul"),
    "divide": _elementwise("Div"),
    "negative": _elementwise("Neg"),
    "sigmoid": _elementwise("Sigmoid"),
    "tanh": _elementwise("Tanh"),
    "relu": _elementwise("Relu"),
    "exp": _elementwise("Exp"),
    "log": _elementwise("Log"),
    "sqrt": _elementwise("Sqrt"),
    "rsqrt": _rsqrt,
    "sin": _elementwise("Sin"),
    "cos": _elementwise("Cos"),
    "floor": _elementwise("Floor"),
    "maximum": _elementwise("Max"),
    "minimum": _elementwise("Min"),
    "greater": _elementwise("Greater", boolean=True),
    "where": _where,
    "copy": _copy,
    "sum": _sum,
    "repeat": _repeat,
    "part": _part,
    "join": _join,
    "expand": _expand,
    "fold": _fold,
    "linear": _product,
    "back": _product,
}
