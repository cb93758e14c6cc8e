from __future__ import annotations

import pytest
import torch

from diagnostics.linear import of
from elman.cells import CELLS
from elman.diagnostics.trajectory import Trajectory
from elman.errors import DataError
from elman.nn import Recurrent
from tolerances import FINITE_DIFFERENCES, JACOBIAN


def trajectory(cell: str, **options: object) -> Trajectory:
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 4, num_layers=2, **options).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return Trajectory(of(layer.eval(), time=6))


@pytest.mark.parametrize("cell", CELLS)
def test_derivatives_are_those_of_finite_differences(cell: str) -> None:
    way = trajectory(cell)
    row, step, small = torch.tensor([1]), torch.tensor([4]), 1e-6
    (exact,) = way.jacobians(1, step)
    nudges = small * torch.eye(way.size, dtype=torch.float64)[way.reached]
    before = way.states[1, 4] + torch.cat([nudges, -nudges])
    with torch.no_grad():
        after = way.after(row.expand(len(before)), step.expand(len(before)), before)
    up, down = after.chunk(2)
    found = ((up - down) / (2 * small)).T[way.reached]
    torch.testing.assert_close(exact, found, rtol=JACOBIAN, atol=JACOBIAN * float(found.abs().max()))


@pytest.mark.parametrize("cell", ["rnn", "lstm", "clockwork"])
def test_states_are_those_of_a_run_and_lead_to_each_other(cell: str) -> None:
    way = trajectory(cell, learn_initial_state=True)
    outputs, _, states = way.layers(way.inputs, all_states=True)
    torch.testing.assert_close(way.outputs, outputs)
    torch.testing.assert_close(way.states[:, 1:], way.joined(states))
    torch.testing.assert_close(way.states[0, 0, way.places["hidden_l1"]], way.layers.initial_hidden_l1)
    rows, steps = torch.tensor([0, 1]), torch.tensor([5, 0])
    torch.testing.assert_close(way.after(rows, steps, way.states[rows, steps]), way.states[rows, steps + 1])


@pytest.mark.parametrize(("cell", "clock"), [("phased_lstm", "clock"), ("clockwork", "step"), ("lstm", "")])
def test_a_clock_remembers_nothing_of_the_inputs(cell: str, clock: str) -> None:
    way = trajectory(cell)
    unreached = [name for name, place in way.places.items() if not way.reached[place].any()]
    assert unreached == ([f"{clock}_l0", f"{clock}_l1"] if clock else [])


def test_vectors_go_back_through_the_product_of_the_steps() -> None:
    way = trajectory("gru")
    vectors = torch.randn(1, way.size, dtype=torch.float64)
    *_, (direction, length) = way.sweep(torch.tensor([1]), torch.tensor([4]), vectors, 3)
    two, three, four = way.jacobians(1, torch.tensor([2, 3, 4]))
    torch.testing.assert_close(length.exp() * direction[0], vectors[0] @ four @ three @ two, **FINITE_DIFFERENCES)


def test_layers_are_left_as_they_were() -> None:
    layer = Recurrent("lstm", 3, 4, dropout=0.5, num_layers=2)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    subject = of(layer)
    Trajectory(subject)
    assert layer.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in layer.parameters())
    assert all(torch.equal(value, before[name].double()) for name, value in layer.state_dict().items())


def test_states_that_are_not_finite_are_refused() -> None:
    subject = of(Recurrent("rnn_relu", 3, 4))
    with torch.no_grad():
        subject.recurrent.weight_hh_l0.fill_(1e200)
    with pytest.raises(DataError, match="not finite"):
        Trajectory(subject)
