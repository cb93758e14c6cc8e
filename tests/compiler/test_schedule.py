from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import tolerances
from compiler import interpreter, odd_cells
from elman import cells
from elman.cells import Cell, Parameter
from elman.cells.modifiers import Clipped, RecurrentDropout, Zoneout
from elman.compiler import adjoint, trace
from elman.compiler.schedule import schedule_hoisted, schedule_step, schedule_training
from elman.nn.ops import TorchOps


@dataclass(frozen=True)
class Normed(Cell):
    """A cell with what the package's own do not have yet: sums over the features, a vector weight, a second product."""

    name: ClassVar[str] = "normed"
    gates: ClassVar[tuple[str, ...]] = ("gate", "new")

    def parameters(self) -> dict[str, Parameter]:
        vector = Parameter((self.hidden_size,), ("norm",), "input_bias")
        matrix = Parameter((self.hidden_size, self.hidden_size), ("second",), "recurrent")
        return super().parameters() | {"scale": vector, "shift": vector, "second": matrix}

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        hidden = state["hidden"]
        from_x = ops.linear(x, params["weight_ih"], params["bias_ih"])
        gate, new = ops.split(from_x + ops.linear(hidden, params["weight_hh"], params["bias_hh"]), 2)
        gate = ops.sigmoid(ops.layer_norm(gate, params["scale"], params["shift"]) + params["scale"] * hidden)
        new = ops.tanh(ops.linear(gate * ops.relu(new), params["second"]) / ops.exp(ops.mean(new)))
        return {"hidden": gate * hidden + (1 - gate) * new}


@dataclass(frozen=True)
class Diagonal(Cell):
    """No product on the recurrent path."""

    name: ClassVar[str] = "diagonal"
    gates: ClassVar[tuple[str, ...]] = ("gate", "new")

    def parameters(self) -> dict[str, Parameter]:
        return {name: value for name, value in super().parameters().items() if name in ("weight_ih", "bias_ih")}

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        gate, new = ops.split(ops.linear(x, params["weight_ih"], params["bias_ih"]), 2)
        return {"hidden": state["hidden"] + ops.sigmoid(gate) * (new - state["hidden"])}


CELLS: list[Cell] = [
    *(cells.make(name, 3, 4) for name in cells.CELLS),
    cells.make("lstm", 3, 4, projection_size=2),
    cells.make("gru", 2, 3, bias=False),
    Normed(3, 4),
    Diagonal(3, 4),
    Zoneout(cells.make("lstm", 3, 4), ("hidden", "cell")),
    RecurrentDropout(cells.make("gru_before", 3, 4)),
    Zoneout(RecurrentDropout(Clipped(cells.make("gru", 3, 4), 0.5)), ("hidden",)),
    *odd_cells.CELLS,
]


def problem(
    cell: Cell, time: int = 5, rows: int = 2
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """Inputs of the step, first states, parameters, and the gradients of all states."""
    rng = np.random.default_rng(2)
    params = {name: rng.normal(size=parameter.shape) for name, parameter in cell.parameters().items()}
    params |= {name: abs(value) for name, value in params.items() if name.startswith("variance")}
    first = {name: rng.normal(size=(rows, size)) for name, size in cell.state_sizes.items()}
    upstream = [{name: rng.normal(size=value.shape) for name, value in first.items()} for _ in range(time)]
    widths = {"x": cell.input_size, **cell.extras}
    return {name: rng.normal(size=(time, rows, width)) for name, width in widths.items()}, first, params, upstream


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_whole_sequence_by_the_schedule_is_the_sequence_of_autograd(cell: Cell) -> None:
    given, first, params, upstream = problem(cell)
    tensors = {name: torch.from_numpy(value).requires_grad_() for name, value in params.items()}
    inputs = torch.from_numpy(given["x"]).requires_grad_()
    extras = {name: torch.from_numpy(given[name]) for name in cell.extras}
    starts = {name: torch.from_numpy(value).requires_grad_() for name, value in first.items()}
    state, total, expected = dict(starts), torch.zeros((), dtype=torch.float64), []
    for t in range(len(inputs)):
        extra = {name: value[t] for name, value in extras.items()}
        state = cell.step(TorchOps(), inputs[t], state, tensors | extra)
        expected.append(state)
        total = total + sum((state[name] * torch.from_numpy(upstream[t][name])).sum() for name in state)
    total.backward()

    step = trace(cell)
    derived = adjoint(step)
    ahead, back = schedule_training(step, derived)
    states, saved = interpreter.forward(ahead, given, first, params)
    close = {"rtol": tolerances.ROUNDING, "atol": tolerances.ROUNDING}
    for found, wanted in zip(states, expected, strict=True):
        for name in first:
            np.testing.assert_allclose(found[name], wanted[name].detach().numpy(), **close)
    grads = interpreter.backward(back, derived, given, first, states, saved, params, upstream)
    leaves = {"x": inputs, **{f"first {name}": value for name, value in starts.items()}, **tensors}
    for name, leaf in leaves.items():
        wanted = np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy()
        np.testing.assert_allclose(grads[name], wanted, **close, err_msg=name)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_for_inference_nothing_is_saved(cell: Cell) -> None:
    given, first, params, _ = problem(cell)
    plan = schedule_step(trace(cell))
    assert plan.saved == ()
    trained = schedule_training(trace(cell), adjoint(trace(cell)))[0]
    ours, theirs = (interpreter.forward(each, given, first, params)[0][-1] for each in (plan, trained))
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def ops(plan: Any, places: tuple[int, ...]) -> list[str]:
    return [plan.graph.nodes[place].op for place in places]


def test_the_lstm_is_one_stage_with_its_input_product_outside() -> None:
    step = trace(cells.make("lstm", 3, 4))
    ahead, back = schedule_training(step, adjoint(step))
    assert ops(ahead, ahead.hoisted) == ["linear"]
    assert [ops(ahead, stage.products) for stage in ahead.stages] == [["linear"]]
    assert sorted(ops(ahead, ahead.saved)) == ["sigmoid", "sigmoid", "sigmoid", "tanh", "tanh"]
    assert [ops(back, stage.products) for stage in back.stages] == [[], ["back"]]
    assert ops(back, back.deferred) == ["back"]


def test_a_second_product_begins_a_second_stage() -> None:
    plan = schedule_step(trace(cells.make("gru_before", 3, 4)))
    assert [len(stage.products) for stage in plan.stages] == [2, 1]


def test_a_diagonal_cell_has_no_product_in_its_loop() -> None:
    plan = schedule_step(trace(Diagonal(3, 4)))
    assert [stage.products for stage in plan.stages] == [()]
    assert "before the loop" in str(plan)


def test_without_products_in_the_loop_only_those_before_it_are_kept() -> None:
    """Functions are sooner computed again than their values are read."""
    step = trace(cells.make("mingru", 3, 4))
    ahead, back = schedule_training(step, adjoint(step))
    assert ahead.saved == ahead.hoisted
    assert ops(ahead, ahead.saved) == ["linear"]
    assert "sigmoid" in ops(back, back.stages[0].run)


def test_sums_of_products_that_nobody_waits_for_come_after_the_loop() -> None:
    """An input that is used as it is, too, has a row of the loop added to its gradient."""
    step = trace(cells.make("sru", 4, 4))
    back = schedule_training(step, adjoint(step))[1]
    assert ops(back, back.deferred) == ["back", "add"]
    assert not any(stage.products for stage in back.stages)


def test_the_gradient_of_a_read_out_waits_for_no_step() -> None:
    """It goes to the two parts of the state and to the input, whose other share comes after the loop."""
    step = trace(cells.make("lru", 3, 4))
    back = schedule_training(step, adjoint(step))[1]
    assert ops(back, back.hoisted) == ["back", "back", "back"]
    assert ops(back, back.deferred) == ["back", "add"]


def test_a_read_out_that_no_step_waits_for_comes_after_the_loop() -> None:
    step = trace(cells.make("lru", 3, 4))
    ahead = schedule_training(step, adjoint(step))[0]
    assert ops(ahead, ahead.deferred) == ["linear", "linear", "add", "add"]
    assert set(ahead.saved) <= {*ahead.hoisted, *step.outputs.values()}
    assert not schedule_step(step).deferred


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_what_is_hoisted_can_be_a_step_of_its_own(cell: Cell) -> None:
    plan = schedule_step(trace(cell))
    ahead = schedule_hoisted(plan)
    inside = {place for stage in ahead.stages for place in (*stage.products, *stage.run, *stage.sums)}
    assert inside == {*plan.hoisted}
    body = {place for stage in plan.stages for place in (*stage.products, *stage.run, *stage.sums)}
    assert {n for place in body for n in plan.graph.nodes[place].operands} & inside <= {*ahead.rows}


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_without_hoisting_every_product_is_in_the_loop(cell: Cell) -> None:
    given, first, params, _ = problem(cell)
    step = trace(cell)
    plan = schedule_step(step, hoist=False)
    assert not plan.hoisted
    whole, parted = (interpreter.forward(each, given, first, params)[0][-1] for each in (plan, schedule_step(step)))
    for name, value in parted.items():
        np.testing.assert_allclose(whole[name], value, rtol=tolerances.ROUNDING, atol=tolerances.ROUNDING)
