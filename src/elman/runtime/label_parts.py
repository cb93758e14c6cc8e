"""What a network of labels is made of beside its recurrent layers, in NumPy: linear layers, convolutions, pools.

Arrays are (time, batch, features). A linear layer gives a row the same bits whatever rows are beside it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias, final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from elman.runtime.backends import Array, StreamPrecision, make_stack
from elman.shapes import Convolution

#: What an encoder of the user's own makes of frames (n, ..., channels), features last.
Encoder: TypeAlias = Callable[[Array], Array]

Counts = NDArray[np.int64]

#: Values that windows over pixels may take at a time.
PIXELS_AT_ONCE = 2**22


@final
class Linear:
    """``x @ weight.T + bias`` over the last axis; weight (outputs, features), bias (outputs,) or None for zero."""

    def __init__(self, weight: Array, bias: Array | None, backend: str, precision: StreamPrecision) -> None:
        self.outputs = len(weight)
        shift = np.zeros(self.outputs, np.float32) if bias is None else bias
        self._stack = make_stack(None, [], (np.ascontiguousarray(weight), shift), backend, precision)[2]

    def __call__(self, rows: Array) -> Array:
        """Of rows (..., features), (..., outputs)."""
        shape = (*rows.shape[:-1], self.outputs)
        if not rows.size:
            return np.zeros(shape, np.float32)
        return self._stack.run(rows.reshape(1, -1, rows.shape[-1]), {})[0].reshape(shape)


@final
class PixelConvolution:
    """A convolution with ReLU over the pixels of every frame, see `elman.shapes.LabelShape`."""

    def __init__(
        self, shape: Convolution, weight: Array, bias: Array, backend: str, precision: StreamPrecision
    ) -> None:
        self._shape = shape
        self._linear = Linear(weight.reshape(len(weight), -1), bias, backend, precision)

    def __call__(self, frames: Array) -> Array:
        """Of frames (n, height, width, channels) those that come of them."""
        edge = self._shape.width // 2
        padded = np.pad(frames, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
        stride = self._shape.stride
        windows = sliding_window_view(padded, (self._shape.width,) * 2, (1, 2))[:, ::stride, ::stride]
        at_once = max(1, PIXELS_AT_ONCE // max(1, windows[:1].size))
        parts = [windows[begin : begin + at_once] for begin in range(0, len(windows), at_once)]
        return np.concatenate([_relu(self._linear(part.reshape(*part.shape[:3], -1))) for part in parts])


@final
class TimeConvolution:
    """A convolution with ReLU over time, of all steps or of some after others, see `elman.shapes.LabelShape`."""

    def __init__(
        self, shape: Convolution, weight: Array, bias: Array, centred: bool, backend: str, precision: StreamPrecision
    ) -> None:
        self.stride = shape.stride
        self._width, self._channels = shape.width, weight.shape[1]
        self._after = shape.width // 2 if centred else 0
        self._linear = Linear(weight.reshape(len(weight), -1), bias, backend, precision)

    def start(self, batch: int) -> Array:
        """What stands before the first step."""
        return np.zeros((self._width - 1 - self._after, batch, self._channels), np.float32)

    def __call__(self, steps: Array, before: Array, number: int) -> tuple[Array, Array]:
        """The results at every stride-th step, and what the next call takes for ``before``.

        ``number`` steps were read before these (T, B, features); with ``centred`` these must be all.
        """
        known = np.concatenate([before, steps, np.zeros((self._after, *steps.shape[1:]), np.float32)])
        first = -number % self.stride
        if len(known) < self._width or first >= len(steps):
            results = np.zeros((0, steps.shape[1], self._linear.outputs), np.float32)
        else:
            windows = sliding_window_view(known, self._width, 0)[first :: self.stride]
            results = _relu(self._linear(windows.reshape(*windows.shape[:2], -1)))
        return results, known[len(known) - len(before) :]


class Pool(ABC):
    """Pools outputs (T, B, features) over time into (B, features), in one go or in parts.

    Attributes:
        name: Under which a state keeps its parts.
    """

    name: ClassVar[str]

    @abstractmethod
    def start(self, batch: int, features: int) -> dict[str, NDArray[Any]]:
        """The state before the first step."""

    @abstractmethod
    def read(self, outputs: Array, lengths: Counts, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The state after these outputs, at least one step of ``lengths`` (B,) valid ones."""

    @abstractmethod
    def value(self, state: Mapping[str, NDArray[Any]]) -> Array:
        """What was pooled, (B, features)."""


@final
class MeanOfSteps(Pool):
    """The mean over the steps; sums in float64, so that long streams stay exact."""

    name = "mean"

    def start(self, batch: int, features: int) -> dict[str, NDArray[Any]]:
        """See `Pool.start`."""
        return {"mean_sum": np.zeros((batch, features)), "mean_steps": np.zeros((batch, 1))}

    def read(self, outputs: Array, lengths: Counts, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See `Pool.read`."""
        inside = np.where(_valid(outputs, lengths), outputs, 0)
        total = np.add.reduce(np.concatenate([state["mean_sum"][None], inside]), 0)
        return {"mean_sum": total, "mean_steps": state["mean_steps"] + lengths[:, None]}

    def value(self, state: Mapping[str, NDArray[Any]]) -> Array:
        """See `Pool.value`."""
        mean: Array = (state["mean_sum"] / state["mean_steps"]).astype(np.float32)
        return mean


@final
class LargestOfSteps(Pool):
    """The largest value of each feature over the steps."""

    name = "max"

    def start(self, batch: int, features: int) -> dict[str, NDArray[Any]]:
        """See `Pool.start`."""
        return {"max_highest": np.full((batch, features), -np.inf, np.float32)}

    def read(self, outputs: Array, lengths: Counts, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See `Pool.read`."""
        inside = np.where(_valid(outputs, lengths), outputs, np.float32(-np.inf))
        return {"max_highest": np.maximum(state["max_highest"], inside.max(0))}

    def value(self, state: Mapping[str, NDArray[Any]]) -> Array:
        """See `Pool.value`."""
        return state["max_highest"]


@final
class LastStep(Pool):
    """The step at which a direction has read all: the last one, or in reverse the first one."""

    name = "last"

    def __init__(self, forward: int) -> None:
        #: Features of the forward direction.
        self._forward = forward

    def start(self, batch: int, features: int) -> dict[str, NDArray[Any]]:
        """See `Pool.start`."""
        return {"last_outputs": np.zeros((batch, features), np.float32)}

    def read(self, outputs: Array, lengths: Counts, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See `Pool.read`."""
        ends = outputs[lengths - 1, np.arange(len(lengths)), : self._forward]
        return {"last_outputs": np.concatenate([ends, outputs[0, :, self._forward :]], 1)}

    def value(self, state: Mapping[str, NDArray[Any]]) -> Array:
        """See `Pool.value`."""
        return state["last_outputs"]


@final
class AttendedSteps(Pool):
    """The mean by learnt weights, as `elman.nn.AttentionPool`; its softmax goes on without the old steps."""

    name = "attention"

    def __init__(self, hidden: Linear, score: Linear) -> None:
        self._hidden, self._score = hidden, score

    def start(self, batch: int, features: int) -> dict[str, NDArray[Any]]:
        """See `Pool.start`."""
        return {
            "attention_highest": np.full((batch, 1), -np.inf),
            "attention_total": np.zeros((batch, 1)),
            "attention_sum": np.zeros((batch, features)),
        }

    def read(self, outputs: Array, lengths: Counts, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """See `Pool.read`."""
        scores = self._score(np.tanh(self._hidden(outputs))).astype(np.float64)
        scores[~_valid(outputs, lengths)] = -np.inf
        highest = np.maximum(state["attention_highest"], scores.max(0))
        kept, shares = np.exp(state["attention_highest"] - highest), np.exp(scores - highest)
        return {
            "attention_highest": highest,
            "attention_total": state["attention_total"] * kept + shares.sum(0),
            "attention_sum": state["attention_sum"] * kept + np.einsum("tbo,tbf->bf", shares, outputs),
        }

    def value(self, state: Mapping[str, NDArray[Any]]) -> Array:
        """See `Pool.value`."""
        mean: Array = (state["attention_sum"] / state["attention_total"]).astype(np.float32)
        return mean


def backwards(rows: NDArray[Any], lengths: Counts) -> NDArray[Any]:
    """Rows (T, B, ...) from their last valid step to the first; what stands in the padding does not matter."""
    places = (lengths - 1 - np.arange(len(rows))[:, None]).clip(0)
    turned: NDArray[Any] = rows[places, np.arange(len(lengths))]
    return turned


def elapsed_backwards(elapsed: Array, lengths: Counts) -> Array:
    """The time between steps (T, B) as the reverse direction meets it, in its order.

    At each step that is the time to the one after it, and at the last one what the first was told.
    """
    turned = backwards(elapsed, lengths)
    return np.concatenate([elapsed[:1], turned[:-1]])


def padded(rows: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], Counts]:
    """Rows (time, ...) side by side, (T, B, ...), and their lengths; one without steps is one step of zeros."""
    lengths = np.array([max(1, len(row)) for row in rows])
    values = np.zeros((lengths.max(), len(rows), *rows[0].shape[1:]), rows[0].dtype)
    for number, row in enumerate(rows):
        values[: len(row), number] = row
    return values, lengths


def elapsed_left(
    times: Array, before: NDArray[np.float64], number: int, stride: int
) -> tuple[Array, NDArray[np.float64]]:
    """The time between those steps (T, B) that are left, and what has passed (B,) since the last of them.

    ``number`` steps were read before these, ``before`` (B,) has passed since the last one that is left.
    """
    clock = np.cumsum(np.concatenate([before[None], times]), 0, np.float64)
    left = 1 + np.arange(-number % stride, len(times), stride)
    ticks = np.concatenate([np.zeros_like(clock[:1]), clock[left]])
    return np.diff(ticks, axis=0).astype(np.float32), clock[-1] - ticks[-1]


def without_padding(rows: Array, lengths: Counts) -> Array:
    """Zeros beyond the lengths."""
    kept: Array = np.where(_valid(rows, lengths), rows, np.float32(0))
    return kept


def _valid(rows: Array, lengths: Counts) -> NDArray[np.bool_]:
    return (np.arange(len(rows))[:, None] < lengths)[..., None]


def _relu(values: Array) -> Array:
    return np.maximum(values, 0, out=values)
