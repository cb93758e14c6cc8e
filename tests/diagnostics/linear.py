"""Recurrences whose every derivative is known: a linear cell, and subjects made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import torch

from elman.cells import Cell, Parameter
from elman.cells.ops import Array, Ops
from elman.nn import Recurrent
from elman.nn.subject import Subject


@final
@dataclass(frozen=True)
class LinearCell(Cell):
    """h_t = W h_{t-1} + U x_t."""

    name: ClassVar[str] = "linear"
    gates: ClassVar[tuple[str, ...]] = ("hidden",)

    bias: bool = False

    def parameters(self) -> dict[str, Parameter]:
        return {
            "weight_ih": Parameter((self.hidden_size, self.input_size), self.gates, "input"),
            "weight_hh": Parameter((self.hidden_size, self.hidden_size), self.gates, "recurrent"),
        }

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        return {"hidden": ops.linear(x, params["weight_ih"]) + ops.linear(state["hidden"], params["weight_hh"])}


def linear(matrix: np.ndarray, *, time: int = 60, batch: int = 2) -> Subject:
    """The subject of the recurrence with this matrix; its loss is the sum of the outputs, at every step."""
    layer = Recurrent(LinearCell, 1, len(matrix)).double()
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.from_numpy(matrix))
    return of(layer, time=time, batch=batch)


def of(layer: Recurrent, *, time: int = 60, batch: int = 2) -> Subject:
    """A subject of some layers on random inputs, float64, whose loss is the sum of the outputs at every step."""
    generator = torch.Generator().manual_seed(0)
    return Subject(
        layer.double(),
        torch.randn(batch, time, layer.input_size, generator=generator, dtype=torch.float64),
        lambda outputs: outputs.sum(-1),
        lambda scores, targets: scores - targets,
        torch.zeros(batch, time, dtype=torch.float64),
        torch.ones(batch, time, dtype=torch.bool),
        [["x"] * time] * batch,
        title="linear",
    )


def mixed(eigenvalues: list[float], seed: int = 0) -> np.ndarray:
    """A matrix with these eigenvalues that is not symmetric, so that directions act on each other."""
    basis = np.random.default_rng(seed).standard_normal((len(eigenvalues),) * 2)
    return basis @ np.diag(eigenvalues) @ np.linalg.inv(basis)
