from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import onnx_files
from elman.compiler import OPS, Builder, Node
from elman.export.onnx.document import Document
from elman.export.onnx.operations import OPERATIONS, Rows, known_values, write
from tolerances import ONNX_FLOAT64

WIDTH = 6
SHAPES = {1: ("batch", WIDTH), 2: ("time", "batch", WIDTH)}


def places(builder: Builder) -> dict[str, int]:
    """The leaves of the graphs below: two rows, a vector and a matrix."""
    return {
        "x": builder.add(Node("input", width=WIDTH, name="x")),
        "y": builder.add(Node("input", width=WIDTH, name="y")),
        "vector": builder.add(Node("parameter", width=WIDTH, name="vector")),
        "matrix": builder.add(Node("parameter", width=4, name="matrix", columns=WIDTH)),
    }


def elementwise(op: str, *names: str) -> Callable[[Builder, dict[str, int]], int]:
    return lambda builder, at: builder.elementwise(op, *(at[name] for name in names))


def positive(op: str) -> Callable[[Builder, dict[str, int]], int]:
    """The operation on 1 + x * x."""

    def made(builder: Builder, at: dict[str, int]) -> int:
        square = builder.elementwise("multiply", at["x"], at["x"])
        return builder.elementwise(op, builder.elementwise("add", square, builder.constant(1)))

    return made


#: For every operation a graph that has it.
CASES: dict[str, Callable[[Builder, dict[str, int]], int]] = {
    **{op: elementwise(op, "x", "y") for op in ("add", "subtract", "multiply", "maximum", "minimum", "greater")},
    **{op: elementwise(op, "x") for op in ("negative", "sigmoid", "tanh", "relu", "exp", "sin", "cos", "floor")},
    **{op: positive(op) for op in ("log", "sqrt", "rsqrt")},
    "divide": elementwise("divide", "x", "vector"),
    "where": lambda builder, at: builder.elementwise(
        "where", builder.elementwise("greater", at["x"], at["y"]), at["vector"], at["y"]
    ),
    "copy": lambda builder, at: builder.copy(at["x"], "result"),
    "sum": lambda builder, at: builder.reduce("sum", at["x"]),
    "repeat": lambda builder, at: builder.repeat(builder.reduce("sum", at["x"]), WIDTH),
    "part": lambda builder, at: builder.part(at["x"], 1, 3),
    "join": lambda builder, at: builder.join(at["vector"], at["x"], builder.constant(2, 3)),
    "expand": lambda builder, at: builder.expand(at["x"], 2, 4),
    "fold": lambda builder, at: builder.fold(at["x"], 1, 3),
    "linear": lambda builder, at: builder.linear(at["x"], at["matrix"]),
    "back": lambda builder, at: builder.back(builder.linear(at["x"], at["matrix"]), at["matrix"]),
}

#: Products in heads.
HEADS: dict[str, Callable[[Builder, dict[str, int]], int]] = {
    "linear in heads": lambda builder, at: builder.linear(builder.join(at["x"], at["y"]), at["matrix"], heads=2),
    "back in heads": lambda builder, at: builder.back(builder.part(at["x"], 0, 3), builder.part(at["matrix"], 1, 2), 2),
}

#: Graphs with what types make difficult.
MIXED: dict[str, Callable[[Builder, dict[str, int]], int]] = {
    "a truth value times a number": lambda builder, at: builder.elementwise(
        "multiply", builder.elementwise("greater", at["x"], at["y"]), at["y"]
    ),
    "a number as a condition": elementwise("where", "rounded", "x", "y"),
    "a truth value of vectors": lambda builder, at: builder.elementwise(
        "where", builder.elementwise("greater", at["vector"], builder.constant(0)), at["x"], builder.constant(3)
    ),
    "a truth value of vectors as a number": lambda builder, at: builder.elementwise(
        "add", builder.elementwise("greater", at["vector"], builder.constant(0)), at["x"]
    ),
}


def test_every_operation_has_its_line() -> None:
    # Of a matrix there is one for all rows, so it is computed before anything is written.
    rowwise = {name for name, op in OPS.items() if op.kind != "leaf"} - {"transpose"}
    assert set(OPERATIONS) == rowwise == set(CASES)


@pytest.mark.parametrize("axes", [1, 2], ids=["in the loop", "before the loop"])
@pytest.mark.parametrize("name", [*CASES, *HEADS, *MIXED])
def test_onnx_computes_what_the_graph_computes(name: str, axes: int) -> None:
    rng = np.random.default_rng(0)
    builder = Builder()
    at = places(builder)
    at["rounded"] = builder.elementwise("floor", at["x"])
    result = (CASES | HEADS | MIXED)[name](builder, at)
    given = {"vector": rng.standard_normal(WIDTH), "matrix": rng.standard_normal((4, WIDTH))}
    rows = {name: rng.standard_normal((2, 5, WIDTH)[-axes - 1 :]) for name in ("x", "y")}
    expected = builder.graph.evaluate({**given, **rows})[result]

    document = Document(np.dtype(np.float64))
    values: dict[int, Any] = dict(known_values(builder.graph, given))
    for leaf in rows:
        values[at[leaf]] = Rows(document.input(leaf, SHAPES[axes]), axes)
    for place in sorted(builder.graph.before([result]) - values.keys()):
        node = builder.graph.nodes[place]
        values[place] = write(document, node, *(values[operand] for operand in node.operands))
    last = values[result]
    found = document.add("Cast", last.name, to=document.kind) if last.boolean else last.name
    document.output(found, (*SHAPES[axes][:-1], expected.shape[-1]), "found")
    results = onnx_files.run(document.content("test", {}), rows)
    np.testing.assert_allclose(results["found"], expected, rtol=ONNX_FLOAT64, atol=ONNX_FLOAT64)
