"""What is exported: a model's parts, and the model itself to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from elman.errors import ExportError
from elman.export.onnx.document import Array, Document, Size
from elman.export.onnx.layers import Embedding, InARow, Layers, Linear, Part, ZeroBeyond
from elman.export.onnx.sequence import Sequence
from elman.runtime.backends import Layers as Cells
from elman.runtime.engine import Engine, NetworkShape
from elman.runtime.layer_stream import LayerStream

FLOAT32: np.dtype[Any] = np.dtype(np.float32)

#: States by name, (batch, size) each.
State: TypeAlias = Mapping[str, Array]

#: A model, run on whole rows: inputs or symbols (batch, time, ...), the state before them or None for that of a new
#: sequence, and the time between steps (batch, time) or None; to outputs (batch, time, ...) and the state after them.
Run: TypeAlias = Callable[[Array, State | None, Array | None], tuple[Array, State]]


@dataclass(frozen=True)
class Model:
    """A model as it is exported.

    Attributes:
        part: What turns its inputs (time, batch, ...) into its outputs.
        run: The model itself.
        symbols: Whether it reads symbols and gives logits.
        dtype: Type of its numbers, float32 or float64.
        samples: Inputs that the exported model is tried with, beside random ones.
    """

    part: Part
    run: Run
    symbols: bool = False
    dtype: np.dtype[Any] = FLOAT32
    samples: tuple[Array, ...] = ()

    @property
    def takes(self) -> str:
        """Name of the file's main input."""
        return "symbols" if self.symbols else "inputs"

    @property
    def gives(self) -> str:
        """Name of the file's main output."""
        return "logits" if self.symbols else "outputs"

    def content(self) -> bytes:
        """The bytes of its ONNX file. Raises `ExportError` for a model without recurrence."""
        if not self.part.cells:
            raise ExportError("The model has no recurrent layer: export it with torch.onnx.export.")
        document = Document(self.dtype)
        if self.symbols:
            document.input(self.takes, ("batch", "time"), np.int64, says="Ids of the vocabulary.")
        else:
            document.input(self.takes, self._sizes(self.part.input_size), says="Features of every step.")
        sequence = Sequence(document, self.takes, images=self.part.images)
        given = document.add("Transpose", self.takes, perm=[1, 0]) if self.symbols else sequence.inward(self.takes)
        outputs = sequence.outward(self.part.write(sequence, given))
        says = "Scores of every symbol as the next one" if self.symbols else "Outputs"
        sizes = self._sizes(self.part.output_size)
        document.output(outputs, sizes, self.gives, says=f"{says}; zero beyond a row's length.")
        sequence.close()
        cells = ", ".join(cell.name for cell in self.part.cells)
        return document.content("model", {"cells": cells, "states": " ".join(sequence.states)})

    def _sizes(self, features: int) -> tuple[Size, ...]:
        """The axes of what goes in or comes out over time."""
        return ("batch", "time", features, *(("height", "width") if self.part.images else ()))


def of_network(shape: NetworkShape, tensors: Mapping[str, Array], *samples: Array) -> Model:
    """A language model by its shape and its weights; samples are symbols (time,).

    Raises `BundleError` where the weights do not fit.
    """
    engine = Engine(shape, tensors, backend="reference")

    def run(symbols: Array, state: State | None, elapsed: Array | None) -> tuple[Array, State]:
        return engine.read(symbols, engine.initial_state(len(symbols)) if state is None else state)

    start = "recurrent."
    recurrent = {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
    start = "initial_"
    initial = {name.removeprefix(start): value for name, value in recurrent.items() if name.startswith(start)}
    layers = Layers(tuple(shape.layers()), recurrent, initial)
    softmax = tensors["embedding.weight" if shape.tie_weights else "softmax.weight"]
    part = language_model(layers, tensors["embedding.weight"], softmax, tensors["softmax.bias"])
    return Model(part, run, symbols=True, samples=tuple(sample[None] for sample in samples))


def of_cells(layers: Cells) -> Model:
    """Cells from the bottom up, each with its weights, as `elman.runtime.LayerStream` takes them.

    Raises `DataError` where the weights do not fit, and `UsageError` for a cell that needs more than inputs and times.
    """
    stream = LayerStream(layers, backend="reference")

    def run(inputs: Array, state: State | None, elapsed: Array | None) -> tuple[Array, State]:
        stream.reset()
        stream.state = stream.state if state is None else dict(state)
        outputs = stream.push(inputs[0], elapsed=None if elapsed is None else elapsed[0])
        return outputs[None], stream.state

    named = {f"{name}_l{layer}": value for layer, (_, own) in enumerate(layers) for name, value in own.items()}
    start = "initial_"
    initial = {name.removeprefix(start): value for name, value in named.items() if name.startswith(start)}
    return Model(Layers(tuple(cell for cell, _ in layers), named, initial), run)


def language_model(layers: Layers, embedding: Array, softmax: Array, bias: Array) -> Part:
    """The parts of a language model, as `elman.nn.language_model` has them."""
    return InARow(Embedding(embedding), layers.untimed(), Linear(softmax, bias), ZeroBeyond())
