"""The parts that models are made of, without torch: each adds itself to a document."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from elman.cells import Cell
from elman.cells.cell import ELAPSED
from elman.export.onnx.document import Array
from elman.export.onnx.scan import write_scan
from elman.export.onnx.sequence import Direction, Sequence
from elman.export.onnx.standard import operator, write_operator


class Part(ABC):
    """Something that turns what it is given at every step into something else.

    Attributes:
        input_size: Features that it takes; 0 where it takes any number and gives as many.
        output_size: Features that it gives.
        cells: The recurrences in it.
        images: Whether what it is given at every step is an image, with features at every place.
    """

    input_size: int = 0
    output_size: int = 0
    cells: tuple[Cell, ...] = ()
    images: bool = False

    @abstractmethod
    def write(self, sequence: Sequence, values: str) -> str:
        """Add it to a model: the name of values (time, batch, features) to that of what it makes of them."""


@final
class Layers(Part):
    """A stack of cells, as `elman.nn.Recurrent` is one.

    Args:
        cells: From the bottom up.
        params: Parameters by name: ``weight_ih_l0``, ``weight_ih_l0_reverse``, ...
        initial: States of a new sequence, (size,) each, by name: ``hidden_l0``, ...; zeros where there is none.
        bidirectional: Every layer in both directions.
        given: Extras of the cells that are the same at every step, by name with the layer's ending.
    """

    def __init__(
        self,
        cells: tuple[Cell, ...],
        params: Mapping[str, Array],
        initial: Mapping[str, Array] | None = None,
        *,
        bidirectional: bool = False,
        given: Mapping[str, Array] | None = None,
    ) -> None:
        self.cells = cells
        self.input_size = cells[0].input_size
        self.output_size = cells[-1].output_size * (2 if bidirectional else 1)
        self._params, self._initial, self._given = params, initial or {}, given or {}
        self._directions = ("", "_reverse") if bidirectional else ("",)

    def untimed(self) -> Layers:
        """The same over symbols, whose steps are equally long: nothing is given the time between them."""
        places = [f"_l{layer}{direction}" for layer in range(len(self.cells)) for direction in self._directions]
        given = {**self._given, **{ELAPSED + place: np.ones(1) for place in places}}
        two_ways = len(self._directions) > 1
        return Layers(self.cells, self._params, self._initial, bidirectional=two_ways, given=given)

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`; states are numbered through from layer to layer of the whole model."""
        for layer, cell in enumerate(self.cells):
            number = sequence.next_layer()
            outputs = [
                self._write(sequence, values, cell, f"_l{layer}{direction}", f"_l{number}{direction}")
                for direction in self._directions
            ]
            values = sequence.document.add("Concat", *outputs, axis=-1) if len(outputs) > 1 else outputs[0]
        return values

    def _write(self, sequence: Sequence, values: str, cell: Cell, own: str, suffix: str) -> str:
        """Add one layer in one direction; its names end in ``own`` here and in ``suffix`` in the model."""
        reverse = suffix.endswith("_reverse")
        params = {name: self._params[name + own] for name in cell.parameters()}
        state = {
            name: sequence.state(name + suffix, size, self._initial.get(name + own))
            for name, size in cell.state_sizes.items()
        }
        given = {name: self._given[name + own] for name in cell.extras if name + own in self._given}
        rows = {"x": values} | self._extras(sequence, cell, given, reverse)
        layer = Direction(cell.name + suffix, cell, params | given, rows, state, reverse)
        standard = operator(cell, sequence.document.dtype)
        if standard is None:
            outputs, after = write_scan(sequence, layer)
        else:
            outputs, after = write_operator(sequence, layer, standard)
        for name, size in cell.state_sizes.items():
            sequence.leave(name + suffix, after[name], size)
        return outputs

    def _extras(self, sequence: Sequence, cell: Cell, given: Mapping[str, Array], reverse: bool) -> dict[str, str]:
        """The extras that come in with the inputs."""
        found = {name: sequence.extra(name, width) for name, width in cell.extras.items() if name not in given}
        if reverse and ELAPSED in found:
            found[ELAPSED] = sequence.elapsed_backwards()
        return found


@final
class ImageLayers(Part):
    """A stack of cells over images, as `elman.nn.ConvLSTM` is one: what the cells multiply by are kernels.

    Args:
        cells: From the bottom up.
        params: Parameters by name, ``weight_ih_l0``, ...; matrices (rows, columns) are kernels (rows, columns, k, k).
    """

    images = True

    def __init__(self, cells: tuple[Cell, ...], params: Mapping[str, Array]) -> None:
        self.cells = cells
        self.input_size, self.output_size = cells[0].input_size, cells[-1].output_size
        self._params = params

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`; values are (time, batch, height, width, features)."""
        for number, cell in enumerate(self.cells):
            suffix = f"_l{number}"
            params = {name: self._params[name + suffix] for name in cell.parameters()}
            state = {name: sequence.state(name + suffix, size, None) for name, size in cell.state_sizes.items()}
            layer = Direction(cell.name + suffix, cell, params, {"x": values}, state, reverse=False)
            values, after = write_scan(sequence, layer)
            for name, size in cell.state_sizes.items():
                sequence.leave(name + suffix, after[name], size)
        return values


@final
class Embedding(Part):
    """Symbols (time, batch) to the rows of a matrix (symbols, features)."""

    def __init__(self, weight: Array) -> None:
        self.input_size, self.output_size = weight.shape
        self._weight = weight

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`."""
        return sequence.document.add("Gather", sequence.document.weight(self._weight, "embedding"), values)


@final
class Linear(Part):
    """``values @ weight.T + bias`` with weight (outputs, features)."""

    def __init__(self, weight: Array, bias: Array | None) -> None:
        self.output_size, self.input_size = weight.shape
        self._weight, self._bias = weight, bias

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`."""
        document = sequence.document
        # Turned by the runtime, once, when it loads the file: a tied matrix stands in it in one form only.
        turned = document.add("Transpose", document.weight(self._weight, "matrix"))
        product = document.add("MatMul", values, turned)
        return product if self._bias is None else document.add("Add", product, document.weight(self._bias, "bias"))


@final
class LayerNorm(Part):
    """Zero mean and unit variance over the features, then ``* weight + bias``."""

    def __init__(self, weight: Array, bias: Array, epsilon: float) -> None:
        self.input_size = self.output_size = len(weight)
        self._weight, self._bias, self._epsilon = weight, bias, epsilon

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`."""
        document = sequence.document
        gain, shift = document.weight(self._weight, "gain"), document.weight(self._bias, "bias")
        return document.add("LayerNormalization", values, gain, shift, epsilon=self._epsilon)


@final
@dataclass(frozen=True)
class Function(Part):
    """One of ONNX's operators on every number, such as ``Tanh``."""

    name: str

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`."""
        return sequence.document.add(self.name, values)


@final
class ZeroBeyond(Part):
    """Zeros beyond each row's length."""

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`."""
        return sequence.masked(values)


@final
class InARow(Part):
    """Parts one after the other; with ``residual``, what went in is added to what comes out."""

    def __init__(self, *parts: Part, residual: bool = False) -> None:
        self.parts, self._residual = parts, residual
        self.input_size = next((part.input_size for part in parts if part.input_size), 0)
        self.output_size = next((part.output_size for part in reversed(parts) if part.output_size), 0)
        self.cells = tuple(cell for part in parts for cell in part.cells)

    def write(self, sequence: Sequence, values: str) -> str:
        """See `Part.write`."""
        given = values
        for part in self.parts:
            values = part.write(sequence, values)
        return sequence.document.add("Add", given, values) if self._residual else values
