"""The table of all cells: every property in test_cells.py holds for every row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from elman.cells import Cell, initialise, make
from elman.nn.backends import KERNELS


@dataclass(frozen=True)
class Row:
    """A cell under its name, with the options that change its shape."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def make(self, input_size: int = 3, hidden_size: int = 5) -> Cell:
        return make(self.name, input_size, hidden_size, **self.options)

    @property
    def has_kernel(self) -> bool:
        return type(self.make()) in KERNELS

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{key}={value}" for key, value in self.options.items())])


ROWS = (
    Row("rnn"),
    Row("rnn", {"bias": False}),
    Row("rnn_relu"),
    Row("lstm"),
    Row("lstm", {"bias": False}),
    Row("lstm", {"projection_size": 2}),
    Row("lstm", {"projection_size": 2, "bias": False}),
    Row("gru"),
    Row("gru", {"bias": False}),
    Row("gru_before"),
    Row("gru_before", {"bias": False}),
)


def weights(cell: Cell, seed: int = 0) -> dict[str, np.ndarray]:
    """Weights of a cell with every bias away from zero, float64."""
    rng = np.random.default_rng(seed)
    return {name: value + 0.1 * rng.standard_normal(value.shape) for name, value in initialise(cell, rng).items()}


def tensors(arrays: dict[str, np.ndarray], *, grad: bool = False) -> dict[str, torch.Tensor]:
    """The same as torch leaves."""
    return {name: torch.tensor(value, requires_grad=grad) for name, value in arrays.items()}


def random_state(cell: Cell, batch: int, seed: int = 1) -> dict[str, np.ndarray]:
    """A state that is not zero, (batch, size) each."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((batch, size)) for name, size in cell.state_sizes.items()}
