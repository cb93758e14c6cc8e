"""Cells that do what others do not: hand on what they did not compute, have vectors and single numbers everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from elman.cells import Cell, Parameter

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


def unequal(ops: Any, one: Any, other: Any) -> Any:
    """A half of one and two quarters of the other."""
    return ops.join(ops.split(one, 2)[1], *ops.split(other, 4)[:2])


def of_blocks(ops: Any, weight: Any) -> Any:
    """A matrix of the rows of another: scaled, multiplied, side by side, and a block of zeros."""
    upper, lower = ops.split(weight, 2, axis=0)
    left, right = 2 * upper.T, (upper * lower).T
    return ops.join(left, right).T - 0.5 * ops.join(right, 0 * left).T


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
    "waves": lambda ops, x, state, params: {
        "hidden": ops.sin(3 * new(ops, x, state, params)) + ops.floor(4 * x),
        "cell": ops.cos(state["hidden"] + params["bias_ih"]) * ops.sqrt(1 + state["cell"] * state["cell"]),
    },
    "joined": lambda ops, x, state, params: {
        "hidden": ops.linear(ops.join(*ops.split(ops.tanh(x + state["cell"]), 2)[::-1]), params["weight_hh"]),
        "cell": ops.join(ops.sum(state["hidden"]), *ops.split(new(ops, x, state, params), 4)[1:]),
    },
    "joined unequally": lambda ops, x, state, params: {
        "hidden": unequal(ops, state["hidden"], new(ops, x, state, params)),
        "cell": unequal(ops, state["cell"] * ops.linear(state["hidden"], params["weight_hh"]), x),
    },
    "matrices made of parameters": lambda ops, x, state, params: {
        "hidden": ops.tanh(
            of_input(ops, x, params)
            + ops.linear(state["hidden"], params["weight_hh"] * params["weight_hh"].T - ops.exp(params["weight_hh"]))
            + ops.linear(state["cell"], params["weight_ih"] + params["weight_hh"].T)
        ),
        "cell": ops.linear(state["cell"], params["weight_hh"].T / 2) - ops.linear(state["cell"], params["weight_hh"]),
    },
    "a matrix of blocks": lambda ops, x, state, params: {
        "hidden": ops.tanh(of_input(ops, x, params) + ops.linear(state["hidden"], of_blocks(ops, params["weight_hh"]))),
        "cell": ops.linear(state["hidden"], params["weight_hh"]) + ops.linear(state["cell"], params["weight_ih"]),
    },
    "gradients that are one": lambda ops, x, state, params: dict.fromkeys(
        ("hidden", "cell"), ops.tanh(state["hidden"] + state["cell"] + x)
    ),
}


@dataclass(frozen=True)
class Vectors(Cell):
    """Vector parameters in every place that one can have, whole and in parts, and gates of a single unit."""

    name: ClassVar[str] = "vectors"
    gates: ClassVar[tuple[str, ...]] = ("gate", "new")

    def parameters(self) -> dict[str, Parameter]:
        widths = {"of_input": self.input_size, "of_state": self.hidden_size, "of_gates": 2 * self.hidden_size}
        widths |= {"whole": self.hidden_size, "scores": self.hidden_size, "number": 1}
        vectors = {name: Parameter((width,), (name,), "gain") for name, width in widths.items()}
        return super().parameters() | vectors | {"narrow": Parameter((1, self.hidden_size), ("one",), "recurrent")}

    def step(self, ops: Any, x: Any, state: Values, params: Values) -> dict[str, Any]:
        hidden = state["hidden"]
        from_x = ops.linear(x * params["of_input"] + params["of_input"], params["weight_ih"], params["bias_ih"])
        from_hidden = ops.linear(hidden + params["of_state"], params["weight_hh"]) * params["bias_hh"]
        first, second = ops.split(params["of_gates"], 2)
        gate, new = ops.split(from_x + from_hidden, 2)
        gate, new = ops.sigmoid(gate + first * hidden), ops.tanh(new - second)
        one = ops.sigmoid(ops.linear(hidden, params["narrow"], params["number"]))
        score = ops.sum(params["scores"] * new) * params["number"]
        new = ops.layer_norm(new * one + ops.tanh(score), params["scores"]) + ops.mean(hidden)
        return {"hidden": gate * hidden + (1 - gate) * new + params["whole"]}


@dataclass(frozen=True)
class Pieces(Cell):
    """Expands and folds in every place that one can have, of pieces that fit each other and of some that do not.

    There are 12 units for each of ``hidden_size``.
    """

    name: ClassVar[str] = "pieces"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    @property
    def state_sizes(self) -> dict[str, int]:
        return {"hidden": 12 * self.hidden_size, "matrix": 24 * self.hidden_size}

    def parameters(self) -> dict[str, Parameter]:
        width, wide = self.state_sizes.values()
        shapes = {"weight_ih": (wide, self.input_size), "weight_hh": (width, width), "few": (4,), "many": (wide,)}
        return {name: Parameter(shape, ("hidden",), "input") for name, shape in shapes.items()}

    def step(self, ops: Any, x: Any, state: Values, params: Values) -> dict[str, Any]:
        n, hidden, matrix = self.hidden_size, state["hidden"], state["matrix"]
        q, k = ops.split(ops.linear(x, params["weight_ih"]), 2)
        gate = ops.sigmoid(ops.fold(hidden, 4, 3 * n))
        # Beside a product, of a parameter, of pieces that do not fit: rows of 3 and of 4.
        new = ops.tanh(ops.linear(hidden, params["weight_hh"]) + ops.expand(gate, 2, 3 * n)) * q
        new = new + ops.expand(params["few"], 2, 3 * n) * ops.expand(ops.fold(k, 4, 3), 4, 3)
        matrix = matrix * ops.expand(gate, 4, 6 * n) * params["many"] + ops.expand(k, 12 * n, 2) * ops.mean(new)
        halves = ops.split(matrix, 2)
        joined = ops.join(halves[1] * new, ops.tanh(halves[0]))
        read = ops.fold(joined, 1, 2) + ops.fold(joined * ops.expand(q, 1, 2), 12 * n, 2)
        read = read + ops.expand(ops.fold(joined, 2, 4), 3 * n, 2) + ops.expand(ops.fold(matrix, 3, 4), 2, 2)
        matrix = matrix * ops.expand(gate, 1, 6 * n) + 0.1 * ops.sum(q)
        return {"hidden": ops.tanh(0.2 * (new + read)), "matrix": matrix}


@dataclass(frozen=True)
class Headed(Cell):
    """Products in heads, of the input too, and several of one operand that share it out differently."""

    name: ClassVar[str] = "headed"
    gates: ClassVar[tuple[str, ...]] = ("new",)

    def parameters(self) -> dict[str, Parameter]:
        inputs, units = self.input_size // 2, self.hidden_size
        shapes = {"of_input": (units, inputs), "halves": (2 * units, units // 2), "thirds": (units, units // 3)}
        own = {name: Parameter(shape, (name,), "recurrent") for name, shape in shapes.items()}
        return super().parameters() | own

    def step(self, ops: Any, x: Any, state: Values, params: Values) -> dict[str, Any]:
        hidden = state["hidden"]
        gate, new = ops.split(ops.linear(hidden, params["halves"], heads=2), 2)
        thirds = ops.linear(hidden, params["thirds"], params["bias_ih"], heads=3)
        from_x = ops.linear(x, params["of_input"], heads=2) + ops.linear(x, params["weight_ih"])
        from_hidden = ops.sigmoid(gate) * thirds + new - ops.linear(hidden, params["weight_hh"])
        return {"hidden": ops.tanh(from_x + from_hidden)}


CELLS: list[Cell] = [
    *(Odd(4, 4, kind=kind) for kind in STEPS),
    *(kind(3, size) for kind in (Vectors, Pieces) for size in (1, 4)),
    Headed(4, 6),
    Headed(10, 42),
]
