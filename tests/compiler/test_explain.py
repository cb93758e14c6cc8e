from __future__ import annotations

import re

import pytest

from elman import cells
from elman.compiler.explain import CellPlan, Work, formula
from elman.compiler.graph import OPS, Builder, Node
from elman.errors import UsageError

PLANS = {name: CellPlan.of(cells.make(name, 3, 5)) for name in cells.CELLS}


def test_formulas_are_what_one_would_write() -> None:
    builder = Builder()
    x, h = builder.add(Node("input", width=4, name="x")), builder.add(Node("state", width=4, name="h"))
    weight = builder.add(Node("parameter", width=4, name="W", columns=4))
    gate = builder.part(weight, 0, 2)
    half, ratio = builder.constant(0.5), builder.elementwise("divide", x, h)
    written = {
        "x @ W.T": builder.linear(x, weight),
        "x @ W": builder.back(x, weight),
        "h @ W[1 of 2].T": builder.linear(h, gate),
        "W[1 of 2]": gate,
        "0.5 * x": builder.elementwise("multiply", half, x),
        "x / h": ratio,
        f"%{ratio} - h": builder.elementwise("subtract", ratio, h),
        f"-%{ratio}": builder.elementwise("negative", ratio),
        "h > x": builder.elementwise("greater", h, x),
        f"%{ratio}[2 of 2]": builder.part(ratio, 1, 2),
        f"tanh(%{ratio})": builder.elementwise("tanh", ratio),
        f"where(x, h, %{ratio})": builder.elementwise("where", x, h, ratio),
        f"join(x, %{ratio})": builder.join(x, ratio),
        f"sum(%{ratio})": builder.reduce("sum", ratio),
        "x": builder.copy(x, "h after"),
    }
    assert {text: formula(builder.graph, place) for text, place in written.items()} == {text: text for text in written}


@pytest.mark.parametrize("name", PLANS)
def test_every_value_of_the_step_is_shown_once_with_what_becomes_of_it(name: str) -> None:
    plan = PLANS[name]
    forward = str(plan).split("Backward")[0]
    for place, node in enumerate(plan.step.nodes):
        lines = re.findall(rf"^    %{place} .*$", forward, re.MULTILINE)
        has_name = node.op == "part" and plan.step.nodes[node.operands[0]].op == "parameter"
        is_wasted = not plan.step.users()[place] and place not in plan.step.outputs.values()
        assert len(lines) == (0 if OPS[node.op].kind == "leaf" or has_name or is_wasted else 1)
        for line in lines:
            assert ("kept" in line) == (place in plan.forward.saved)
            assert f" {node.width} " in line
    assert forward.count(f"{next(iter(plan.cell.state_sizes))} after") == 1
    gradients = str(plan).split("gradients of the parameters")[1]
    for parameter in plan.cell.parameters():
        assert re.search(rf"\b{parameter}\b.*: ", gradients)


@pytest.mark.parametrize("name", PLANS)
def test_work_in_products_is_the_size_of_the_matrices(name: str) -> None:
    plan = PLANS[name]
    shapes = [parameter.shape for parameter in plan.cell.parameters().values() if len(parameter.shape) == 2]
    if name == "clockwork":  # its recurrent matrix is made of blocks and zeros
        shapes = [(5, 3), (5, 5)]
    count = sum(rows * columns for rows, columns in shapes)
    forward, backward = plan.work_forward, plan.work_backward
    assert forward.products + forward.outside == count
    # Once towards the operands and once towards the matrices.
    assert backward.products + backward.outside == 2 * count
    # What waits for other steps on the way back did so on the way there.
    assert backward.products <= forward.products


def test_the_functions_and_the_memory_of_an_lstm() -> None:
    plan = CellPlan.of(cells.make("lstm", 3, 5))
    # Three gates, the candidate and the cell state; the five of them and two states are kept.
    assert plan.work_forward == Work(products=100, outside=60, functions=25, arithmetic=80)
    assert plan.work_backward.functions == 0
    assert plan.saved_numbers == 7 * 5
    assert "kept for the gradient: 35 numbers" in str(plan)


@pytest.mark.parametrize("name", PLANS)
def test_it_fits_a_terminal(name: str) -> None:
    wide = CellPlan.of(cells.make(name, 1024, 1024))
    assert max(map(len, str(wide).splitlines())) <= 80


def test_what_cannot_be_compiled_says_so() -> None:
    class Branching(cells.Cell):
        name, gates = "branching", ("hidden",)

        def step(self, ops: object, x: object, state: dict[str, object], params: object) -> dict[str, object]:
            return {"hidden": state["hidden"] if x else x}

    with pytest.raises(UsageError, match="if on a value cannot be compiled"):
        CellPlan.of(Branching(3, 5))
