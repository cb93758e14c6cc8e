"""Runs transducers without torch: the encoder over sequences, whole or as they come, and what a search asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.sequence import Steps
from elman.runtime.backends import Array, State, StreamPrecision, make_stack
from elman.runtime.engine import check_shapes, log_softmax
from elman.runtime.label_parts import Encoder, Linear
from elman.runtime.labels import LabelEngine
from elman.shapes import TransducerShape


class Said(NamedTuple):
    """What a prediction network makes of the symbols so far.

    Attributes:
        features: As the joint network adds them to those of a frame, (joint,).
        state: What its layers remember, (size,) each.
    """

    features: Array
    state: State


@final
class TransducerEngine:
    """A transducer over NumPy arrays, without torch: what `elman.decoding.transducer_beam.Transducer` asks for.

    It has weights and no state: a state is a value that goes in and comes out, so that any number of streams and of
    hypotheses, in any number of threads, share one engine.

    Args:
        shape: What the network is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`. Compiled, frames are the
            same bits however a sequence is cut, and a hypothesis has the same whatever others are beside it.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).
        encoder: What a user's own encoder makes of frames, see `elman.runtime.labels.LabelEngine`.

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.

    Attributes:
        encoder: Makes the frames that a search reads, of whole sequences or as they come.
        backend: What runs, ``"compiled"`` or ``"reference"``; `explain` says why.
    """

    def __init__(
        self,
        shape: TransducerShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
        encoder: Encoder | None = None,
    ) -> None:
        own = {name: value for name, value in tensors.items() if name.startswith("encoder.")}
        expected = shape.parameter_shapes()
        check_shapes(
            {name: size for name, size in expected.items() if not name.startswith("encoder.")},
            {name: value for name, value in tensors.items() if name not in own},
        )
        self.shape, self.precision = shape, precision
        self.encoder = LabelEngine(
            shape.encoder,
            {name.removeprefix("encoder."): value for name, value in own.items()},
            backend=backend,
            precision=precision,
            encoder=encoder,
        )
        self.backend = self.encoder.backend
        layers = [
            (cell, {name: tensors[f"prediction.recurrent.{name}_l{number}"] for name in cell.parameters()})
            for number, cell in enumerate(shape.layers())
        ]
        to_joint = tensors["joint.prediction.weight"], np.zeros(shape.encoder.outputs, np.float32)
        _, _, self._prediction = make_stack(
            tensors["prediction.embedding.weight"], layers, to_joint, self.backend, precision
        )
        self._output = Linear(tensors["joint.output.weight"], tensors["joint.output.bias"], self.backend, precision)
        fresh = {
            f"{name}_l{number}": np.zeros((1, size), np.float32)
            for number, (cell, _) in enumerate(layers)
            for name, size in cell.state_sizes.items()
        }
        (self._start,) = self._read(np.array([shape.symbols]), fresh)

    def explain(self) -> str:
        """Which backend runs, and why."""
        return self.encoder.explain()

    def frames(self, sequences: Sequence[Steps]) -> list[Array]:
        """The encoder's frames of whole sequences, (time, joint) each: those steps that its convolutions leave."""
        return self.encoder.scores(sequences)

    def lattice(self, frames: Array, symbols: Sequence[int]) -> Array:
        """The ln p at each of the frames (time, joint) after each number of symbols: (time, U + 1, symbols + 1)."""
        states = [self.start()]
        for symbol in symbols:
            states += self.read(states[-1:], np.array([symbol]))
        found: Array = np.stack([self.join(frame, states) for frame in frames])
        return found

    # What a search asks ------------------------------------------------------------------------------------

    def start(self) -> Said:
        """The state before any symbol."""
        return self._start

    def read(self, states: Sequence[Said], symbols: NDArray[np.int64]) -> list[Said]:
        """The new states after one symbol in each of n states."""
        names = states[0].state
        return self._read(symbols, {name: np.stack([each.state[name] for each in states]) for name in names})

    def join(self, frame: NDArray[Any], states: Sequence[Said]) -> Array:
        """The ln p of every symbol and, last, of the blank, (n, symbols + 1), in n states at a frame (joint,)."""
        hidden = np.tanh(frame + np.stack([each.features for each in states]))
        return log_softmax(self._output(hidden))

    def _read(self, symbols: NDArray[np.int64], before: State) -> list[Said]:
        features, after = self._prediction.step(symbols, before)
        return [
            Said(row, {name: value[number] for name, value in after.items()}) for number, row in enumerate(features)
        ]
