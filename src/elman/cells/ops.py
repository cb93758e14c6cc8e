"""The array operations that a cell's `step` may use, and their NumPy binding.

The list is the whole language of a step: these operations and the arrays' own ``+ - * /``. It is kept
short because every binding must speak all of it: NumPy here, torch in `elman.nn.ops`, and compilers that
call `step` with symbols to see its graph. "Features" below means the last axis.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, final

import numpy as np

#: What the operations compute with: a NumPy array, a torch tensor, or a compiler's symbol.
Array: TypeAlias = Any


class Ops(Protocol):
    """The operations; ``x`` has the shape (..., features) unless it says otherwise."""

    def linear(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """``x @ weight.T + bias`` with weight (out, features) and bias (out,): (..., out)."""

    def split(self, x: Array, parts: int, axis: int = -1) -> tuple[Array, ...]:
        """Cut an axis into ``parts`` equal blocks."""

    def join(self, *arrays: Array) -> Array:
        """Put the features of arrays side by side, the inverse of `split`: (..., sum of their features)."""

    def sigmoid(self, x: Array) -> Array:
        """``1 / (1 + exp(-x))``."""

    def tanh(self, x: Array) -> Array:
        """Hyperbolic tangent."""

    def relu(self, x: Array) -> Array:
        """``max(x, 0)``."""

    def exp(self, x: Array) -> Array:
        """Exponential."""

    def log(self, x: Array) -> Array:
        """Natural logarithm."""

    def sqrt(self, x: Array) -> Array:
        """Square root."""

    def sin(self, x: Array) -> Array:
        """Sine of an angle in radians."""

    def cos(self, x: Array) -> Array:
        """Cosine of an angle in radians."""

    def floor(self, x: Array) -> Array:
        """The largest whole number that is not above ``x``; its derivative is taken as 0."""

    def maximum(self, x: Array, y: Array) -> Array:
        """The larger of two arrays, element by element; ``y`` may be a number."""

    def minimum(self, x: Array, y: Array) -> Array:
        """The smaller of two arrays, element by element; ``y`` may be a number."""

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """``x`` where the condition holds, else ``y``."""

    def sum(self, x: Array) -> Array:
        """Sum over the features: (..., 1)."""

    def mean(self, x: Array) -> Array:
        """Mean over the features: (..., 1)."""

    def layer_norm(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """Zero mean and unit variance over the features, then ``* weight + bias`` (Ba et al. 2016), epsilon 1e-5."""


@final
class NumpyOps:
    """`Ops` on NumPy arrays; the dtype of the arrays is kept."""

    def linear(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """See `Ops.linear`."""
        product = x @ weight.T
        return product if bias is None else product + bias

    def split(self, x: Array, parts: int, axis: int = -1) -> tuple[Array, ...]:
        """See `Ops.split`."""
        return tuple(np.split(x, parts, axis=axis))

    def join(self, *arrays: Array) -> Array:
        """See `Ops.join`."""
        return np.concatenate(arrays, axis=-1)

    def sigmoid(self, x: Array) -> Array:
        """See `Ops.sigmoid`; written with tanh, which cannot overflow."""
        return 0.5 * np.tanh(0.5 * x) + 0.5

    def tanh(self, x: Array) -> Array:
        """See `Ops.tanh`."""
        return np.tanh(x)

    def relu(self, x: Array) -> Array:
        """See `Ops.relu`."""
        return np.maximum(x, 0)

    def exp(self, x: Array) -> Array:
        """See `Ops.exp`."""
        return np.exp(x)

    def log(self, x: Array) -> Array:
        """See `Ops.log`."""
        return np.log(x)

    def sqrt(self, x: Array) -> Array:
        """See `Ops.sqrt`."""
        return np.sqrt(x)

    def sin(self, x: Array) -> Array:
        """See `Ops.sin`."""
        return np.sin(x)

    def cos(self, x: Array) -> Array:
        """See `Ops.cos`."""
        return np.cos(x)

    def floor(self, x: Array) -> Array:
        """See `Ops.floor`."""
        return np.floor(x)

    def maximum(self, x: Array, y: Array) -> Array:
        """See `Ops.maximum`."""
        return np.maximum(x, y)

    def minimum(self, x: Array, y: Array) -> Array:
        """See `Ops.minimum`."""
        return np.minimum(x, y)

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """See `Ops.where`."""
        return np.where(condition, x, y)

    def sum(self, x: Array) -> Array:
        """See `Ops.sum`."""
        return np.sum(x, axis=-1, keepdims=True)

    def mean(self, x: Array) -> Array:
        """See `Ops.mean`."""
        return np.mean(x, axis=-1, keepdims=True)

    def layer_norm(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """See `Ops.layer_norm`."""
        centred = x - self.mean(x)
        scaled = centred / np.sqrt(self.mean(centred * centred) + 1e-5) * weight
        return scaled if bias is None else scaled + bias
