from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

import tolerances
from elman import cells
from elman.cells import Cell, Parameter
from elman.cells.ops import NumpyOps
from elman.compiler import trace
from elman.errors import UsageError


def values(cell: Cell, rows: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = {"x": (rows, cell.input_size), **{name: (rows, size) for name, size in cell.state_sizes.items()}}
    shapes |= {name: (rows, width) for name, width in cell.extras.items()}
    shapes |= {name: parameter.shape for name, parameter in cell.parameters().items()}
    drawn = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {name: abs(value) if name.startswith("variance") else value for name, value in drawn.items()}


def by_hand(cell: Cell, of: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    state = {name: of[name] for name in cell.state_sizes}
    return cell.step(NumpyOps(), of["x"], state, {name: of[name] for name in (*cell.parameters(), *cell.extras)})


OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in cells.CELLS),
    *((name, {"bias": False}) for name in cells.CELLS),
    ("lstm", {"projection_size": 2}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS)
@pytest.mark.parametrize("sizes", [(3, 4), (1, 1), (5, 7)])
def test_the_graph_computes_what_the_step_computes(name: str, options: dict[str, Any], sizes: tuple[int, int]) -> None:
    if options.get("projection_size", 0) >= sizes[1]:
        options = {}
    cell = cells.make(name, *sizes, **options)
    of = values(cell)
    found = trace(cell).run(of)
    for state, expected in by_hand(cell, of).items():
        np.testing.assert_allclose(
            found[f"{state} after"], expected, rtol=tolerances.ROUNDING, atol=tolerances.ROUNDING
        )


def test_the_input_product_can_be_seen_apart() -> None:
    graph = trace(cells.make("lstm", 3, 4))
    products = [node for node in graph.nodes if node.op == "linear"]
    assert [graph.nodes[node.operands[0]].name for node in products] == ["x", "hidden"]


@dataclass(frozen=True)
class Written(Cell):
    """A cell whose step is given in the test."""

    name: ClassVar[str] = "written"
    gates: ClassVar[tuple[str, ...]] = ("one", "two")
    written: Callable[..., Any] = lambda *_: {}

    def parameters(self) -> dict[str, Parameter]:
        return super().parameters() | {"scale": Parameter((self.hidden_size,), ("scale",), "input_bias")}

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> Any:
        return self.written(x, state, params)


class Asking(Cell):
    """A cell that asks for what is not there."""

    name = "asking"
    gates = ("new",)

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> Any:
        return {"hidden": ops.cumsum(state["hidden"])}


def torch_step(x: Tensor, state: Mapping[str, Tensor], params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    gates = (
        torch.nn.functional.linear(x, params["weight_ih"], params["bias_ih"]) + state["hidden"] @ params["weight_hh"].T
    )
    keep, new = gates.chunk(2, dim=-1)
    keep = torch.sigmoid(keep) ** 2
    mean = torch.mean(new, dim=-1, keepdim=True)
    new = torch.where(new > mean, new.tanh(), torch.maximum(new, 0.5 * mean)) * params["scale"]
    wave = torch.cat([torch.sin(new), new.cos().chunk(2, -1)[0]], dim=-1)
    new = new + torch.sqrt(1 + torch.cat(wave.chunk(3, -1)[:2], dim=-1) ** 2) - (3 * new).floor()
    return {"hidden": keep * state["hidden"] + (1 - keep) * torch.relu(-new / 2)}


def test_a_cell_in_plain_torch_traces_to_what_torch_computes() -> None:
    cell = Written(3, 4, written=torch_step)
    of = values(cell)
    tensors = {name: torch.from_numpy(value) for name, value in of.items()}
    # torch.maximum takes tensors only; a symbol stands for one, a number would not in torch.
    expected = torch_step(tensors["x"], {"hidden": tensors["hidden"]}, tensors)["hidden"]
    found = trace(cell).run(of)["hidden after"]
    np.testing.assert_allclose(found, expected, rtol=tolerances.ROUNDING, atol=tolerances.ROUNDING)


def _branch(x: Any, state: Any, params: Any) -> Any:
    return state if x > 0 else {}


WRONG: list[tuple[Callable[..., Any], str]] = [
    (
        lambda x, state, params: torch.cumsum(state["hidden"], -1),
        "torch's cumsum cannot be compiled; the operations are",
    ),
    (lambda x, state, params: state["hidden"].tan(), r"\.tan cannot be compiled.*Did you mean 'tanh'"),
    (lambda x, state, params: state["hidden"] ** 3, r"\*\* 3 cannot be compiled; write powers as products"),
    (lambda x, state, params: x @ x, r"multiply by a matrix parameter"),
    (lambda x, state, params: x @ params["weight_ih"], r"a matrix \(3, 8\) takes 8 features, found 3"),
    (lambda x, state, params: params["weight_hh"] @ params["weight_ih"].T, "not two matrices"),
    (lambda x, state, params: params["weight_hh"].sum(-1), "sum takes features, not a matrix"),
    (
        lambda x, state, params: params["weight_hh"] * state["hidden"],
        "multiply of a matrix takes matrices of one shape",
    ),
    (
        lambda x, state, params: params["weight_hh"] - params["weight_hh"].T,
        "subtract of a matrix takes .* of one shape",
    ),
    (lambda x, state, params: (2 * params["weight_ih"]).chunk(2, 0), "split the features, or the rows of a parameter"),
    (lambda x, state, params: state["hidden"] + np.ones(4), "use symbols and plain numbers only"),
    (_branch, "a step must do the same whatever the numbers are"),
    (lambda x, state, params: [*x], "take blocks of features with"),
    (lambda x, state, params: state["hidden"].chunk(3, -1), "4 features cannot be cut into 3"),
    (lambda x, state, params: x.linear(params["weight_hh"]), r"a matrix \(8, 4\) takes 4 features, found 3"),
    (
        lambda x, state, params: torch.cat([x, x]),
        r"cat along dimension 0 cannot be compiled; join features with dim=-1",
    ),
    (
        lambda x, state, params: torch.cat([params["weight_hh"], state["hidden"]], -1),
        "join takes features, or matrices of one shape",
    ),
    (lambda x, state, params: x + state["hidden"], "operands of one width"),
    (lambda x, state, params: {"hidden": x}, r"must return the states \{'hidden': 4\}.*returns \{'hidden': 3\}"),
]


@pytest.mark.parametrize(("step", "message"), WRONG)
def test_what_cannot_be_compiled_is_named(step: Callable[..., Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        trace(Written(3, 4, written=step))


def test_an_operation_that_no_backend_has_is_named_at_once() -> None:
    with pytest.raises(AttributeError, match=r"ops\.cumsum cannot be compiled; the operations are .*mean 'sum'\?\n"):
        trace(Asking(3, 4))


def test_an_error_names_the_line_of_the_cell() -> None:
    def step(x: Any, state: Any, params: Any) -> Any:
        return {"hidden": torch.cumsum(state["hidden"], -1)}

    line = step.__code__.co_firstlineno + 1
    with pytest.raises(UsageError, match=rf"test_trace\.py, line {line}:"):
        trace(Written(3, 4, written=step))
