from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnx_files
from compiler.odd_cells import STEPS, Odd
from contracts.cells import random_state, weights
from contracts.test_onnx import exported
from elman.cells import Cell, NumpyOps, make
from tolerances import ONNX_FLOAT64


def loop(cell: Cell) -> tuple[onnx.GraphProto, onnx.GraphProto]:
    """The graph of a file with one layer, and the body of its Scan."""
    graph = onnx.load_from_string(exported(cell, weights(cell), np.float64)).graph
    (scan,) = (node for node in graph.node if node.op_type == "Scan")
    (body,) = (attribute.g for attribute in scan.attribute if attribute.name == "body")
    return graph, body


def products(graph: onnx.GraphProto) -> int:
    return sum(node.op_type == "MatMul" for node in graph.node)


@pytest.mark.parametrize(("name", "before", "inside"), [("lstm", 1, 1), ("gru_before", 1, 3), ("mingru", 1, 0)])
def test_products_of_the_input_are_computed_before_the_loop(name: str, before: int, inside: int) -> None:
    graph, body = loop(make(name, 3, 5))
    assert (products(graph), products(body)) == (before, inside)


def test_what_only_weights_decide_is_computed_when_the_file_is_written() -> None:
    graph, body = loop(make("gru_before", 3, 5))
    shapes = [tuple(weight.dims) for weight in graph.initializer if len(weight.dims) == 2]
    assert shapes.count((5, 5)) == 3, "the recurrent matrix in three parts, and not as a whole"
    assert not body.initializer


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("reverse", [False, True])
def test_odd_cells(kind: str, reverse: bool) -> None:
    cell = Odd(4, 4, kind=kind)
    params, state = weights(cell), random_state(cell, 2)
    inputs = np.random.default_rng(0).standard_normal((2, 3, 4))
    given = {f"{name}_l0": value for name, value in state.items()}
    if reverse:
        found = reversed_layer(cell, params, inputs, given)
    else:
        found = onnx_files.run(exported(cell, params, np.float64), {"inputs": inputs, **given})
    outputs = np.zeros((2, 3, 4))
    for step in (2, 1, 0) if reverse else (0, 1, 2):
        state = cell.step(NumpyOps(), inputs[:, step], state, params)
        outputs[:, step] = state["hidden"]
    for one, other in zip(found.values(), (outputs, *state.values()), strict=True):
        np.testing.assert_allclose(one, np.broadcast_to(other, one.shape), rtol=ONNX_FLOAT64, atol=ONNX_FLOAT64)


def reversed_layer(
    cell: Cell, params: dict[str, np.ndarray], inputs: np.ndarray, state: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The backward half of a layer in both directions, whose halves have the same weights."""
    from contracts.test_onnx import unused
    from elman.export.onnx.layers import Layers
    from elman.export.onnx.model import Model

    both = {f"{name}_l0{end}": value for name, value in params.items() for end in ("", "_reverse")}
    content = Model(Layers((cell,), both, bidirectional=True), run=unused, dtype=np.dtype(np.float64)).content()
    found = onnx_files.run(content, {"inputs": inputs, **{f"{name}_reverse": value for name, value in state.items()}})
    outputs = found.pop("outputs")[..., cell.output_size :]
    return {"outputs": outputs} | {name: value for name, value in found.items() if "_reverse" in name}
