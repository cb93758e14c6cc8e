"""Cells with heads are cells whose recurrent matrices are block-diagonal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from elman.cells import CELLS, Cell, NumpyOps, initialise, make
from elman.cells.dense import DenseCell
from elman.compiler.explain import CellPlan
from elman.errors import BackendError, SettingsError
from elman.nn import Recurrent
from elman.nn.backends import KERNELS, choose
from tolerances import ROUNDING

HEADS, UNITS, RNG = 3, 4, np.random.default_rng(0)
DENSE = [name for name, cell in CELLS.items() if issubclass(cell, DenseCell)]


def headed(name: str, **options: Any) -> Cell:
    return make(name, 5, HEADS * UNITS, heads=HEADS, **options)


def block_diagonal(weight: np.ndarray) -> np.ndarray:
    """The whole matrix of all gates, (gates * hidden, hidden), zeros between the heads."""
    gates = len(weight) // (HEADS * UNITS)
    whole = np.zeros((*weight.shape[:-1], HEADS, weight.shape[-1])).reshape(gates, HEADS, -1, HEADS, weight.shape[-1])
    for head in range(HEADS):
        whole[:, head, :, head] = weight.reshape(gates, HEADS, -1, weight.shape[-1])[:, head]
    return whole.reshape(len(weight), -1)


@pytest.mark.parametrize("name", DENSE)
def test_heads_are_a_block_diagonal_matrix(name: str) -> None:
    cell, whole = headed(name), make(name, 5, HEADS * UNITS)
    rng = np.random.default_rng(0)
    params = {name: value + rng.normal(0, 0.1, value.shape) for name, value in initialise(cell, rng).items()}
    params |= {name: np.ones((2, width)) for name, width in cell.extras.items()}
    state = {name: rng.normal(size=(2, size)) for name, size in cell.state_sizes.items()}
    x = rng.normal(size=(2, 5))
    matrix = {"weight_hh": block_diagonal(params["weight_hh"])}
    expected = whole.step(NumpyOps(), x, state, params | matrix)
    for name, value in cell.step(NumpyOps(), x, state, params).items():
        np.testing.assert_allclose(value, expected[name], rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("name", [name for name in DENSE if "weight_hh" not in headed(name).initial(RNG, 0)])
def test_every_head_of_every_gate_is_drawn_by_itself(name: str) -> None:
    cell = headed(name)
    weight, parameter = initialise(cell, np.random.default_rng(0))["weight_hh"], cell.parameters()["weight_hh"]
    assert weight.shape == (len(cell.gates) * HEADS * UNITS, UNITS)
    assert parameter.blocks[HEADS - 1 :: HEADS] == tuple(f"{gate} {HEADS - 1}" for gate in cell.gates)
    for block in np.split(weight, len(parameter.blocks)):
        np.testing.assert_allclose(block @ block.T, np.eye(UNITS), rtol=ROUNDING, atol=ROUNDING)


def test_heads_must_divide_the_units() -> None:
    with pytest.raises(
        SettingsError, match=r"heads must divide hidden_size 12, .* not 5. It could be 1, 2, 3, 4, 6, 12\."
    ):
        make("lstm", 3, 12, heads=5)
    with pytest.raises(SettingsError, match="heads must divide output_size 4,"):
        make("lstm", 3, 12, heads=3, projection_size=4)
    for wrong in (0, 2.0, 24):
        with pytest.raises(SettingsError, match="heads must"):
            make("gru", 3, 12, heads=wrong)


def work(heads: int) -> Iterator[int]:
    plan = CellPlan.of(make("lstm", 5, 12, heads=heads))
    yield plan.work_forward.products
    yield plan.work_backward.products
    inputs = 48 * 5
    yield plan.work_backward.outside - 2 * inputs  # without the input's gradient and that of its weights


def test_a_step_multiplies_what_the_heads_have() -> None:
    assert list(work(3)) == [count // 3 for count in work(1)]
    plan = str(CellPlan.of(headed("gru")))
    assert "hidden @ weight_hh[1 of 3].T in 3 heads" in plan


@pytest.mark.parametrize("cell", KERNELS, ids=lambda cell: cell.name)
def test_torchs_kernels_are_refused(cell: type[Cell]) -> None:
    with pytest.raises(BackendError, match="knows no heads, and it has 3"):
        choose(headed(cell.name), "torch")
    assert choose(headed(cell.name)).backend == "compiled"


def test_layers_take_heads_as_an_option() -> None:
    layer = Recurrent("lstm", 3, 6, num_layers=2, heads=2)
    assert layer.weight_hh_l1.shape == (24, 3)
