from __future__ import annotations

import numpy as np
import pytest

import tolerances
from compiler import odd_cells
from compiler.sequences import Sequences
from compiler.test_schedule import Diagonal, Normed
from elman import cells
from elman.cells import Cell
from elman.compiler.compiled_cell import CompiledCell
from elman.compiler.machine import Host
from elman.compiler.steps import Spread

#: Cells that have all operations among them.
SPREAD = ("lstm", "gru_before", "gru_layer_norm", "phased_lstm", "clockwork", "lru", "slstm", "rwkv7")

CELLS: list[Cell] = [
    *(cells.make(name, 5, 7) for name in SPREAD),
    cells.make("lstm", 20, 33),
    cells.make("lstm", 3, 20, projection_size=9),
    cells.make("gru", 16, 64),
    cells.make("gru_before", 16, 48),
    cells.make("rnn", 1, 1),
    cells.make("lstm", 1, 1),
    cells.make("gru", 2, 1),
    cells.make("gru", 2, 16, bias=False),
    cells.make("lstm_layer_norm", 20, 33),
    cells.make("lstm_layer_norm", 3, 48),
    cells.make("lstm_layer_norm", 1, 1),
    cells.make("gru_layer_norm", 16, 64, bias=False),
    cells.make("rnn", 3, 6, heads=6),
    cells.make("lstm", 5, 64, heads=2),
    cells.make("lstm", 3, 60, heads=4, bias=False),
    cells.make("lstm", 3, 24, heads=3, projection_size=6),
    cells.make("lstm_layer_norm", 3, 34, heads=2),
    cells.make("gru_before", 4, 100, heads=5),
    cells.make("sru", 33, 33),
    Normed(3, 19),
    odd_cells.Vectors(5, 33),
    Diagonal(3, 40),
    *odd_cells.CELLS,
]


#: Sequences that run at each step: one, some of one length, some of many lengths.
SIZES = [[1], [3] * 6, [13, 13, 11, 2], [5, 4, 3, 2, 1, 1]]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_compiled_loops_give_the_values_and_gradients_of_autograd(cell: Cell, host: Host) -> None:
    compiled = CompiledCell(cell, "float64", host)
    # Other vectors than this processor's see a small whole batch and a large one of many lengths.
    for sizes in SIZES if host == Host.here() else SIZES[1:3]:
        Sequences(cell, sizes).check(compiled)


@pytest.mark.parametrize("name", [name for name in cells.CELLS if name not in SPREAD])
def test_so_does_every_cell_on_this_processor(name: str) -> None:
    cell = cells.make(name, 5, 7)
    compiled = CompiledCell(cell, "float64")
    for sizes in SIZES:
        Sequences(cell, sizes).check(compiled)


#: With products, and along axes; a state that is a product after the loop, or in it; single numbers; nothing computed.
SCATTERED = [
    (cells.make("gru", 5, 20), False),
    (odd_cells.Pieces(3, 1), False),
    *((odd_cells.Odd(4, 4, kind="a product of a product"), deterministic) for deterministic in (False, True)),
    (odd_cells.Odd(4, 4, kind="the input"), False),
    (odd_cells.Vectors(3, 1), False),
]


@pytest.mark.parametrize(("cell", "deterministic"), SCATTERED, ids=str)
def test_rows_may_lie_anywhere(cell: Cell, deterministic: bool) -> None:
    compiled = CompiledCell(cell, "float64", deterministic=deterministic)
    rng = np.random.default_rng(0)

    def spread(rows: int, width: int) -> Spread:
        return Spread(rng.normal(size=(rows + 5, width)), rng.permutation(rows + 5)[:rows])

    for sizes in SIZES:
        given = Sequences(cell, sizes)
        arguments, rows = (given.x, sizes, given.first, given.params), sum(sizes)
        into, further = ({name: spread(rows, size) for name, size in cell.state_sizes.items()} for _ in range(2))
        run = compiled.forward(*arguments, extras=given.extras, into=into)
        compiled.infer(*arguments, extras=given.extras, into=further)
        for name, (values, places) in into.items():
            np.testing.assert_array_equal(values[places], run.after(name))
            np.testing.assert_allclose(
                further[name].values[further[name].places], run.after(name), atol=tolerances.COMPILED
            )
        upstream = {name: spread(rows, size) for name, size in cell.state_sizes.items()}
        of_x = spread(rows, cell.input_size)
        found = compiled.backward(run, upstream, given.last, into=of_x)
        packed = {name: values[places] for name, (values, places) in upstream.items()}
        expected = compiled.backward(run, packed, given.last)
        np.testing.assert_array_equal(of_x.values[of_x.places], expected["x"])
        for name in found.keys() - {"x"}:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "sru", "lru"])
def test_missing_gradients_are_zero(name: str) -> None:
    cell, rng = cells.make(name, 5, 7), np.random.default_rng(1)
    params = {name: rng.normal(0, 0.4, parameter.shape) for name, parameter in cell.parameters().items()}
    first = {name: rng.normal(size=(2, size)) for name, size in cell.state_sizes.items()}
    compiled = CompiledCell(cell, "float64")
    run = compiled.forward(rng.normal(size=(6, cell.input_size)), [2, 2, 2], first, params)
    zeros = {name: np.zeros((6, size)) for name, size in cell.state_sizes.items()}
    last = {"hidden": np.ones_like(first["hidden"])}
    grads = compiled.backward(run, {}, last)
    same = compiled.backward(run, zeros, last)
    for each, value in same.items():
        np.testing.assert_array_equal(grads[each], value)


def test_single_precision_is_as_close_as_it_can_be(host: Host) -> None:
    cell = cells.make("lstm", 30, 50)
    rng = np.random.default_rng(0)
    params = {name: rng.normal(0, 0.2, parameter.shape) for name, parameter in cell.parameters().items()}
    first = {name: rng.normal(size=(8, size)) for name, size in cell.state_sizes.items()}
    x, sizes = rng.normal(size=(80, 30)), [8] * 10
    exact = CompiledCell(cell, "float64", host).forward(x, sizes, first, params).states["hidden"]
    single = [{name: value.astype(np.float32) for name, value in values.items()} for values in (first, params)]
    found = CompiledCell(cell, "float32", host).forward(x.astype(np.float32), sizes, *single).states["hidden"]
    np.testing.assert_allclose(found, exact, **tolerances.NUMPY_AGAINST_TORCH)


def test_the_parameters_of_another_thread_are_never_taken() -> None:
    loop = CompiledCell(cells.make("rnn", 2, 3), "float64")._loop("infer", 1)
    mine, others = (
        {n: np.full(p.shape, v) for n, p in cells.make("rnn", 2, 3).parameters().items()} for v in (1.0, 2.0)
    )

    class Interrupted:
        """A version that another thread comes between while it is compared."""

        def __eq__(self, other: object) -> bool:
            loop.prepare(others)
            return True

    ready = loop.prepare(mine, Interrupted())
    assert loop.prepare(mine, Interrupted()) is ready
