from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elman.cells import Cell, NumpyOps, initialise, make
from elman.compiler.compiled_cell import CompiledCell
from elman.nn import unroll
from tolerances import FLOAT64_RECURRENCE, ROUNDING

INPUTS, UNITS, HEADS, STEPS = 3, 6, 2, 12


def draw(seed: int = 0) -> tuple[Cell, dict[str, np.ndarray], np.ndarray]:
    """A cell, its parameters, and an input (steps, features)."""
    cell, rng = make("slstm", INPUTS, UNITS, heads=HEADS), np.random.default_rng(seed)
    params = {name: rng.normal(0, 0.7, parameter.shape) for name, parameter in cell.parameters().items()}
    return cell, params, rng.normal(size=(STEPS, INPUTS))


def before_the_functions(h: Any, x: Any, params: dict[str, Any]) -> Any:
    """The four gates before their functions, with the recurrent matrix of each head written out."""
    shares = []
    for gate, matrix in enumerate(params["weight_hh"].reshape(4, HEADS, UNITS // HEADS, -1)):
        heads = [block @ h[n * UNITS // HEADS : (n + 1) * UNITS // HEADS] for n, block in enumerate(matrix)]
        rows = slice(gate * UNITS, (gate + 1) * UNITS)
        shares.append(params["weight_ih"][rows] @ x + params["bias_ih"][rows] + torch.cat(heads))
    return shares


def as_published(params: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Equations 8 to 14, without a stabiliser: outputs (steps, units)."""
    h = c = n = torch.zeros(UNITS, dtype=torch.float64)
    outputs = []
    for now in x:
        i, f, z, o = before_the_functions(h, now, params)
        c = torch.sigmoid(f) * c + torch.exp(i) * torch.tanh(z)
        n = torch.sigmoid(f) * n + torch.exp(i)
        h = torch.sigmoid(o) * c / n
        outputs.append(h)
    return torch.stack(outputs)


def test_the_stabiliser_changes_neither_outputs_nor_gradients() -> None:
    cell, params, x = draw()
    found = []
    for run in (
        lambda leaves: as_published(leaves, leaves["x"]),
        lambda leaves: unroll(cell, leaves, leaves["x"][None], backend="reference").outputs[0],
        lambda leaves: unroll(cell, leaves, leaves["x"][None], backend="compiled").outputs[0],
    ):
        leaves = {name: torch.tensor(value, requires_grad=True) for name, value in {**params, "x": x}.items()}
        outputs = run(leaves)
        (outputs * torch.linspace(-1, 1, UNITS)).sum().backward()
        found.append([outputs.detach(), *(leaf.grad for leaf in leaves.values())])
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("size", [-3000.0, 0.0, 3000.0])
def test_gates_of_any_size_give_the_mean_that_they_stand_for(size: float, precision: Any) -> None:
    """The output's memory is a mean with weights that are softmaxes of sums of logarithms."""
    cell, params, x = draw(1)
    params["weight_hh"] = np.zeros_like(params["weight_hh"])
    params["weight_ih"] *= 100
    params["bias_ih"] = np.repeat([size, size, 0, 0], UNITS).astype(float)
    values = {name: value.astype(precision) for name, value in params.items()}
    compiled = CompiledCell(cell, precision)
    first = {name: np.zeros((1, width), precision) for name, width in cell.state_sizes.items()}
    run = compiled.forward(x.astype(precision), [1] * STEPS, first, values)
    gradients = compiled.backward(run, {name: np.ones_like(value[1:]) for name, value in run.states.items()}, {})
    assert all(np.isfinite(value).all() for value in (*run.states.values(), *gradients.values()))
    assert run.states["normaliser"][1:].min() >= 1

    gates = x.astype(precision) @ values["weight_ih"].T + values["bias_ih"]
    i, f, z, o = np.split(gates.astype(np.longdouble), 4, axis=1)
    rounding = abs(gates).max() * np.finfo(precision).eps * STEPS  # of the sums of logarithms
    kept = np.cumsum(-np.logaddexp(0, -f), axis=0)  # log of what is left of step 0 after each step
    for step in range(STEPS):
        logs = i[: step + 1] + kept[step] - kept[: step + 1]
        shares = np.exp(logs - logs.max(0))
        mean = (shares * np.tanh(z[: step + 1])).sum(0) / shares.sum(0)
        np.testing.assert_allclose(run.states["hidden"][step + 1], mean / (1 + np.exp(-o[step])), rtol=0, atol=rounding)


def test_a_state_of_zeros_is_an_empty_memory() -> None:
    """The first output is the candidate alone, however little it counts."""
    cell, params, x = draw(2)
    params["bias_ih"][:UNITS] = -1000
    zeros = {name: np.zeros(width) for name, width in cell.state_sizes.items()}
    after = cell.step(NumpyOps(), x[0], zeros, params)
    _, _, z, o = np.split(params["weight_ih"] @ x[0] + params["bias_ih"], 4)
    np.testing.assert_allclose(after["hidden"], np.tanh(z) / (1 + np.exp(-o)), rtol=ROUNDING, atol=ROUNDING)
    assert (after["normaliser"] == 1).all()


def test_first_weights_are_those_of_the_authors() -> None:
    cell = make("slstm", 3, 8, heads=2)
    weights = initialise(cell, np.random.default_rng(0))
    assert not weights["weight_hh"].any()
    i, forget, z, o = np.split(weights["bias_ih"], 4)
    assert not np.concatenate([i, z, o]).any()
    np.testing.assert_allclose(forget[[0, 3, 4, 7]], [5, -7, 5, -7])
    np.testing.assert_allclose(forget[1], 5 - 12 * (1 / 3) ** 0.3)
    chrono = initialise(cell, np.random.default_rng(0), memory=50)["bias_ih"][8:16]
    assert ((chrono >= 0) & (chrono <= np.log(49))).all()
