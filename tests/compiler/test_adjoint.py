from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import tolerances
from elman import cells
from elman.cells.modifiers import Zoneout
from elman.compiler import Adjoint, adjoint, trace
from elman.nn.ops import TorchOps

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in cells.CELLS),
    ("antisymmetric", {"gated": True}),
    ("gru", {"bias": False}),
    ("lstm", {"projection_size": 2}),
]


def parameter_gradients(derived: Adjoint, values: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """What the loop does once, after all steps: the products and sums that `Adjoint` names."""
    nodes = derived.graph.evaluate(values)
    made = {name: derived.made.nodes[place] for name, place in derived.made.leaves("input").items()}
    shapes = shapes | {name.removeprefix("d "): node.shape for name, node in made.items()}
    found = {name: np.zeros(shape) for name, shape in shapes.items()}
    for share in derived.parameters:
        index, count = share.part
        block = np.split(found[share.name], count)[index]
        rows = np.broadcast_to(nodes[share.grad], (len(values["x"]), np.shape(nodes[share.grad])[-1]))
        block += rows.sum(0) if share.operand is None else rows.T @ nodes[share.operand]
    for share, value in derived.through_made(values, found):
        index, count = share.part
        np.split(found[share.name], count)[index] += value
    return found


@pytest.mark.parametrize(("name", "options"), OPTIONS)
@pytest.mark.parametrize("sizes", [(3, 4), (2, 3)])
def test_every_gradient_is_that_of_autograd(name: str, options: dict[str, Any], sizes: tuple[int, int]) -> None:
    cell = cells.make(name, *sizes, **options)
    rng = np.random.default_rng(1)
    shapes = {name: parameter.shape for name, parameter in cell.parameters().items()}
    values = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    values |= {name: abs(value) for name, value in values.items() if name.startswith("variance")}
    values |= {name: rng.normal(size=(5, size)) for name, size in cell.state_sizes.items()}
    values["x"] = rng.normal(size=(5, cell.input_size))
    extras = {name: rng.uniform(size=(5, width)) for name, width in cell.extras.items()}
    upstream = {f"d {name} after": rng.normal(size=(5, size)) for name, size in cell.state_sizes.items()}
    derived = adjoint(trace(cell))
    entering = [name for name in derived.graph.leaves("input") if name.endswith(" carried")]
    carried = {name: rng.normal(size=(5, cell.state_sizes[name.split()[1]])) for name in entering}

    tensors = {name: torch.from_numpy(value).requires_grad_() for name, value in values.items()}
    constants = {name: torch.from_numpy(value) for name, value in extras.items()}
    state = {name: tensors[name] for name in cell.state_sizes}
    after = cell.step(TorchOps(), tensors["x"], state, {**tensors, **constants})
    shares = {name: upstream[f"d {name} after"] + carried.get(f"d {name} carried", 0) for name in cell.state_sizes}
    total = sum((value * torch.from_numpy(shares[name])).sum() for name, value in after.items())
    total.backward()

    upstream |= carried | extras
    found = derived.graph.run(values | upstream)
    found |= {f"d {name}": value for name, value in parameter_gradients(derived, values | upstream, shapes).items()}
    for name, tensor in tensors.items():
        expected = np.zeros_like(values[name]) if tensor.grad is None else tensor.grad.numpy()
        close = {"rtol": tolerances.ROUNDING, "atol": tolerances.ROUNDING}
        np.testing.assert_allclose(np.broadcast_to(found.get(f"d {name}", 0), expected.shape), expected, **close)


def test_extras_have_no_gradient_and_nothing_is_computed_for_it() -> None:
    step = trace(Zoneout(cells.make("rnn", 3, 4), ("hidden",)))
    derived = adjoint(step)
    assert list(derived.graph.outputs) == ["d hidden", "d x"]
    needed = derived.graph.before([*derived.graph.outputs.values(), *(share.grad for share in derived.parameters)])
    assert needed >= set(range(len(step.nodes), len(derived.graph.nodes)))


def test_the_step_stands_unchanged_at_the_front() -> None:
    step = trace(cells.make("gru", 3, 4))
    assert adjoint(step).graph.nodes[: len(step.nodes)] == step.nodes


def test_what_is_made_of_parameters_has_its_gradient_taken_apart_once() -> None:
    """No row goes back through the exponentials, sines and cosines that make the eigenvalues."""
    step = trace(cells.make("lru", 2, 3))
    derived = adjoint(step)
    row = {node.op for node in derived.graph.nodes[len(step.nodes) :]}
    assert row <= {"input", "add", "multiply", "negative", "back", "join", "copy", "constant", "repeat"}
    assert {share.name for share in derived.of_made} == {"log_decay", "log_phase", "log_gain"}
    assert {"sin", "cos", "exp"} <= {node.op for node in derived.made.nodes}


def test_a_state_that_no_step_reads_takes_no_part() -> None:
    """The output of a simple recurrent unit goes nowhere but to the layer above."""
    graph = adjoint(trace(cells.make("sru", 2, 3))).graph
    assert list(graph.outputs) == ["d cell", "d x"]
    assert "d hidden after" in graph.leaves("input")
    assert "d hidden carried" not in graph.leaves("input")


def test_a_state_whose_readers_lead_nowhere_has_no_gradient() -> None:
    step = trace(cells.make("lstm", 2, 3))
    step.outputs = {"cell after": step.leaves("state")["cell"]}
    derived = adjoint(step)
    rng = np.random.default_rng(0)
    values = {node.name: rng.normal(size=(2, node.width)) for node in derived.graph.nodes if node.name}
    values |= {node.name: rng.normal(size=(node.width, node.columns)) for node in step.nodes if node.columns}
    found = derived.graph.run(values)
    assert not found["d hidden"].any()
    np.testing.assert_array_equal(found["d cell"], values["d cell after"] + values["d cell carried"])
