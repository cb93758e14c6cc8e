from __future__ import annotations

import pytest
import torch
from torch import Tensor

from diagnostics.subjects import random_layers, subject
from elman.cells import CELLS
from elman.diagnostics.removal import Removal
from elman.nn import Recurrent
from elman.nn.ops import TorchOps
from elman.nn.subject import Subject
from tolerances import COMPILED, DERIVATIVES, FLOAT64_RECURRENCE


def by_hand(here: Subject, removed: dict[str, list[int]]) -> Tensor:
    """The losses with some units put back to their means after every step of every layer."""
    means = {name: values.mean((0, 1)) for name, values in here.run()[2].items()}
    layers, inputs = here.recurrent, here.inputs
    for layer, cell in enumerate(layers.cells):
        params = {name: getattr(layers, f"{name}_l{layer}") for name in cell.parameters()}
        state = {name: inputs.new_zeros(here.batch, size) for name, size in cell.state_sizes.items()}
        outputs = []
        for step in range(here.time):
            state = cell.step(TorchOps(), inputs[:, step], state, params)
            for name, units in removed.items():
                if name.endswith(f"_l{layer}"):
                    state[name.removesuffix(f"_l{layer}")][:, units] = means[name][units]
            outputs.append(next(iter(state.values())))
        inputs = torch.stack(outputs, 1)
    return here.loss_of(inputs)


@pytest.mark.parametrize("backend", ["reference", "compiled"])
def test_a_removed_unit_stays_at_its_mean(backend: str) -> None:
    layers = random_layers("lstm", layers=2)
    layers.backend = backend
    here = subject(layers)
    removal = Removal(here)
    with torch.no_grad():
        found = removal.losses(removal.masks(["hidden_l0[1]", "cell_l1[3]"]))
        expected = by_hand(here, {"hidden_l0": [1], "cell_l0": [1], "hidden_l1": [3], "cell_l1": [3]})
        torch.testing.assert_close(found, expected, rtol=0, atol=COMPILED)


@pytest.mark.parametrize("cell", CELLS)
def test_with_all_units_the_loss_is_the_models(cell: str) -> None:
    here = subject(Recurrent(cell, 2, 4, learn_initial_state=True, backend="reference"), time=3)
    with torch.no_grad():
        expected = here.loss_of(here.run()[0])
        removal = Removal(here)
        torch.testing.assert_close(removal.losses(removal.free), expected, rtol=0, atol=FLOAT64_RECURRENCE)


def test_zoned_out_layers_run_as_in_use() -> None:
    here = subject(Recurrent("gru", 2, 4, zoneout=0.3, clip=0.5), time=5)
    removal = Removal(here)
    with torch.no_grad():
        expected = here.loss_of(here.run()[0])
        torch.testing.assert_close(removal.losses(removal.free), expected, rtol=0, atol=FLOAT64_RECURRENCE)


def test_the_gradient_of_a_mask_is_that_of_finite_differences() -> None:
    here = subject(random_layers("lstm", layers=2))
    removal = Removal(here)
    masks = {name: mask.requires_grad_() for name, mask in removal.masks([]).items()}
    found = torch.autograd.grad(removal.losses(masks).sum(), masks["cell_l0"])[0][2]
    ends = []
    for move in (1e-6, -1e-6):
        moved = removal.masks([])
        moved["cell_l0"][2] += move
        with torch.no_grad():
            ends.append(float(removal.losses(moved).sum()))
    torch.testing.assert_close(float(found), (ends[0] - ends[1]) / 2e-6, **DERIVATIVES)


def test_a_projection_is_no_unit_of_the_cell() -> None:
    layers = Recurrent("lstm", 2, 6, projection_size=3)
    masks = Removal(subject(layers)).masks(["cell_l0[5]", "hidden_l0[0]"])
    assert masks["hidden_l0"].tolist() == [0, 1, 1]
    assert masks["cell_l0"].tolist() == [1, 1, 1, 1, 1, 0]
