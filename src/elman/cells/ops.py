"""The array operations that a cell's `step` may use, and their NumPy binding.

The list is the whole language of a step: these operations, the arrays' own ``+ - * /``, and ``.T`` of a matrix. It is
kept short because every binding must speak all of it: NumPy here, torch in `elman.nn.ops`, and compilers that
call `step` with symbols to see its graph. "Features" below means the last axis.

A step may multiply by a matrix made of parameters: of matrices of one shape and of numbers, by the operations that go
element by element, by `split` along the rows, `join` and ``.T``. Compiled code makes it once a call, not at every step.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, final

import numpy as np

#: What the operations compute with: a NumPy array, a torch tensor, or a compiler's symbol.
Array: TypeAlias = Any


class Ops(Protocol):
    """The operations; ``x`` has the shape (..., features) unless it says otherwise."""

    def linear(self, x: Array, weight: Array, bias: Array | None = None, heads: int = 1) -> Array:
        """``x @ weight.T + bias`` with weight (out, features) and bias (out,): (..., out).

        With several ``heads`` features and outputs are so many equal blocks, and each block of outputs is made of its
        own block of features alone: weight (out, features / heads).
        """

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

    def expand(self, x: Array, groups: int, times: int) -> Array:
        """Repeat each of ``groups`` equal pieces of the features ``times`` times in place: (..., times * features).

        As blocks: (groups, n) becomes (groups, times, n). With H heads of keys k (H * K) and values v (H * V) the outer
        products, rows by the keys, are ``expand(k, H * K, V) * expand(v, H, K)``: (..., H * K * V).
        """

    def fold(self, x: Array, groups: int, times: int) -> Array:
        """Sum what `expand` would have repeated, the other way round: (..., features / times).

        As blocks: (groups, times, n) becomes (groups, n). A matrix memory M (H * K * V) is read with queries q (H * K)
        by ``fold(M * expand(q, H * K, V), H, K)``: (..., H * V).
        """

    def layer_norm(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """Zero mean and unit variance over the features, then ``* weight + bias`` (Ba et al. 2016), epsilon 1e-5."""

    def batch_norm(self, x: Array, mean: Array, variance: Array, weight: Array, bias: Array | None = None) -> Array:
        """``(x - mean) / sqrt(variance + 1e-5) * weight + bias``, all but x (features,): what batch norm stored.

        In training `elman.nn.Recurrent` measures mean and variance over the rows of a batch, and brings those given
        here, parameters of the kinds "mean" and "variance", up to date.
        """


@final
class NumpyOps:
    """`Ops` on NumPy arrays; the dtype of the arrays is kept."""

    def linear(self, x: Array, weight: Array, bias: Array | None = None, heads: int = 1) -> Array:
        """See `Ops.linear`."""
        blocks = zip(np.split(x, heads, axis=-1), np.split(weight, heads), strict=True)
        # Kernels of BLAS for small matrices now and then raise the flag of an invalid number in lanes of no meaning.
        with np.errstate(invalid="ignore"):
            product = np.concatenate([features @ matrix.T for features, matrix in blocks], axis=-1)
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

    def expand(self, x: Array, groups: int, times: int) -> Array:
        """See `Ops.expand`."""
        pieces = x.reshape(*x.shape[:-1], groups, 1, x.shape[-1] // groups)
        return np.repeat(pieces, times, axis=-2).reshape(*x.shape[:-1], times * x.shape[-1])

    def fold(self, x: Array, groups: int, times: int) -> Array:
        """See `Ops.fold`."""
        pieces = x.reshape(*x.shape[:-1], groups, times, x.shape[-1] // (groups * times))
        return pieces.sum(axis=-2).reshape(*x.shape[:-1], x.shape[-1] // times)

    def layer_norm(self, x: Array, weight: Array, bias: Array | None = None) -> Array:
        """See `Ops.layer_norm`."""
        centred = x - self.mean(x)
        scaled = centred / np.sqrt(self.mean(centred * centred) + 1e-5) * weight
        return scaled if bias is None else scaled + bias

    def batch_norm(self, x: Array, mean: Array, variance: Array, weight: Array, bias: Array | None = None) -> Array:
        """See `Ops.batch_norm`."""
        scaled = (x - mean) * (weight / np.sqrt(variance + 1e-5))
        return scaled if bias is None else scaled + bias
