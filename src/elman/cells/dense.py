"""Cells whose units see each other through a matrix, all of them or in heads."""

from __future__ import annotations

from dataclasses import dataclass, replace

from elman.cells.cell import Cell, Parameter
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@dataclass(frozen=True)
class DenseCell(Cell):
    r"""A cell with a recurrent product ``weight_hh``, which may be block-diagonal.

    With ``heads`` K > 1 the units are K equal groups, and each sees only its own group one step earlier:

    .. math::
        W_h = \mathrm{diag}(W_h^1, \dots, W_h^K)

    for every gate. ``weight_hh`` has then the shape (gates * hidden, output / K): gate by gate, in each gate head by
    head. A step does 1/K of the multiplications and keeps 1/K of the weights; the input still reaches all units.

    Attributes:
        heads: Groups of units that do not see each other.

    Source: Beck et al., "xLSTM: extended long short-term memory", NeurIPS 2024, section 2.2, whose heads these are.
    """

    heads: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        heads = self.heads
        if not isinstance(heads, int) or heads < 1:
            raise SettingsError(f"Cell {self.name}: heads must be a whole number of at least 1, not {heads!r}.")
        for name, size in {"hidden_size": self.hidden_size, "output_size": self.output_size}.items():
            if size % heads:
                possible = ", ".join(str(count) for count in range(1, size + 1) if size % count == 0)
                raise SettingsError(
                    f"Cell {self.name}: heads must divide {name} {size}, so that all have as many units, not {heads}. "
                    f"It could be {possible}."
                )

    def parameters(self) -> dict[str, Parameter]:
        """`Cell.parameters`; ``weight_hh`` has the columns of one head."""
        parameters = super().parameters()
        if self.heads > 1:
            whole = parameters["weight_hh"]
            shape = (whole.shape[0], whole.shape[1] // self.heads)
            blocks = tuple(f"{gate} {head}" for gate in self.gates for head in range(self.heads))
            parameters["weight_hh"] = replace(whole, shape=shape, blocks=blocks, heads=self.heads)
        return parameters

    def recurrent(self, ops: Ops, hidden: Array, weight: Array, bias: Array | None = None) -> Array:
        """``weight_hh`` times the output of the step before, for all gates side by side: (..., gates * hidden_size)."""
        if self.heads == 1:
            return ops.linear(hidden, weight, bias)
        matrices = ops.split(weight, len(self.gates), axis=0)
        product = ops.join(*(ops.linear(hidden, matrix, heads=self.heads) for matrix in matrices))
        return product if bias is None else product + bias
