"""The derivative of the state after a step by the state before it, and of products over many steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.diagnostics.trajectory import Trajectory
from elman.diagnostics.words import plain_list
from elman.errors import UsageError
from elman.nn.subject import Subject
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Numbers in the state up to which whole matrices are computed, and up to which the product over all steps is.
LARGEST, LARGEST_PRODUCT = 2048, 128


@final
class Product:
    """A product of many square matrices that neither vanishes nor overflows: ``Q diag(exp(logs)) T``.

    Q (n, n) is orthogonal, the numbers in T (n, n) stay near 1, and the logarithms (n,) hold the size of every
    direction, so that 1e-3000 is a number like any other (Bai, Lee, Li & Xu, "Stable solutions of linear systems
    involving long chain of matrix multiplications", Linear Algebra and its Applications 435, 2011).

    >>> product = Product(2)
    >>> for _ in range(10_000):
    ...     product.multiply(0.5 * torch.eye(2, dtype=torch.float64))
    >>> product.logs / 10_000
    tensor([-0.6931, -0.6931], dtype=torch.float64)
    """

    def __init__(self, size: int) -> None:
        self.q = torch.eye(size, dtype=torch.float64)
        self.logs = torch.zeros(size, dtype=torch.float64)
        self.t = torch.eye(size, dtype=torch.float64)

    def multiply(self, matrix: Tensor) -> None:
        """Put one more matrix (n, n) in front."""
        # The largest directions first: then the part of a row of R D on the right of its diagonal is small beside it.
        self.logs, order = self.logs.sort(descending=True)
        self.q, r = torch.linalg.qr(matrix @ self.q[:, order])
        logs = r.abs().log() + self.logs
        largest = logs.amax(1)
        scaled = (logs - torch.where(largest.isfinite(), largest, 0.0)[:, None]).exp() * r.sign()
        self.t, self.logs = scaled @ self.t[order], largest

    def matrix(self) -> Tensor:
        """The product as one matrix (n, n), for numbers that are large enough for it."""
        return self.q * self.logs.exp() @ self.t


@final
@dataclass(frozen=True)
class Jacobian:
    """Derivatives of the whole state after single steps by the state before them, and of their product.

    Attributes:
        title: Of the model.
        names: Name of each number of the state, as ``hidden_l0[3]``: rows and columns of the matrices.
        steps: The steps that were looked at, of the first sequence.
        matrices: (steps, n, n).
        singular_values: (steps, n), descending: by how much each direction of the state is stretched.
        radii: (steps,) spectral radius: the largest eigenvalue, by size.
        products: (time, n) natural logarithms of the size of every direction, descending, in the product of the first
            1, 2, ... steps; empty where the state has more than 128 numbers.
    """

    title: str
    names: list[str]
    steps: list[int]
    matrices: Tensor
    singular_values: Tensor
    radii: Tensor
    products: Tensor

    def __str__(self) -> str:
        largest = self.singular_values[:, 0]
        text = (
            f"{self.title}: at {len(self.steps)} steps, one step stretches no direction of the state by more than "
            f"{largest.max():.3g}; the spectral radius is {self.radii.min():.3g} to {self.radii.max():.3g}."
        )
        if len(self.products):
            top = float(self.products[-1, 0]) / len(self.products)
            text += (
                f" Over {len(self.products)} steps the longest-lived direction changes by {top:+.3g} e-folds a step."
            )
        return text

    def to_dict(self) -> dict[str, Any]:
        """Everything but the matrices, as plain JSON values."""
        return {
            "title": self.title,
            "steps": self.steps,
            "singular_values": [plain_list(row) for row in self.singular_values.tolist()],
            "spectral_radii": plain_list(self.radii.tolist()),
            "products": [plain_list(row) for row in self.products.tolist()],
        }

    def plot(self) -> Figure:
        """Singular values of single steps and, where there is one, the product as it grows longer."""
        from matplotlib.figure import Figure

        with style.context():
            figure = Figure(figsize=(7.2, 3.6), layout="constrained")
            panels = figure.subplots(1, 2 if len(self.products) else 1, squeeze=False)[0]
            for number, (values, step) in enumerate(zip(self.singular_values, self.steps, strict=True)):
                colour = style.COLOURS[number % len(style.COLOURS)]
                panels[0].plot(range(1, len(values) + 1), values, color=colour, linewidth=1.4, label=f"step {step}")
            panels[0].axhline(1, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
            panels[0].set_title("Singular values of one step")
            panels[0].set_xlabel("direction")
            panels[0].legend()
            if len(self.products):
                shown = (self.products / torch.log(torch.tensor(10.0))).nan_to_num(neginf=float("nan"))
                panels[1].plot(range(1, len(shown) + 1), shown, color=style.COLOURS[0], linewidth=0.7, alpha=0.6)
                panels[1].set_title("Product of all steps up to here")
                panels[1].set_xlabel("steps")
                panels[1].set_ylabel("size of each direction, power of ten")
            return figure


def jacobian(subject: Subject, *, steps: int = 3) -> Jacobian:
    """Look at the derivative of the state by the state one step before, at ``steps`` spread over the first sequence.

    Raises `UsageError` for a state of more than 2048 numbers, whose matrices would be too large: `lyapunov` and
    `half_life` need products with vectors alone.
    """
    way = Trajectory(subject)
    reached = int(way.reached.sum())
    if reached > LARGEST:
        raise UsageError(
            f"The state has {reached} numbers, but whole derivatives are computed up to {LARGEST} only: use lyapunov "
            "or half_life."
        )
    chosen = torch.linspace(0, way.time - 1, min(steps, way.time)).round().long()
    matrices = torch.stack(list(way.jacobians(0, chosen)))
    names = [f"{name}[{unit}]" for name, place in way.places.items() for unit in range(place.stop - place.start)]
    return Jacobian(
        title=subject.title,
        names=[name for name, is_reached in zip(names, way.reached.tolist(), strict=True) if is_reached],
        steps=chosen.tolist(),
        matrices=matrices,
        singular_values=torch.linalg.svdvals(matrices),
        radii=torch.linalg.eigvals(matrices).abs().amax(1),
        products=_products(way) if reached <= LARGEST_PRODUCT else torch.zeros(0, reached),
    )


def _products(way: Trajectory) -> Tensor:
    product, sizes = Product(int(way.reached.sum())), []
    for matrix in way.jacobians(0, torch.arange(way.time)):
        product.multiply(matrix)
        sizes.append(product.logs.sort(descending=True).values)
    return torch.stack(sizes)
