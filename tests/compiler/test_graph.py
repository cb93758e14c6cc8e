"""Every operation's derivative against finite differences, and the rules of building."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tolerances
from elman.compiler import OPS, Builder, Graph, Node, adjoint
from elman.errors import UsageError

#: One row for every operation: how to make it of the node x (width 4), and of y (width 4), m (a 3 x 4 matrix).
CASES: dict[str, Callable[[Builder, int, int, int], int]] = {
    "add": lambda b, x, y, m: b.elementwise("add", x, y),
    "subtract": lambda b, x, y, m: b.elementwise("subtract", x, y),
    "multiply": lambda b, x, y, m: b.elementwise("multiply", x, y),
    "divide": lambda b, x, y, m: b.elementwise("divide", x, b.elementwise("exp", y)),
    "negative": lambda b, x, y, m: b.elementwise("negative", x),
    "sigmoid": lambda b, x, y, m: b.elementwise("sigmoid", x),
    "tanh": lambda b, x, y, m: b.elementwise("tanh", x),
    "relu": lambda b, x, y, m: b.elementwise("relu", x),
    "exp": lambda b, x, y, m: b.elementwise("exp", x),
    "log": lambda b, x, y, m: b.elementwise("log", b.elementwise("exp", x)),
    "sqrt": lambda b, x, y, m: b.elementwise("sqrt", b.elementwise("exp", x)),
    "sin": lambda b, x, y, m: b.elementwise("sin", x),
    "cos": lambda b, x, y, m: b.elementwise("cos", x),
    "floor": lambda b, x, y, m: b.elementwise("multiply", b.elementwise("floor", x), y),
    "rsqrt": lambda b, x, y, m: b.elementwise("rsqrt", b.elementwise("exp", x)),
    "maximum": lambda b, x, y, m: b.elementwise("maximum", x, y),
    "minimum": lambda b, x, y, m: b.elementwise("minimum", x, y),
    "greater": lambda b, x, y, m: b.elementwise("multiply", b.elementwise("greater", x, y), x),
    "where": lambda b, x, y, m: b.elementwise("where", b.elementwise("greater", x, y), x, b.elementwise("exp", y)),
    "sum": lambda b, x, y, m: b.elementwise("multiply", b.reduce("sum", x), y),
    "repeat": lambda b, x, y, m: b.elementwise("multiply", b.repeat(b.reduce("sum", x), 4), y),
    "part": lambda b, x, y, m: b.elementwise("multiply", b.part(x, 1, 2), b.part(y, 0, 2)),
    "join": lambda b, x, y, m: b.elementwise(
        "multiply", b.join(b.part(x, 1, 2), y, x, b.reduce("sum", x)), b.join(y, y, b.part(x, 0, 2), b.part(y, 0, 4))
    ),
    "expand": lambda b, x, y, m: b.elementwise(
        "multiply", b.expand(b.elementwise("tanh", x), 2, 3), b.expand(b.elementwise("exp", y), 4, 3)
    ),
    "fold": lambda b, x, y, m: b.elementwise(
        "multiply", b.fold(b.elementwise("multiply", x, y), 1, 2), b.fold(x, 2, 2)
    ),
    "copy": lambda b, x, y, m: b.elementwise("multiply", b.copy(x, "of x"), y),
    "linear": lambda b, x, y, m: b.linear(b.elementwise("multiply", x, y), m),
    "transpose": lambda b, x, y, m: b.linear(b.linear(b.elementwise("multiply", x, y), m), b.transpose(m)),
}

#: Operations that a step never makes itself, or that are no operations.
OTHERS = {"input", "state", "parameter", "constant", "back"}


def test_every_operation_has_a_case() -> None:
    assert set(CASES) | OTHERS == set(OPS)


@pytest.mark.parametrize("op", [op for op in CASES if op not in OTHERS])
def test_derivatives_are_those_of_finite_differences(op: str) -> None:
    builder = Builder()
    x = builder.add(Node("input", width=4, name="x"))
    y = builder.add(Node("state", width=4, name="y"))
    m = builder.add(Node("parameter", width=3, columns=4, name="m"))
    step = builder.graph
    step.outputs = {"out": CASES[op](builder, x, y, m)}
    rng = np.random.default_rng(3)
    values = {"x": rng.normal(size=(2, 4)), "y": rng.normal(size=(2, 4)), "m": rng.normal(size=(3, 4))}
    width = step.nodes[step.outputs["out"]].width
    upstream = rng.normal(size=(2, width))
    found = adjoint(step).graph.run({**values, "d out": upstream, "d out carried": np.zeros_like(upstream)})
    small = 1e-6
    for name in ("x", "y"):
        slopes = np.zeros((2, 4))
        for place in np.ndindex(2, 4):
            sides = []
            for sign in (1, -1):
                moved = values[name].copy()
                moved[place] += sign * small
                sides.append((step.run({**values, name: moved})["out"] * upstream).sum())
            slopes[place] = (sides[0] - sides[1]) / (2 * small)
        np.testing.assert_allclose(
            np.broadcast_to(found.get(f"d {name}", 0), (2, 4)), slopes, **tolerances.FINITE_DIFFERENCES
        )


def test_the_same_operation_is_one_node() -> None:
    builder = Builder()
    x = builder.add(Node("input", width=4, name="x"))
    assert builder.elementwise("tanh", x) == builder.elementwise("tanh", x)
    assert builder.elementwise("multiply", x, builder.constant(1)) == x
    assert builder.elementwise("add", builder.constant(0), x) == x


def test_what_need_not_be_computed_is_not() -> None:
    builder = Builder()
    x = builder.add(Node("input", width=49, name="x"))
    number = builder.add(Node("input", name="number"))
    repeated = builder.repeat(number, 49)
    assert builder.elementwise("multiply", repeated, x) == builder.elementwise("multiply", number, x)
    doubled = builder.elementwise("multiply", number, builder.constant(2))
    assert builder.elementwise("multiply", repeated, builder.constant(2)) == builder.repeat(doubled, 49)
    assert builder.elementwise("subtract", x, x) == builder.constant(0, 49)
    assert builder.elementwise("multiply", x, builder.constant(0)) == builder.constant(0, 49)
    sixfold = builder.elementwise("multiply", x, builder.constant(6))
    assert (
        builder.elementwise("multiply", builder.elementwise("multiply", x, builder.constant(2)), builder.constant(3))
        == sixfold
    )


def test_expanding_and_folding_nothing_is_nothing() -> None:
    builder = Builder()
    x, number = (builder.add(Node("input", width=width, name="x")) for width in (4, 1))
    assert builder.expand(x, 2, 1) == builder.fold(x, 2, 1) == x
    assert builder.expand(number, 1, 4) == builder.repeat(number, 4)
    assert builder.fold(x, 1, 4) == builder.reduce("sum", x)
    two = builder.constant(2, 4)
    assert builder.expand(two, 2, 3) == builder.constant(2, 12)
    assert builder.fold(two, 2, 2) == builder.constant(4, 2)


def test_sums_do_not_wait_for_numbers_that_are_the_same_for_all_features() -> None:
    builder = Builder()
    x = builder.add(Node("input", width=49, name="x"))
    number = builder.add(Node("input", name="number"))
    multiple = builder.elementwise("multiply", x, number)
    total = builder.reduce("sum", x)
    assert builder.reduce("sum", multiple) == builder.elementwise("multiply", total, number)
    assert builder.reduce("sum", builder.repeat(number, 49)) == builder.elementwise(
        "multiply", number, builder.constant(49)
    )
    tanh = builder.elementwise("tanh", x)
    apart = builder.elementwise("add", builder.reduce("sum", tanh), builder.reduce("sum", multiple))
    assert builder.reduce("sum", builder.elementwise("add", tanh, multiple)) == apart
    mean = builder.elementwise("multiply", total, builder.constant(1 / 49))
    assert builder.reduce("sum", builder.elementwise("subtract", x, mean)) == builder.constant(0)


def test_impossible_layouts_are_refused() -> None:
    builder = Builder()
    x = builder.add(Node("input", width=4, name="x"))
    y = builder.add(Node("input", width=3, name="y"))
    with pytest.raises(UsageError, match="one width"):
        builder.elementwise("add", x, y)
    with pytest.raises(UsageError, match="3 equal parts"):
        builder.part(x, 0, 3)
    with pytest.raises(UsageError, match="expand takes a multiple of 3 features"):
        builder.expand(x, 3, 2)
    with pytest.raises(UsageError, match="fold takes a multiple of 2 x 3 features, not 4"):
        builder.fold(x, 2, 3)


def test_every_result_is_a_node_that_the_step_computes() -> None:
    builder = Builder()
    x = builder.add(Node("input", width=4, name="x"))
    state = builder.add(Node("state", width=4, name="state"))
    computed, constant = builder.elementwise("add", x, state), builder.constant(2, 4)
    of_input = builder.elementwise("tanh", x)
    places = {"own": computed, "again": computed, "kept": state, "two": constant, "of input": of_input}
    builder.name_results(places, loop=[state])
    nodes, outputs = builder.graph.nodes, builder.graph.outputs
    assert outputs["own"] == computed
    assert len(set(outputs.values())) == len(places)
    for name in ("again", "kept", "two", "of input"):
        assert nodes[outputs[name]] == Node("copy", (places[name],), 4, name)


def test_a_graph_knows_what_hangs_on_what() -> None:
    builder = Builder()
    x = builder.add(Node("input", width=4, name="x"))
    one = builder.elementwise("tanh", x)
    other = builder.elementwise("exp", builder.constant(1, 4))
    both = builder.elementwise("add", one, other)
    assert builder.graph.after([one]) == {one, both}
    assert builder.graph.before([both]) == set(range(len(builder.graph.nodes)))
    assert builder.graph.before([both], given={one}) == set(range(len(builder.graph.nodes))) - {x}


def test_a_graph_can_be_read() -> None:
    builder = Builder(Graph())
    x = builder.add(Node("input", width=4, name="x"))
    builder.graph.outputs = {"out": builder.elementwise("multiply", builder.part(x, 1, 2), builder.constant(0.5))}
    assert str(builder.graph).splitlines() == [
        "%0: 4 = input x",
        "%1: 2 = part 2 of 2 %0",
        "%2: 1 = constant 0.5",
        "%3: 2 = multiply %1 %2",
        "out = %3",
    ]


def test_a_matrix_turned_twice_is_the_matrix() -> None:
    builder = Builder()
    matrix = builder.add(Node("parameter", width=3, columns=4, name="m"))
    turned = builder.transpose(matrix)
    assert (builder[turned].width, builder[turned].columns) == (4, 3)
    assert builder.transpose(turned) == matrix
