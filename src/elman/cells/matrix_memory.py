"""Matrices as memory, one for each head, and what else cells do head by head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from elman.cells.cell import Parameter
from elman.cells.ops import Array, Ops
from elman.errors import SettingsError


@final
@dataclass(frozen=True)
class MatrixMemory:
    """One matrix (keys, values) for each head, all in one row of ``heads * keys * values`` features.

    Keys and queries are rows of ``heads * keys`` features, values and what is read rows of ``heads * values``.

    >>> import numpy as np
    >>> from elman.cells import NumpyOps
    >>> shape, k, v = MatrixMemory(1, 2, 3), np.array([0.0, 1.0]), np.array([5.0, 6.0, 7.0])
    >>> memory = shape.along_keys(NumpyOps(), k) * shape.along_values(NumpyOps(), v)
    >>> memory
    array([0., 0., 0., 5., 6., 7.])
    >>> shape.read(NumpyOps(), memory, k)
    array([5., 6., 7.])
    """

    heads: int
    keys: int
    values: int

    @classmethod
    def of(cls, cell: str, hidden_size: int, heads: int, key_size: int = 0) -> MatrixMemory:
        """The memory of a cell whose values have ``hidden_size`` features; without a ``key_size`` keys are as long.

        Raises `SettingsError` where the heads cannot share the features equally.
        """
        if not isinstance(heads, int) or heads < 1 or hidden_size % heads:
            raise SettingsError(f"Cell {cell}: heads must divide hidden_size {hidden_size}, not {heads!r}.")
        if not isinstance(key_size, int) or key_size < 0:
            raise SettingsError(
                f"Cell {cell}: key_size must be 0 (as long as values are, {hidden_size // heads}) or more, "
                f"not {key_size!r}."
            )
        return cls(heads, key_size or hidden_size // heads, hidden_size // heads)

    @property
    def size(self) -> int:
        """Features of all matrices."""
        return self.heads * self.keys * self.values

    def parameters(self, input_size: int, gates: tuple[str, str], *, bias: bool) -> dict[str, Parameter]:
        """What makes values and output gates, queries and keys, and a pair of ``gates`` for each head of an input.

        ``weight_ih`` (2 * heads * values, input), ``weight_keys`` (2 * heads * keys, input), ``weight_gates``
        (2 * heads, input) and, with ``bias``, ``bias_ih``, ``bias_keys`` and ``bias_gates``.
        """
        blocks = {
            "ih": (self.heads * self.values, ("value", "output")),
            "keys": (self.heads * self.keys, ("query", "key")),
            "gates": (self.heads, gates),
        }
        weights = {f"weight_{name}": Parameter((2 * n, input_size), b, "input") for name, (n, b) in blocks.items()}
        biases = {f"bias_{name}": Parameter((2 * n,), b, "input_bias") for name, (n, b) in blocks.items()}
        return weights | (biases if bias else {})

    def along_keys(self, ops: Ops, k: Array) -> Array:
        """The number of each key's feature in all columns of its row of the matrix."""
        return ops.expand(k, self.heads * self.keys, self.values)

    def along_values(self, ops: Ops, v: Array) -> Array:
        """The values in every row of the matrix."""
        return ops.expand(v, self.heads, self.keys)

    def along_heads(self, ops: Ops, number: Array) -> Array:
        """A number for each head, (heads,) features, everywhere in its matrix."""
        return ops.expand(number, self.heads, self.keys * self.values)

    def read(self, ops: Ops, memory: Array, q: Array) -> Array:
        """``M^T q`` for each head."""
        return ops.fold(memory * self.along_keys(ops, q), self.heads, self.keys)


def of_unit_length(ops: Ops, x: Array, heads: int, features: int) -> Array:
    """Vectors of ``features`` numbers, one for each head, divided by their length; zeros stay zeros."""
    square = ops.fold(x * x, heads, features)
    return x / ops.expand(ops.sqrt(square + 1e-6), heads, features)


def softplus(ops: Ops, x: Array) -> Array:
    """``log(1 + e^x)``, without an exponential that could overflow."""
    positive = ops.relu(x)
    return positive + ops.log(1 + ops.exp(x - 2 * positive))
