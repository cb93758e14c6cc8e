from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest

import tolerances
from elman import cells
from elman.cells import Cell
from elman.compiler import loop, threads
from elman.compiler.compiled_cell import CompiledCell
from elman.nn.openmp import TorchThreads, torch_pool

pytestmark = pytest.mark.skipif(
    not isinstance(torch_pool(), TorchThreads), reason=f"torch's pool cannot be entered on {sys.platform}"
)

Arrays = dict[str, np.ndarray]


class Fixed:
    """Torch's threads, so many of them."""

    def __init__(self, count: int) -> None:
        own = torch_pool()
        self.threads, self.number, self.give_way, self.run = count, own.number, own.give_way, own.run


@pytest.fixture(autouse=True)
def share_everything(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small work is shared too, and the pool that was there comes back."""
    monkeypatch.setattr(loop, "SMALL_WORK", 0)
    monkeypatch.setattr(loop, "WORTH_MEETING", 0)
    before = threads.pool()
    yield
    threads.use_pool(before)


def gradients(compiled: CompiledCell, sizes: list[int], count: int, seed: int) -> tuple[Arrays, Arrays]:
    """States and gradients of one draw, computed by so many threads."""
    threads.use_pool(Fixed(count))
    cell, rng = compiled.cell, np.random.default_rng(seed)
    params = {name: rng.normal(0, 0.3, parameter.shape) for name, parameter in cell.parameters().items()}
    state = {name: rng.normal(size=(sizes[0], size)) for name, size in cell.state_sizes.items()}
    run = compiled.forward(rng.normal(size=(sum(sizes), cell.input_size)), sizes, state, params)
    upstream = {name: rng.normal(size=(sum(sizes), size)) for name, size in cell.state_sizes.items()}
    return run.states, compiled.backward(run, upstream, {})


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru_before", "lstm_layer_norm"])
@pytest.mark.parametrize("sizes", [[1] * 5, [3, 3, 2], [40, 33, 17, 1]], ids=str)
@pytest.mark.parametrize("count", [2, 3])
def test_threads_change_no_bit(name: str, sizes: list[int], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = _compiled(cells.make(name, 20, 70))
    alone = gradients(compiled, sizes, 1, seed=4)
    for large in (0, 10**9):  # every thread with blocks of its own, and with rows of its own
        monkeypatch.setattr(loop, "LARGE_WEIGHTS", large)
        shared, again = (gradients(compiled, sizes, count, seed=4) for _ in range(2))
        for one, other, same in zip(alone, shared, again, strict=True):
            for key, value in one.items():
                np.testing.assert_array_equal(same[key], other[key], err_msg=key)
                # The gradients of vectors are added up by each thread for itself.
                rounding = tolerances.ROUNDING if value.ndim == 1 else 0
                np.testing.assert_allclose(other[key], value, rtol=rounding, atol=rounding, err_msg=key)


@pytest.mark.parametrize("name", ["sru", "mingru"])
@pytest.mark.parametrize("sizes", [[1] * 5, [3, 3, 2], [7, 7]], ids=str)
def test_units_that_never_meet_need_no_threads_that_do(name: str, sizes: list[int]) -> None:
    """Without products in the loop: rows or units are shared, and totals are those of one thread up to rounding."""
    compiled = CompiledCell(cells.make(name, 20, 70), "float64")
    alone, shared = (gradients(compiled, sizes, count, seed=4) for count in (1, 3))
    assert all(each.kernel.apart for each in compiled._loops.values())
    for one, other in zip(alone, shared, strict=True):
        for key, value in one.items():
            rounding = tolerances.ROUNDING if value.ndim == 1 else 0
            np.testing.assert_allclose(other[key], value, rtol=rounding, atol=rounding, err_msg=key)


_known: dict[Cell, CompiledCell] = {}


def _compiled(cell: Cell) -> CompiledCell:
    if cell not in _known:
        _known[cell] = CompiledCell(cell, "float64", deterministic=True)
    return _known[cell]


DRAWS = 1000


def test_deterministic_rows_are_the_same_bits_in_any_company() -> None:
    cell = cells.make("lstm", 6, 19)
    compiled, rng = _compiled(cell), np.random.default_rng(0)
    params = {name: rng.normal(0, 0.4, parameter.shape) for name, parameter in cell.parameters().items()}
    for _ in range(DRAWS):
        threads.use_pool(Fixed(int(rng.integers(1, 4))))
        lengths = np.sort(rng.integers(1, 7, rng.integers(1, 10)))[::-1]
        sizes = [int((lengths > t).sum()) for t in range(lengths[0])]
        batch, rows = len(lengths), sum(sizes)
        state = {name: rng.normal(size=(batch, size)) for name, size in cell.state_sizes.items()}
        inputs, upstream = rng.normal(size=(rows, 6)), {"hidden": rng.normal(size=(rows, 19))}
        run = compiled.forward(inputs, sizes, state, params)
        grads = compiled.backward(run, upstream, {})

        row = int(rng.integers(batch))
        own = np.cumsum([0, *sizes])[: lengths[row]] + row
        threads.use_pool(Fixed(1))
        alone = compiled.forward(inputs[own], [1] * len(own), {n: s[[row]] for n, s in state.items()}, params)
        back = compiled.backward(alone, {"hidden": upstream["hidden"][own]}, {})
        assert np.array_equal(run.after("hidden")[own], alone.after("hidden"))
        assert np.array_equal(grads["x"][own], back["x"])
        assert np.array_equal(grads["first cell"][row], back["first cell"][0])
