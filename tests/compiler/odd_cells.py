"""Cells that hand on what they do not compute: states unchanged, the input itself, one value as two states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from elman.cells import Cell

Values = Mapping[str, Any]
Step = Callable[[Any, Any, Values, Values], dict[str, Any]]


@dataclass(frozen=True)
class Odd(Cell):
    """Two states of the size of the input; the step comes from the table `STEPS`."""

    name: ClassVar[str] = "odd"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    kind: str = "unchanged"

    @property
    def state_sizes(self) -> dict[str, int]:
        return {"hidden": self.hidden_size, "cell": self.hidden_size}

    def step(self, ops: Any, x: Any, state: Values, params: Values) -> dict[str, Any]:
        return STEPS[self.kind](ops, x, state, params)


def new(ops: Any, x: Any, state: Values, params: Values) -> Any:
    return ops.tanh(of_input(ops, x, params) + ops.linear(state["hidden"], params["weight_hh"], params["bias_hh"]))


def of_input(ops: Any, x: Any, params: Values) -> Any:
    return ops.linear(x, params["weight_ih"], params["bias_ih"])


STEPS: dict[str, Step] = {
    "unchanged": lambda ops, x, state, params: {"hidden": new(ops, x, state, params), "cell": state["cell"]},
    "all unchanged": lambda ops, x, state, params: dict(state),
    "swapped": lambda ops, x, state, params: {"hidden": state["cell"], "cell": state["hidden"]},
    "one for both": lambda ops, x, state, params: dict.fromkeys(("hidden", "cell"), new(ops, x, state, params)),
    "one leaf for both": lambda ops, x, state, params: {"hidden": state["cell"], "cell": state["cell"]},
    "the input": lambda ops, x, state, params: {"hidden": x, "cell": state["hidden"]},
    "the input twice": lambda ops, x, state, params: {"hidden": x, "cell": x},
    "a sum": lambda ops, x, state, params: {"hidden": state["hidden"] + x, "cell": state["cell"] + state["hidden"]},
    "a sum of products": lambda ops, x, state, params: {
        "hidden": state["hidden"] + of_input(ops, x, params),
        "cell": state["cell"] + ops.linear(state["hidden"], params["weight_hh"], params["bias_hh"]),
    },
    "a product of the input": lambda ops, x, state, params: {
        "hidden": of_input(ops, x, params),
        "cell": ops.linear(x, params["weight_ih"]),
    },
    "a product of a product": lambda ops, x, state, params: {
        "hidden": ops.linear(of_input(ops, x, params), params["weight_hh"]),
        "cell": of_input(ops, x, params) * state["cell"],
    },
    "a state not read": lambda ops, x, state, params: {
        "hidden": new(ops, x, state, params),
        "cell": ops.tanh(state["hidden"]),
    },
    "no state read": lambda ops, x, state, params: {
        "hidden": ops.tanh(of_input(ops, x, params)),
        "cell": ops.sigmoid(x),
    },
    "constants": lambda ops, x, state, params: {
        "hidden": ops.tanh(ops.linear(0.5 * x + 1, params["weight_ih"]) + (1 - ops.sigmoid(params["bias_ih"]))),
        "cell": (1 - ops.sigmoid(params["bias_hh"])) * state["cell"] + 0.5 * ops.tanh(state["hidden"]),
    },
    "gradients that are one": lambda ops, x, state, params: dict.fromkeys(
        ("hidden", "cell"), ops.tanh(state["hidden"] + state["cell"] + x)
    ),
}

CELLS: list[Cell] = [Odd(4, 4, kind=kind) for kind in STEPS]
