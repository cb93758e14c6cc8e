"""Runs networks from sequences to labels, without torch: whole sequences in batches, or one as it comes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.cells.cell import ELAPSED
from elman.codecs.sequence import Steps
from elman.errors import DataError, UsageError
from elman.runtime.backends import Array, Stack, StreamPrecision, make_stack
from elman.runtime.engine import ROWS_AT_ONCE, check_shapes, log_softmax, without
from elman.runtime.label_parts import (
    AttendedSteps,
    Counts,
    Encoder,
    LargestOfSteps,
    LastStep,
    Linear,
    MeanOfSteps,
    PixelConvolution,
    Pool,
    TimeConvolution,
    backwards,
    elapsed_backwards,
    elapsed_left,
    padded,
    without_padding,
)
from elman.runtime.planes import PlaneConvolution
from elman.shapes import Convolution, LabelShape
from elman.shapes.labels import STRIDED_HEADS

__all__ = ["Convolution", "LabelEngine", "LabelShape", "LabelState"]

#: What is remembered of a sequence so far, (1, ...) each; nothing but the numbers in it says what it means.
LabelState = dict[str, NDArray[Any]]

#: Steps that are computed in one go, and the sequences side by side in them.
STEPS_AT_ONCE, SEQUENCES_AT_ONCE = 8192, 64


@final
class LabelEngine:
    """Scores sequences over NumPy arrays, without torch.

    It has weights and no state: a state is a value that goes in and comes out, so that any number of streams, in any
    number of threads, share one engine.

    Args:
        shape: What the network is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`. Compiled, a sequence gets
            the same bits whatever others are scored with it and, but for attention, however it is cut.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).
        encoder: What a user's own encoder makes of frames (n, ...), channels last: (n, ``shape.encoder``). Where the
            network has one, its weights, ``encoder.<name>``, may be among the tensors, and are left alone.

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.
        UsageError: The encoder of the network is missing.

    Attributes:
        backend: What runs, ``"compiled"`` or ``"reference"``; `explain` says why.
    """

    def __init__(
        self,
        shape: LabelShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
        encoder: Encoder | None = None,
    ) -> None:
        if shape.encoder and encoder is None:
            raise UsageError("The network was trained with an encoder of one's own for its frames: give it as encoder.")
        if shape.encoder:
            tensors = without(tensors, "encoder.")
        check_shapes(shape.parameter_shapes(), tensors)
        self._encoder = encoder
        self.shape, self.precision = shape, precision
        self._takes_elapsed = any(ELAPSED in cell.extras for cell in shape.layers())
        layers = _layers(shape, tensors)
        #: All layers at once, or in both directions each by itself.
        self._stacks: list[Stack] = []
        self._states: list[dict[str, int]] = []
        for each in layers:
            self.backend, self._reason, stack = make_stack(None, each, None, backend, precision)
            self._stacks.append(stack)
            self._states.append(
                {f"{name}_l{i}": size for i, (cell, _) in enumerate(each) for name, size in cell.state_sizes.items()}
            )
        run = (self.backend, precision)
        self._embedding = [tensors[f"embedding.{field}.weight"] for field in range(len(shape.symbols))]
        self._frames = [
            PixelConvolution(each, tensors[f"frames.{i}.weight"], tensors[f"frames.{i}.bias"], *run)
            for i, each in enumerate(shape.frame_convolutions)
        ]
        self._planes = [
            PlaneConvolution(
                each, tensors[f"planes.{i}.weight"], tensors[f"planes.{i}.bias"], features, shape.bidirectional, *run
            )
            for i, (each, features) in enumerate(zip(shape.planes, shape.plane_features, strict=False))
        ]
        self._convolutions = [
            TimeConvolution(
                each, tensors[f"convolutions.{i}.weight"], tensors[f"convolutions.{i}.bias"], shape.bidirectional, *run
            )
            for i, each in enumerate(shape.convolutions)
        ]
        self._pools = [_pool(name, shape, tensors, *run) for name in shape.pooling]
        head = "head.linear" if shape.head in ("crf", "ctc") else "head"
        self._linear = Linear(tensors[f"{head}.weight"], tensors[f"{head}.bias"], *run)
        self._tensors = tensors

    def explain(self) -> str:
        """Which backend runs, and why."""
        return f"{self.backend}: {self._reason}"

    def scores(self, sequences: Sequence[Steps], bags: Any | None = None) -> list[Array]:
        """The scores of whole sequences.

        Args:
            sequences: As a codec encodes them; one without steps is read as one step of zeros.
            bags: The bag of features of each, (n, features), dense or a sparse matrix, for a network that takes it.

        Returns:
            For each sequence (outputs,), or where nothing is pooled (time, outputs); of the head ``ctc``, as ln p, and
            ``features`` at the steps that the convolutions leave.

        Raises:
            DataError: Steps are not as the network reads them, or bags are missing.
        """
        if bags is None and self.shape.bag:
            raise DataError(f"The network takes a bag of {self.shape.bag} features beside each sequence, found none.")
        found = self.recurrent_alone(sequences)
        if bags is None or not self.shape.bag:
            return found
        return [scores + row for scores, row in zip(found, self.bag_alone(bags), strict=True)]

    def bag_alone(self, bags: Any) -> Array:
        """The scores (n, outputs) that bags (n, features) give without the recurrent part."""
        return np.asarray(bags @ self._tensors["bag.weight"].T + self._tensors["bag.bias"], np.float32)

    def recurrent_alone(self, sequences: Sequence[Steps]) -> list[Array]:
        """The scores that the recurrent part gives without the bag."""
        for steps in sequences:
            self._check(steps)
        found: list[Array] = [np.zeros(0, np.float32)] * len(sequences)
        order = np.argsort([len(each.values) for each in sequences], kind="stable")
        begin = 0
        while begin < len(order):
            rows = order[begin : begin + SEQUENCES_AT_ONCE]
            longest = max(1, len(sequences[rows[-1]].values))
            rows = rows[: max(1, STEPS_AT_ONCE // longest)]
            # Of long sequences only so much is kept at a time as is needed.
            run = self._batch if len(rows) > 1 or not self._forward_alone else self._one
            for row, scores in zip(rows, run([sequences[row] for row in rows]), strict=True):
                found[row] = scores
            begin += len(rows)
        return found

    def initial_state(self) -> LabelState:
        """The state of `read` before the first step. Raises `UsageError` where that is not possible."""
        if not self._forward_alone:
            raise UsageError(f"This model needs whole sequences, as {self.shape.whole}: use scores.")
        return self._start(1)

    def read(self, steps: Steps, state: Mapping[str, NDArray[Any]]) -> tuple[Array | None, LabelState]:
        """Read further steps of one sequence.

        Args:
            steps: Any number, 0 too.
            state: As from `initial_state` or an earlier call; it is not changed.

        Returns:
            The scores of the sequence so far (outputs,), None where nothing was read yet, without a bag; or where
            nothing is pooled those of the new steps (new, outputs). And the new state.
        """
        self._check(steps)
        found = []
        after = dict(state)
        for begin in range(0, len(steps.values), ROWS_AT_ONCE):
            piece = slice(begin, begin + ROWS_AT_ONCE)
            elapsed = None if steps.elapsed is None else steps.elapsed[piece, None]
            outputs, after = self._read(steps.values[piece, None], elapsed, after)
            if self.shape.pooling:
                after |= self._pool(outputs, np.array([len(outputs)]), after)
            else:
                found.append(self._head(outputs)[:, 0])
        if not self.shape.pooling:
            return np.concatenate([np.zeros((0, self.shape.outputs), np.float32), *found]), after
        return (self._pooled_scores(after)[0] if after["steps"] else None), after

    @property
    def _forward_alone(self) -> bool:
        return not (self.shape.bidirectional or self.shape.two_strands)

    def _one(self, sequences: Sequence[Steps]) -> list[Array]:
        """As `_batch` of one sequence, piece by piece."""
        scores, _ = self.read(sequences[0], self._start(1))
        return self._batch(sequences) if scores is None else [scores]

    # One batch ---------------------------------------------------------------------------------------------

    def _batch(self, sequences: Sequence[Steps]) -> list[Array]:
        values, lengths = padded([each.values for each in sequences])
        elapsed = padded([_times(each) for each in sequences])[0] if self._takes_elapsed else None
        scores = self._whole(values, lengths, elapsed)
        if self.shape.two_strands:
            turned = backwards(values, lengths)
            other = np.array(self.shape.two_strands)
            there = self._whole(other[turned] if self.shape.symbols else turned[..., other], lengths, None)
            scores = np.float32(0.5) * (scores + (there if self.shape.pooling else backwards(there, lengths)))
        if self.shape.pooling:
            return list(scores)
        kept = self.shape.kept if self.shape.head in STRIDED_HEADS else int
        return [scores[: kept(len(each.values)), row] for row, each in enumerate(sequences)]

    def _whole(self, values: NDArray[Any], lengths: Counts, elapsed: Array | None) -> Array:
        """Scores (B, outputs), or (T, B, outputs), of whole sequences (T, B, ...)."""
        start = self._start(len(lengths))
        if self.shape.bidirectional:
            outputs, lengths = self._both_directions(values, lengths, elapsed, start)
        else:
            outputs, _ = self._read(values, elapsed, start)
            lengths = (lengths - 1) // self.shape.stride + 1
        if not self._pools:
            return self._head(outputs)
        return self._pooled_scores(self._pool(outputs, lengths, start))

    def _start(self, batch: int) -> LabelState:
        """The state before the first step, (batch, ...) each; ``steps`` counts those that were read."""
        state: LabelState = {"steps": np.zeros((batch, 1), np.int64)}
        if not self.shape.bidirectional:
            state |= {name: np.zeros((batch, size), np.float32) for name, size in self._states[0].items()}
        for number, plane in enumerate(self._planes):
            before, held = plane.start(batch)
            state[f"plane_{number}"], state[f"plane_pool_{number}"] = before.swapaxes(0, 1), held.swapaxes(0, 1)
            state[f"elapsed_plane_{number}"] = np.zeros(batch)
        for number, each in enumerate(self._convolutions):
            state[f"convolution_{number}"] = each.start(batch).swapaxes(0, 1)
            state[f"elapsed_{number}"] = np.zeros(batch)
        for pool in self._pools:
            state |= pool.start(batch, self.shape.features)
        return state

    def _read(self, values: NDArray[Any], elapsed: Array | None, state: LabelState) -> tuple[Array, LabelState]:
        """Outputs of the recurrent layers (T, B, features) at steps (T, B, ...), and the state but for its pools."""
        features, number, after = self._encoded(values), int(state["steps"][0, 0]), dict(state)
        after["steps"] = state["steps"] + len(values)
        elapsed = elapsed if self._takes_elapsed else None
        maps = features[:, :, None]
        for level, plane in enumerate(self._planes):
            name = f"elapsed_plane_{level}"
            if elapsed is not None:
                elapsed, after[name] = elapsed_left(elapsed, state[name], number, plane.stride)
            start = state[f"plane_{level}"].swapaxes(0, 1), state[f"plane_pool_{level}"].swapaxes(0, 1)
            maps, (seen, held) = plane(maps, start, number)
            after[f"plane_{level}"], after[f"plane_pool_{level}"] = seen.swapaxes(0, 1), held.swapaxes(0, 1)
            number = -(-number // plane.stride)
        features = maps.reshape(*maps.shape[:2], self.shape.step_size)
        for level, each in enumerate(self._convolutions):
            name = f"elapsed_{level}"
            if elapsed is not None:
                elapsed, after[name] = elapsed_left(elapsed, state[name], number, each.stride)
            features, before = each(features, state[f"convolution_{level}"].swapaxes(0, 1), number)
            after[f"convolution_{level}"] = before.swapaxes(0, 1)
            number = -(-number // each.stride)
        if not len(features):
            return np.zeros((0, len(state["steps"]), self.shape.features), np.float32), after
        own = {name: state[name] for name in self._states[0]}
        outputs, own = self._stacks[0].run(features, own, elapsed=elapsed)
        return outputs, after | own

    def _both_directions(
        self, values: NDArray[Any], lengths: Counts, elapsed: Array | None, start: LabelState
    ) -> tuple[Array, Counts]:
        """Outputs of the recurrent layers (T, B, features), and the lengths of them."""
        features = self._encoded(values)
        maps, none = features[:, :, None], np.zeros(len(lengths))
        for plane in self._planes:
            elapsed = None if elapsed is None else elapsed_left(elapsed, none, 0, plane.stride)[0]
            maps = plane.whole(maps, lengths)
            lengths = (lengths - 1) // plane.stride + 1
        features = maps.reshape(*maps.shape[:2], self.shape.step_size)
        for level, each in enumerate(self._convolutions):
            elapsed = None if elapsed is None else elapsed_left(elapsed, none, 0, each.stride)[0]
            features = without_padding(features, lengths)
            features = each(features, start[f"convolution_{level}"].swapaxes(0, 1), 0)[0]
            lengths = (lengths - 1) // each.stride + 1
        back = None if elapsed is None else elapsed_backwards(elapsed, lengths)
        for layer in range(0, len(self._stacks), 2):
            states = [
                {name: np.zeros((len(lengths), size), np.float32) for name, size in self._states[layer + k].items()}
                for k in range(2)
            ]
            ahead, _ = self._stacks[layer].run(features, states[0], elapsed=elapsed)
            turned, _ = self._stacks[layer + 1].run(backwards(features, lengths), states[1], elapsed=back)
            features = np.concatenate([ahead, backwards(turned, lengths)], 2)
        return features, lengths

    def _encoded(self, values: NDArray[Any]) -> Array:
        """Steps (T, B, ...) as rows of numbers, (T, B, features)."""
        if self.shape.symbols:
            fields = [table[values[..., field]] for field, table in enumerate(self._embedding)]
            return np.concatenate(fields, 2)
        frames = values.astype(np.float32, copy=False)
        if self._encoder is not None:
            frames = self._encoder(frames.reshape(-1, *frames.shape[2:]))
        elif self._frames:
            seen = frames.reshape(-1, *frames.shape[2:])
            for each in self._frames:
                seen = each(seen)
            frames = seen
        return frames.reshape(*values.shape[:2], -1)

    def _head(self, outputs: Array) -> Array:
        """Scores (..., outputs) of what the recurrent layers, or the pools, give."""
        scores = self._linear(outputs)
        return log_softmax(scores) if self.shape.head == "ctc" else scores

    def _pool(self, outputs: Array, lengths: Counts, state: LabelState) -> LabelState:
        if not len(outputs):
            return {}
        return {name: value for pool in self._pools for name, value in pool.read(outputs, lengths, state).items()}

    def _pooled_scores(self, state: LabelState) -> Array:
        return self._head(np.concatenate([pool.value(state) for pool in self._pools], 1))

    def _check(self, steps: Steps) -> None:
        """Raise `DataError` for steps of another form than the network reads."""
        expected = (len(self.shape.symbols),) if self.shape.symbols else self.shape.frame
        found = np.shape(steps.values)
        if found[1:] != expected:
            raise DataError(f"Each step must be of the shape {expected}, found {found[1:]}.")


def _times(steps: Steps) -> Array:
    """The time between steps, 1 where nothing is known."""
    if steps.elapsed is None or not len(steps.elapsed):
        return np.ones(max(1, len(steps.values)), np.float32)
    return steps.elapsed


def _layers(shape: LabelShape, tensors: Mapping[str, Array]) -> list[list[tuple[Any, dict[str, Array]]]]:
    """What runs in one go: all layers, or in both directions every layer forward and then in reverse."""

    def weights(cell: Any, ending: str) -> dict[str, Array]:
        return {name: tensors[f"recurrent.{name}{ending}"] for name in cell.parameters()}

    cells = shape.layers()
    if not shape.bidirectional:
        return [[(cell, weights(cell, f"_l{number}")) for number, cell in enumerate(cells)]]
    return [
        [(cell, weights(cell, f"_l{number}{direction}"))]
        for number, cell in enumerate(cells)
        for direction in shape.directions
    ]


def _pool(name: str, shape: LabelShape, tensors: Mapping[str, Array], backend: str, precision: StreamPrecision) -> Pool:
    if name == "attention":
        hidden = Linear(tensors["attention.hidden.weight"], tensors["attention.hidden.bias"], backend, precision)
        return AttendedSteps(hidden, Linear(tensors["attention.score.weight"], None, backend, precision))
    if name == "last":
        return LastStep(shape.features // len(shape.directions))
    return MeanOfSteps() if name == "mean" else LargestOfSteps()
