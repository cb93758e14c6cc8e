from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tolerances
from compiler.test_schedule import Diagonal, Normed
from elman import cells
from elman.cells import Cell
from elman.compiler.loop import CompiledCell
from elman.nn.ops import TorchOps

CELLS: list[Cell] = [
    *(cells.make(name, 5, 7) for name in cells.CELLS),
    cells.make("lstm", 20, 33),
    cells.make("lstm", 3, 20, projection_size=9),
    cells.make("gru", 16, 64),
    cells.make("gru_before", 16, 48),
    cells.make("rnn", 1, 1),
    cells.make("gru", 2, 16, bias=False),
    Normed(3, 19),
    Diagonal(3, 40),
]


@pytest.mark.parametrize("cell", CELLS, ids=str)
@pytest.mark.parametrize(("time", "batch"), [(1, 1), (6, 3), (4, 13)])
def test_compiled_loops_give_the_values_and_gradients_of_autograd(cell: Cell, time: int, batch: int) -> None:
    rng = np.random.default_rng(3)
    params = {name: rng.normal(0, 0.4, parameter.shape) for name, parameter in cell.parameters().items()}
    first = {name: rng.normal(size=(batch, size)) for name, size in cell.state_sizes.items()}
    upstream = {name: rng.normal(size=(time, batch, size)) for name, size in cell.state_sizes.items()}
    last = {name: rng.normal(size=value.shape) for name, value in first.items()}
    x = rng.normal(size=(time, batch, cell.input_size))

    leaves = {f"first {name}": value for name, value in first.items()} | params | {"x": x}
    tensors = {name: torch.from_numpy(value).requires_grad_() for name, value in leaves.items()}
    state: dict[str, Any] = {name: tensors[f"first {name}"] for name in first}
    total, expected = torch.zeros((), dtype=torch.float64), []
    for t in range(time):
        state = cell.step(TorchOps(), tensors["x"][t], state, tensors)
        expected.append(state)
        total = total + sum((state[name] * torch.from_numpy(upstream[name][t])).sum() for name in state)
    (total + sum((state[name] * torch.from_numpy(last[name])).sum() for name in state)).backward()

    compiled = CompiledCell(cell, "float64")
    run = compiled.forward(x, first, params)
    close = {"rtol": tolerances.COMPILED, "atol": tolerances.COMPILED}
    for name in first:
        wanted = np.stack([state[name].detach().numpy() for state in expected])
        np.testing.assert_allclose(run.states[name][1:], wanted, **close, err_msg=name)
    grads = compiled.backward(run, upstream, last)
    for name, tensor in tensors.items():
        wanted = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad.numpy()
        np.testing.assert_allclose(grads[name], wanted, **close, err_msg=name)


def test_single_precision_is_as_close_as_it_can_be() -> None:
    cell = cells.make("lstm", 30, 50)
    rng = np.random.default_rng(0)
    params = {name: rng.normal(0, 0.2, parameter.shape) for name, parameter in cell.parameters().items()}
    first = {name: rng.normal(size=(8, size)) for name, size in cell.state_sizes.items()}
    x = rng.normal(size=(10, 8, 30))
    exact = CompiledCell(cell, "float64").forward(x, first, params).states["hidden"]
    single = [{name: value.astype(np.float32) for name, value in values.items()} for values in (first, params)]
    found = CompiledCell(cell, "float32").forward(x.astype(np.float32), *single).states["hidden"]
    np.testing.assert_allclose(found, exact, **tolerances.NUMPY_AGAINST_TORCH)
