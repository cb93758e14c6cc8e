"""Convolutions over time and across the features of a frame in NumPy, see `elman.shapes.Plane`."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.label_parts import PIXELS_AT_ONCE, Counts, Linear, without_padding
from elman.shapes import Plane


@final
class PlaneConvolution:
    """One plane over maps (T, B, channels, features), of whole sequences or of some steps after others."""

    def __init__(
        self,
        plane: Plane,
        weight: Array,
        bias: Array,
        features: int,
        centred: bool,
        backend: str,
        precision: StreamPrecision,
    ) -> None:
        self._plane, self._channels, self._features = plane, weight.shape[1], features
        self._centred = centred
        self._after = plane.steps // 2 if centred else 0
        self._linear = Linear(weight.reshape(len(weight), -1), bias, backend, precision)

    @property
    def stride(self) -> int:
        """Steps from one result to the next."""
        return self._plane.pool_steps

    def start(self, batch: int) -> tuple[Array, Array]:
        """What stands before the first step: maps that the convolution sees, and results to pool with the next."""
        before = self._plane.steps - 1 - self._after
        held = 0 if self._centred else self._plane.pool_steps - 1
        return (
            np.zeros((before, batch, self._channels, self._features), np.float32),
            np.zeros((held, batch, self._plane.channels, self._features), np.float32),
        )

    def __call__(self, maps: Array, start: tuple[Array, Array], number: int) -> tuple[Array, tuple[Array, Array]]:
        """The results, and what the next call takes for ``start``.

        ``number`` steps were read before these; where planes are centred these must be all, with zeros beyond the
        lengths, and `whole` is to be called.
        """
        before, held = start
        known = np.concatenate([before, maps])
        found = np.concatenate([held, self._convolved(known)])
        first = -number % self.stride
        count = len(found) - len(held)
        results = self._pooled(found[first:], -(-(count - first) // self.stride) if count > first else 0)
        return results, (known[len(known) - len(before) :], found[len(found) - len(held) :])

    def whole(self, maps: Array, lengths: Counts) -> Array:
        """The results of centred planes, of whole sequences."""
        ends = np.zeros((self._after, *maps.shape[1:]), np.float32)
        before, _ = self.start(maps.shape[1])
        found = self._convolved(np.concatenate([before, _masked(maps, lengths), ends]))
        found = np.concatenate([_masked(found, lengths), np.zeros((self.stride - 1, *found.shape[1:]), np.float32)])
        return self._pooled(found, -(-len(maps) // self.stride))

    def _convolved(self, known: Array) -> Array:
        """ReLU of the convolution of maps (T, B, channels, features), as many steps fewer as it sees before."""
        plane = self._plane
        edge = plane.features // 2
        padded = np.pad(known, ((0, 0), (0, 0), (0, 0), (edge, edge)))
        if len(padded) < plane.steps:
            return np.zeros((0, known.shape[1], plane.channels, self._features), np.float32)
        # (T, B, channels below, features, steps seen, features seen)
        windows = sliding_window_view(padded, (plane.steps, plane.features), (0, 3)).transpose(0, 1, 3, 2, 4, 5)
        at_once = max(1, PIXELS_AT_ONCE // max(1, windows[:1].size))
        found = []
        for begin in range(0, len(windows), at_once):
            part = windows[begin : begin + at_once]
            found.append(self._linear(part.reshape(*part.shape[:3], -1)))
        rows = np.concatenate(found)
        return np.maximum(rows, 0, out=rows).transpose(0, 1, 3, 2)

    def _pooled(self, found: Array, count: int) -> Array:
        """The largest of ``count`` blocks of steps, and of features."""
        plane = self._plane
        blocks = found[: count * self.stride]
        if plane.pool_steps > 1:
            blocks = blocks.reshape(count, self.stride, *found.shape[1:]).max(1)
        if plane.pool_features > 1:
            left = -(-self._features // plane.pool_features)
            more = left * plane.pool_features - self._features
            blocks = np.pad(blocks, ((0, 0), (0, 0), (0, 0), (0, more)))
            blocks = blocks.reshape(*blocks.shape[:3], left, plane.pool_features).max(4)
        return blocks


def _masked(maps: Array, lengths: Counts) -> Array:
    """Zeros beyond the lengths."""
    return without_padding(maps.reshape(*maps.shape[:2], -1), lengths).reshape(maps.shape)
