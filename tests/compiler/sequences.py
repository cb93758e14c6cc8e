"""Random sequences of any lengths, and what a cell makes of them step by step, with torch's gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import tolerances
from elman.cells import Cell
from elman.compiler.compiled_cell import CompiledCell
from elman.compiler.vector import Precision
from elman.nn.ops import TorchOps

#: How far from the exact result compiled loops may be.
CLOSE = {"float64": tolerances.COMPILED, "float32": tolerances.FLOAT32_GRADIENT}


def weights(cell: Cell, rng: np.random.Generator, precision: str = "float64") -> dict[str, Any]:
    """Random parameters of a cell; what is a variance is not negative."""
    found = {}
    for name, parameter in cell.parameters().items():
        values = rng.normal(0, 0.4, parameter.shape).astype(precision)
        found[name] = abs(values) if parameter.kind == "variance" else values
    return found


class Sequences:
    """What goes into a run and its gradient, (N, width) or (B, width); ``sizes`` run at each step."""

    def __init__(self, cell: Cell, sizes: list[int], precision: Precision = "float64") -> None:
        rng = np.random.default_rng(3)

        def draw(*shape: int) -> Any:
            return rng.normal(0, 1, shape).astype(precision)

        self.cell, self.sizes = cell, sizes
        self.params = weights(cell, rng, precision)
        self.first = {name: draw(sizes[0], size) for name, size in cell.state_sizes.items()}
        self.upstream = {name: draw(sum(sizes), size) for name, size in cell.state_sizes.items()}
        self.last = {name: draw(sizes[0], size) for name, size in cell.state_sizes.items()}
        self.x = draw(sum(sizes), cell.input_size)
        self.extras = {name: np.abs(draw(sum(sizes), width)) for name, width in cell.extras.items()}

    def by_autograd(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """States after each step (N, width), final states (B, width) and all gradients, by name, in float64."""
        leaves = {f"first {name}": value for name, value in self.first.items()} | self.params | {"x": self.x}
        tensors = {name: torch.from_numpy(value).double().requires_grad_() for name, value in leaves.items()}
        state: dict[str, Any] = {name: tensors[f"first {name}"] for name in self.first}
        total, states, row = torch.zeros((), dtype=torch.float64), [], 0
        final: dict[str, Any] = {name: [None] * self.sizes[0] for name in self.first}
        for size in self.sizes:
            before = {name: value[:size] for name, value in state.items()}
            rows = slice(row, row + size)
            extras = {name: torch.from_numpy(value[rows]).double() for name, value in self.extras.items()}
            state = self.cell.step(TorchOps(), tensors["x"][rows], before, {**tensors, **extras})
            states.append({name: value.detach().numpy() for name, value in state.items()})
            for name, value in state.items():
                total = total + (value * torch.from_numpy(self.upstream[name][rows])).sum()
                final[name][:size] = list(value)
            row += size
        ends = {name: torch.stack(rows) for name, rows in final.items()}
        (total + sum((ends[name] * torch.from_numpy(self.last[name])).sum() for name in ends)).backward()
        return (
            {name: np.concatenate([values[name] for values in states]) for name in state},
            {name: value.detach().numpy() for name, value in ends.items()},
            {name: np.zeros(t.shape) if t.grad is None else t.grad.numpy() for name, t in tensors.items()},
        )

    def check(self, compiled: CompiledCell) -> None:
        """Compare every state and every gradient."""
        states, final, expected = self.by_autograd()
        close = {"rtol": CLOSE[compiled.precision], "atol": CLOSE[compiled.precision]}
        run = compiled.forward(self.x, self.sizes, self.first, self.params, extras=self.extras)
        inferred = compiled.infer(self.x, self.sizes, self.first, self.params, extras=self.extras)
        for name in states:
            np.testing.assert_allclose(run.after(name), states[name], **close, err_msg=name)
            np.testing.assert_allclose(run.final()[name], final[name], **close, err_msg=name)
            np.testing.assert_allclose(inferred[name], run.states[name], **close, err_msg=name)
        found = compiled.backward(run, self.upstream, self.last)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, **close, err_msg=name)
