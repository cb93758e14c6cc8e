"""Recurrences by themselves: a cell without its products of the input, whose results it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

import elman.nn
from elman.cells import Cell, Parameter, initialise, make
from elman.compiler import trace

#: Bytes of a float32 number.
BYTES = 4


@final
@dataclass(frozen=True)
class Projected(Cell):
    """The cell ``within``, except that its input is what ``weight_ih`` has made of the input."""

    name: ClassVar[str] = "projected"
    gates: ClassVar[tuple[str, ...]] = ("products",)

    within: Cell = None  # type: ignore[assignment]

    @classmethod
    def of(cls, name: str, units: int) -> Projected:
        """A cell by name, with inputs of another size than its units, so that it takes nothing else of them."""
        within = make(name, units + 1, units)
        return cls(within.parameters()["weight_ih"].shape[0], units, within=within)

    @property
    def state_sizes(self) -> dict[str, int]:
        """Those of the cell within."""
        return self.within.state_sizes

    def parameters(self) -> dict[str, Parameter]:
        """Those of the cell within, without its matrix."""
        return {name: value for name, value in self.within.parameters().items() if name != "weight_ih"}

    def initial(self, rng: np.random.Generator, memory: int) -> dict[str, Any]:
        """As the cell within."""
        return {name: value for name, value in self.within.initial(rng, memory).items() if name != "weight_ih"}

    def step(self, ops: Any, x: Any, state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """The step of the cell within."""
        return self.within.step(_Given(ops, x), None, state, {**params, "weight_ih": None})

    def least_bytes(self) -> int:
        """What must go through memory for one row of one step, forward and backward, in float32.

        Forward the products are read and the states written. Backward the gradients of the outputs, the products and
        the states that steps read are read, and the gradients of the products are written. Whatever else an
        implementation keeps or reads is not counted.
        """
        step = trace(self)
        users = step.users()
        read = sum(step.nodes[place].width for place in step.leaves("state").values() if users[place])
        forward = self.input_size + sum(self.state_sizes.values())
        return BYTES * (forward + self.output_size + self.input_size + read + self.input_size)


class _Given:
    """Operations that have the product of the input already."""

    def __init__(self, ops: Any, product: Any) -> None:
        self._ops, self._product = ops, product

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ops, name)

    def linear(self, x: Any, weight: Any, bias: Any = None, heads: int = 1) -> Any:
        """What was given."""
        return self._product if bias is None else self._product + bias


@final
@dataclass(frozen=True)
class Given:
    """What a training step of a recurrence starts from.

    Attributes:
        products: (batch, time, features of all products); time lies outside, as the engine likes it.
        upstream: Gradients of the outputs, (batch, time, units).
        state: Before the first step.
        params: What the cell has beside the matrix.
    """

    products: Tensor
    upstream: Tensor
    state: dict[str, Tensor]
    params: dict[str, Tensor]

    @classmethod
    def of(cls, cell: Projected, batch: int, time: int, start: float = 0.0) -> Given:
        """Random ones; every state begins with ``start``."""
        generator = torch.Generator().manual_seed(0)
        products, upstream = (
            torch.randn(time, batch, size, generator=generator).transpose(0, 1)
            for size in (cell.input_size, cell.output_size)
        )
        first = initialise(cell, np.random.default_rng(0)).items()
        params = {name: torch.tensor(value, dtype=torch.float32, requires_grad=True) for name, value in first}
        state = {name: torch.full((batch, size), start) for name, size in cell.state_sizes.items()}
        return cls(products.requires_grad_(), upstream, state, params)

    def training(self, cell: Cell, backend: str) -> Callable[[], list[Tensor]]:
        """A training step by a backend: outputs, then the gradients of the products and of the parameters."""
        leaves = [self.products, *self.params.values()]

        def step() -> list[Tensor]:
            outputs = elman.nn.unroll(cell, self.params, self.products, self.state, backend=backend).outputs
            return [outputs, *torch.autograd.grad(outputs, leaves, self.upstream)]

        return step
