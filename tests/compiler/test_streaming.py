from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tolerances
from compiler import odd_cells
from compiler.sequences import weights
from compiler.test_schedule import Diagonal, Normed
from elman import cells
from elman.cells import Cell, NumpyOps
from elman.cells.cell import ELAPSED
from elman.cells.modifiers import Clipped, Zoneout
from elman.compiler import streaming
from elman.compiler.machine import Host
from elman.compiler.packing import bfloat16
from elman.compiler.streaming import MANY_ROWS, StreamingStack
from elman.errors import UsageError

CELLS: list[Cell] = [
    *(cells.make(name, 5, 7) for name in cells.CELLS),
    cells.make("lstm", 20, 33),
    cells.make("lstm", 3, 20, projection_size=9),
    cells.make("gru", 16, 64),
    cells.make("rnn", 1, 1),
    cells.make("lstm", 3, 40, heads=2),
    cells.make("gru", 4, 39, heads=13),
    Normed(3, 19),
    Diagonal(3, 40),
    Clipped(cells.make("lstm", 4, 5), 0.3),
    *odd_cells.CELLS,
]

#: Steps and rows: one, some, and so many that the products of the inputs are hoisted.
SHAPES = [(1, 1), (3, 2), (MANY_ROWS, 3)]

#: Layers of a stack, and the outputs of the linear layer over them.
STACK, OUTPUTS = [cells.make("lstm", 5, 18), cells.make("gru", 18, 7), cells.make("rnn", 7, 11)], 23


def draw(cell: Cell, precision: str = "float32") -> dict[str, Any]:
    return weights(cell, np.random.default_rng(0), precision)


def head(features: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    return np.float32(rng.normal(0, 0.4, (OUTPUTS, features))), np.float32(rng.normal(size=OUTPUTS))


def start(layers: list[Cell], batch: int, precision: str = "float32") -> dict[str, Any]:
    rng = np.random.default_rng(2)
    sizes = {f"{name}_l{n}": size for n, cell in enumerate(layers) for name, size in cell.state_sizes.items()}
    return {name: rng.normal(size=(batch, size)).astype(precision) for name, size in sizes.items()}


def symbols(cell: Cell, time: int, batch: int, precision: str = "float32") -> Any:
    return np.random.default_rng(3).normal(size=(time, batch, cell.input_size)).astype(precision)


def by_steps(stack: StreamingStack, inputs: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    results = []
    for x in inputs:
        result, state = stack.step(x, state)
        results.append(result)
    return np.stack(results), state


def assert_same(one: tuple[Any, dict[str, Any]], other: tuple[Any, dict[str, Any]]) -> None:
    np.testing.assert_array_equal(one[0], other[0])
    assert one[1].keys() == other[1].keys()
    for name, value in one[1].items():
        np.testing.assert_array_equal(value, other[1][name], err_msg=name)


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize(("time", "batch"), SHAPES)
def test_steps_are_those_of_the_equations(cell: Cell, time: int, batch: int) -> None:
    params, inputs, state = (draw(cell, "float64"), symbols(cell, time, batch, "float64"), start([cell], batch))
    after = {name: np.float64(state[f"{name}_l0"]) for name in cell.state_sizes}
    expected = []
    for x in inputs:
        after = cell.step(NumpyOps(), x, after, {**params, ELAPSED: np.ones((batch, 1))})
        expected.append(after[next(iter(cell.state_sizes))])
    stack = StreamingStack([(cell, params)], precision="float64")
    found, last = stack.run(inputs, state)
    close = {"rtol": tolerances.COMPILED, "atol": tolerances.COMPILED}
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), **close)
    for name, value in after.items():
        np.testing.assert_allclose(last[f"{name}_l0"], np.broadcast_to(value, last[f"{name}_l0"].shape), **close)


@pytest.mark.parametrize(
    ("cell", "precision"),
    [
        *((cell, "float32") for cell in CELLS),
        (cells.make("lstm", 20, 33), "bfloat16"),
        (cells.make("lstm", 5, 39, heads=3), "bfloat16"),
        (Normed(3, 19), "bfloat16"),
    ],
    ids=str,
)
def test_a_step_alone_gives_the_same_bits_as_many_in_one_call(cell: Cell, precision: Any) -> None:
    stack = StreamingStack([(cell, draw(cell))], precision=precision)
    for time, batch in SHAPES:
        inputs, state = symbols(cell, time, batch), start([cell], batch)
        expected = by_steps(stack, inputs, state)
        assert_same(stack.run(inputs, state), expected)
        assert_same(stack.run(inputs, state, hoist=False), expected)


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize("few", [0, 9])
def test_symbols_are_the_features_they_stand_for(cell: Cell, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "FEW_SYMBOLS", few)
    rng = np.random.default_rng(4)
    embedding = np.float32(rng.normal(size=(9, cell.input_size)))
    of_features = StreamingStack([(cell, draw(cell))])
    of_symbols = StreamingStack([(cell, draw(cell))], embedding=embedding)
    for time, batch in SHAPES:
        ids, state = rng.integers(0, 9, (time, batch)), start([cell], batch)
        expected = of_features.run(embedding[ids], state)
        assert_same(of_symbols.run(ids, state), expected)
        assert_same(by_steps(of_symbols, ids, state), expected)


def as_stored(value: Any, rounded: bool) -> Any:
    return (bfloat16(value) << 16).view(np.float32) if rounded and value.ndim == 2 else value


def whole_stack(precision: Any = "float32", rounded: bool = False, host: Host | None = None) -> StreamingStack:
    layers = [(cell, {name: as_stored(value, rounded) for name, value in draw(cell).items()}) for cell in STACK]
    weight, bias = head(STACK[-1].output_size)
    return StreamingStack(layers, (as_stored(weight, rounded), bias), precision=precision, host=host)


def by_numpy(inputs: Any, state: dict[str, Any], rounded: bool = False) -> Any:
    (weight, bias), results = (as_stored(value, rounded) for value in head(STACK[-1].output_size)), []
    for x in inputs:
        for n, cell in enumerate(STACK):
            before = {name: state[f"{name}_l{n}"] for name in cell.state_sizes}
            params = {name: as_stored(value, rounded) for name, value in draw(cell).items()}
            after = cell.step(NumpyOps(), x, before, params)
            x, state = after["hidden"], state | {f"{name}_l{n}": value for name, value in after.items()}
        results.append(x @ weight.T + bias)
    return np.stack(results)


def test_a_stack_hands_on_what_each_layer_leaves(host: Host) -> None:
    inputs, state = symbols(STACK[0], 20, 2), start(STACK, 2)
    found, _ = whole_stack(host=host).run(inputs, state)
    np.testing.assert_allclose(found, by_numpy(inputs, state), **tolerances.NUMPY_AGAINST_TORCH)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_row_is_the_same_bits_alone_and_in_a_batch(precision: Any) -> None:
    inputs, state, stack = symbols(STACK[0], 5, 7), start(STACK, 7), whole_stack(precision)
    together, _ = stack.run(inputs, state)
    for row in range(7):
        alone, _ = by_steps(stack, inputs[:, [row]], {name: value[[row]] for name, value in state.items()})
        np.testing.assert_array_equal(alone[:, 0], together[:, row])


def test_bfloat16_is_float32_with_rounded_matrices(host: Host) -> None:
    inputs, state = symbols(STACK[0], 20, 2), start(STACK, 2)
    found = whole_stack("bfloat16", host=host).run(inputs, state)
    assert_same(found, whole_stack(rounded=True, host=host).run(inputs, state))
    np.testing.assert_allclose(found[0], by_numpy(inputs, state, rounded=True), **tolerances.NUMPY_AGAINST_TORCH)
    whole, _ = whole_stack(host=host).run(inputs, state)
    assert 0 < np.abs(found[0] - whole).max() < tolerances.BFLOAT16_WEIGHTS


def test_states_are_values() -> None:
    stack, inputs, state = whole_stack(), symbols(STACK[0], 2, 1), start(STACK, 1)
    copy = {name: value.copy() for name, value in state.items()}
    first = stack.step(inputs[0], state)
    kept = first[0].copy(), {name: value.copy() for name, value in first[1].items()}
    stack.step(inputs[1], first[1])
    assert_same(first, kept)
    assert all(np.array_equal(state[name], copy[name]) for name in copy)


def test_threads_share_a_stack() -> None:
    stack = whole_stack()
    inputs = [np.float32(np.random.default_rng(seed).normal(size=(200, 1, 5))) for seed in range(8)]
    expected = [stack.run(each, start(STACK, 1)) for each in inputs]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda each: by_steps(stack, each, start(STACK, 1)), inputs))
    for one, other in zip(found, expected, strict=True):
        assert_same(one, other)


def test_a_cell_with_further_inputs_is_refused() -> None:
    cell = Zoneout(cells.make("rnn", 2, 3), ("hidden",))
    with pytest.raises(UsageError, match="needs zoneout hidden at every step"):
        StreamingStack([(cell, draw(cell))])
