"""Networks from sequences to labels as ONNX files: whole sequences in, scores out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np

from elman.cells.cell import ELAPSED
from elman.codecs.sequence import Steps
from elman.errors import ExportError
from elman.export.onnx.document import Array, Document
from elman.export.onnx.layers import Layers, Linear
from elman.export.onnx.parity import LENGTHS, ROWS, TOLERANCE, difference, opened, refusing
from elman.export.onnx.sequence import Sequence
from elman.runtime.labels import LabelEngine
from elman.shapes import Convolution, LabelShape

FLOAT32: np.dtype[Any] = np.dtype(np.float32)

#: Steps of the longest sequence that a file is tried with.
LONGEST = 9


@final
@dataclass(frozen=True)
class Labels:
    """A network from sequences to labels as it is exported, by its shape and its weights."""

    shape: LabelShape
    tensors: Mapping[str, Array]

    def content(self) -> bytes:
        """The bytes of its ONNX file. Raises `ExportError` for what a file cannot hold."""
        shape = self.shape
        if shape.encoder:
            raise ExportError("The network has an encoder of one's own, which torch.onnx.export may be able to write.")
        if shape.planes:
            raise ExportError("Convolutions across features cannot be exported: the folder itself runs without torch.")
        if shape.head == "ctc":
            raise ExportError("A model that transcribes cannot be exported: its folder runs without torch.")
        if self._takes_elapsed and any(each.stride > 1 for each in shape.convolutions):
            raise ExportError("Convolutions that leave steps out cannot be exported with cells that use elapsed time.")
        document = Document(FLOAT32)
        kind, what = (np.int64, "Symbols") if shape.symbols else (np.float32, "Frames")
        size = (len(shape.symbols),) if shape.symbols else shape.frame
        document.input(self.takes, ("batch", "time", *size), kind, says=f"{what} as the codec of the model makes them.")
        sequence = Sequence(document, self.takes, whole=True)
        values = document.add("Transpose", self.takes, perm=[1, 0, *range(2, 2 + len(size))])
        scores = self._scores(sequence, values)
        if shape.two_strands:
            scores = self._both_strands(sequence, values, scores)
        if shape.bag:
            bag = document.input("bag", ("batch", shape.bag), says="Features of the whole sequence.")
            linear = Linear(self.tensors["bag.weight"], self.tensors["bag.bias"])
            scores = document.add("Add", scores, linear.write(sequence, bag))
        if shape.pooling:
            document.output(scores, ("batch", shape.outputs), "scores", says="Scores of every answer, before softmax.")
        else:
            says = "Scores of every label at each step, before softmax; zero beyond a row's length."
            by_row = sequence.outward(sequence.masked(scores))
            document.output(by_row, ("batch", "time", shape.outputs), "scores", says=says)
        sequence.close()
        return document.content("labels", {"cells": shape.cell, "head": shape.head})

    def check(self, file: Path) -> float:
        """Run a file and the network on random sequences of several lengths; returns the largest difference.

        Raises `ExportError` where they differ, and where ONNX Runtime refuses the file.
        """
        rng, shape = np.random.default_rng(0), self.shape
        lengths = np.array([LONGEST, *LENGTHS[1:]])
        size = (len(lengths), LONGEST)
        steps: Array
        if shape.symbols:
            steps = np.stack([rng.integers(0, count, size) for count in shape.symbols], 2)
        else:
            steps = rng.standard_normal((*size, *shape.frame)).astype(np.float32)
        given: dict[str, Array] = {self.takes: steps, "lengths": lengths}
        elapsed = rng.uniform(0.5, 2, size).astype(np.float32)
        if self._takes_elapsed:
            given[ELAPSED] = elapsed
        if shape.bag:
            given["bag"] = rng.standard_normal((ROWS, shape.bag)).astype(np.float32)
        engine = LabelEngine(shape, self.tensors, backend="reference")
        rows = [Steps(steps[row, :n], elapsed[row, :n]) for row, n in enumerate(lengths)]
        expected = engine.scores(rows, given.get("bag"))
        session = opened(file)
        with refusing():
            found = session.run(["scores"], given)[0]
        parts = [row if shape.pooling else row[:n] for row, n in zip(found, lengths, strict=True)]
        worst = max(difference(part, row) for part, row in zip(parts, expected, strict=True))
        if not worst <= TOLERANCE["float32"]:
            raise ExportError(
                f"The file gives under ONNX Runtime another result than the model (off by {worst:.3g}, at most "
                f"{TOLERANCE['float32']:g} expected), so it was not kept. Please report this."
            )
        return worst

    @property
    def takes(self) -> str:
        """Name of the file's main input."""
        return "symbols" if self.shape.symbols else "inputs"

    @property
    def _takes_elapsed(self) -> bool:
        return any(ELAPSED in cell.extras for cell in self.shape.layers())

    def _scores(self, sequence: Sequence, values: str, *, untimed: bool = False) -> str:
        """Steps (time, batch, ...) to scores (batch, outputs), or (time, batch, outputs)."""
        shape = self.shape
        values = self._embedded(sequence, values) if shape.symbols else self._rows(sequence, values)
        for number, each in enumerate(shape.convolutions):
            sequence, values = self._convolved(sequence, values, each, f"convolutions.{number}")
        recurrent = {
            name.removeprefix("recurrent."): value
            for name, value in self.tensors.items()
            if name.startswith("recurrent.")
        }
        layers = Layers(tuple(shape.layers()), recurrent, bidirectional=shape.bidirectional)
        outputs = (layers.untimed() if untimed else layers).write(sequence, values)
        pooled = [self._pooled(sequence, outputs, pool) for pool in shape.pooling]
        features = sequence.document.add("Concat", *pooled, axis=-1) if pooled else outputs
        head = "head.linear" if shape.head == "crf" else "head"
        return Linear(self.tensors[f"{head}.weight"], self.tensors[f"{head}.bias"]).write(sequence, features)

    def _both_strands(self, sequence: Sequence, values: str, here: str) -> str:
        """The mean of the scores of both strands."""
        add, document = sequence.document.add, sequence.document
        turned = sequence.backwards(values)
        other = document.weight(np.array(self.shape.two_strands, np.int64))
        read = add("Gather", other, turned) if self.shape.symbols else add("Gather", turned, other, axis=-1)
        there = self._scores(sequence, read, untimed=True)
        there = there if self.shape.pooling else sequence.backwards(there)
        return add("Mul", add("Add", here, there), document.weight(np.array(0.5)))

    def _embedded(self, sequence: Sequence, values: str) -> str:
        document = sequence.document
        fields = []
        for field in range(len(self.shape.symbols)):
            table = document.weight(self.tensors[f"embedding.{field}.weight"], "embedding")
            column = document.add("Gather", values, document.numbers(field), axis=2)
            fields.append(document.add("Gather", table, document.add("Squeeze", column, document.numbers(2))))
        return document.add("Concat", *fields, axis=-1)

    def _rows(self, sequence: Sequence, frames: str) -> str:
        """Frames (time, batch, ...) as rows of numbers."""
        if len(self.shape.frame) == 1:
            return frames
        document, add = sequence.document, sequence.document.add
        flat = add("Reshape", frames, document.numbers(-1, *self.shape.frame))
        flat = add("Transpose", flat, perm=[0, 3, 1, 2])
        for number, each in enumerate(self.shape.frame_convolutions):
            edge = each.width // 2
            flat = self._convolution(document, flat, f"frames.{number}", [edge] * 4, [each.stride] * 2)
        flat = add("Transpose", flat, perm=[0, 2, 3, 1])
        sizes = add("Concat", sequence.time, sequence.batch, document.numbers(self.shape.step_size), axis=0)
        return add("Reshape", flat, sizes)

    def _convolved(self, sequence: Sequence, values: str, each: Convolution, name: str) -> tuple[Sequence, str]:
        after = each.width // 2 if self.shape.bidirectional else 0
        turned = sequence.document.add("Transpose", sequence.masked(values), perm=[1, 2, 0])
        pads = [each.width - 1 - after, after]
        found = self._convolution(sequence.document, turned, name, pads, [each.stride])
        found = sequence.document.add("Transpose", found, perm=[2, 0, 1])
        return (sequence if each.stride == 1 else sequence.strided(found, each.stride)), found

    def _convolution(self, document: Document, values: str, name: str, pads: list[int], strides: list[int]) -> str:
        weight, bias = (document.weight(self.tensors[f"{name}.{part}"], part) for part in ("weight", "bias"))
        return document.add("Relu", document.add("Conv", values, weight, bias, pads=pads, strides=strides))

    def _pooled(self, sequence: Sequence, outputs: str, pool: str) -> str:
        """Outputs (time, batch, features), zero beyond the lengths, as (batch, features)."""
        document, add = sequence.document, sequence.document.add
        first = document.numbers(0)
        if pool == "last":
            return self._last(sequence, outputs)
        if pool == "mean":
            lengths = add("Unsqueeze", add("Cast", sequence.lengths, to=document.kind), document.numbers(1))
            return add("Div", add("ReduceSum", outputs, first, keepdims=0), lengths)
        lowest = document.weight(np.array(np.finfo(np.float32).min))
        if pool == "max":
            return add("ReduceMax", add("Where", sequence.valid, outputs, lowest), axes=[0], keepdims=0)
        weights = [self.tensors[f"attention.{name}"] for name in ("hidden.weight", "hidden.bias", "score.weight")]
        hidden = add("Tanh", Linear(weights[0], weights[1]).write(sequence, outputs))
        scores = add("Where", sequence.valid, Linear(weights[2], None).write(sequence, hidden), lowest)
        return add("ReduceSum", add("Mul", add("Softmax", scores, axis=0), outputs), first, keepdims=0)

    def _last(self, sequence: Sequence, outputs: str) -> str:
        """Each direction where it has read all: the last valid step, and the first."""
        document, add = sequence.document, sequence.document.add
        one, start, end = document.numbers(1), document.numbers(0), document.numbers(np.iinfo(np.int32).max)
        size = document.numbers(self.shape.features // len(self.shape.directions))
        last = add("Sub", sequence.lengths, document.weight(np.array(1, np.int64)))
        is_last = add("Equal", add("Unsqueeze", sequence.steps, one), add("Unsqueeze", last, start))
        ends = add("Where", add("Unsqueeze", is_last, document.numbers(2)), outputs, document.weight(np.zeros(1)))
        forward = add("Slice", add("ReduceSum", ends, start, keepdims=0), start, size, one)
        if not self.shape.bidirectional:
            return forward
        begins = add("Squeeze", add("Slice", outputs, start, one, start), start)
        return add("Concat", forward, add("Slice", begins, size, end, one), axis=-1)
