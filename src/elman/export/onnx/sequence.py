"""What concerns all layers of an exported model: inputs over time, lengths, states and the time between steps."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from elman.cells.cell import ELAPSED, Cell
from elman.export.onnx.document import TYPES, Array, Document

#: A length that stands for all steps.
ALL_STEPS = 2**31 - 1


@final
@dataclass(frozen=True)
class Direction:
    """One layer in one direction, ready to be written.

    Attributes:
        name: Of the layer in the model.
        cell: The recurrence.
        given: What is the same for all rows and steps, by name: parameters, and some of the extras.
        rows: What every row has of its own at every step, (time, batch, features): ``x``, and the other extras.
        state: The states before the first step, (batch, size).
        reverse: From the end to the beginning.
    """

    name: str
    cell: Cell
    given: Mapping[str, Array]
    rows: Mapping[str, str]
    state: Mapping[str, str]
    reverse: bool


@final
class Sequence:
    """The parts of a document that concern all layers; values inside are (time, batch, features).

    Of images every place has its features: they come and go as (batch, time, features, height, width), and inside they
    are (time, batch, height, width, features).

    Args:
        document: Where it is written.
        inputs: Name of what is given at every step, (batch, time, ...).
        images: Whether that is images.
        whole: Sequences come whole: states begin at zero, and nobody asks for them.

    Attributes:
        between: Names of the axes between those of the batch and the features.
        states: Names of the states, in the order of the file.
    """

    def __init__(self, document: Document, inputs: str, *, images: bool = False, whole: bool = False) -> None:
        self.document = document
        self._whole = whole
        self.between = ("height", "width") if images else ()
        self.states: list[str] = []
        self._inputs = inputs
        self._after: dict[str, tuple[str, int]] = {}
        self._extras: dict[str, str] = {}
        self._layers = 0

    @functools.cached_property
    def batch(self) -> str:
        """The number of rows, (1,)."""
        return self.document.add("Shape", self._inputs, start=0, end=1)

    @functools.cached_property
    def time(self) -> str:
        """The number of steps, (1,)."""
        return self.document.add("Shape", self._inputs, start=1, end=2)

    @functools.cached_property
    def lengths(self) -> str:
        """Valid steps of each row, (batch,) int64."""
        capped = self.document.add("Min", "lengths", self.time)
        return self.document.add("Expand", capped, self.batch)

    @functools.cached_property
    def lengths_int32(self) -> str:
        """The same as ONNX's own recurrent operators take them."""
        return self.document.add("Cast", self.lengths, to=TYPES["int32"])

    @functools.cached_property
    def steps(self) -> str:
        """The numbers of the steps, (time,)."""
        add, zero = self.document.add, self.document.weight(np.array(0, np.int64))
        return add("Range", zero, add("Squeeze", self.time), self.document.weight(np.array(1, np.int64)))

    @functools.cached_property
    def valid(self) -> str:
        """Whether a step is one of its row's, (time, batch, 1); of images (time, batch, 1, 1, 1)."""
        return self.before_end(self.steps)

    def before_end(self, steps: str) -> str:
        """Whether a row has a step of these numbers (time,), shaped as `valid`."""
        add, numbers = self.document.add, self.document.numbers
        found = add("Less", add("Unsqueeze", steps, numbers(1)), add("Unsqueeze", self.lengths, numbers(0)))
        return add("Unsqueeze", found, numbers(*range(2, 3 + len(self.between))))

    def masked(self, value: str) -> str:
        """``value`` (time, batch, features) where a step is valid, else 0."""
        return self.document.add("Where", self.valid, value, self.document.weight(np.zeros(1)))

    def inward(self, value: str) -> str:
        """What comes in over time, (batch, time, features), as it is inside."""
        return self.document.add("Transpose", value, perm=[1, 0, 3, 4, 2] if self.between else [1, 0, 2])

    def outward(self, value: str) -> str:
        """What goes out over time as it is outside, (batch, time, features)."""
        return self.document.add("Transpose", value, perm=[1, 0, 4, 2, 3] if self.between else [1, 0, 2])

    def next_layer(self) -> int:
        """The number of the next recurrent layer, by which its states are named."""
        self._layers += 1
        return self._layers - 1

    def state(self, name: str, size: int, first: Array | None) -> str:
        """A state (batch, size) as it comes in; where it is left out it is ``first`` (size,), or zeros."""
        document, default = self.document, np.zeros(size) if first is None else first
        if self._whole:
            sizes = document.add("Concat", self.batch, document.numbers(size), axis=0)
            return document.add("Expand", document.weight(default[None]), sizes)
        document.input(
            name,
            ("batch", size, *self.between),
            says="State before the first step; where it is left out, that of a new sequence.",
            default=default.reshape(1, size, *[1] * len(self.between)).astype(document.dtype),
        )
        self.states.append(name)
        shape = [self.batch, document.numbers(size)]
        if not self.between:
            return document.add("Expand", name, document.add("Concat", *shape, axis=0))
        shape.append(document.add("Shape", self._inputs, start=3))
        value = document.add("Expand", name, document.add("Concat", *shape, axis=0))
        return document.add("Transpose", value, perm=[0, 2, 3, 1])

    def leave(self, name: str, value: str, size: int) -> None:
        """Note the state after the last step."""
        self._after[name] = value, size

    def extra(self, name: str, width: int) -> str:
        """A cell's extra as it comes in, the same for all layers, (time, batch, width).

        The time between steps comes as (batch, time), and is 1 where it does not come.
        """
        if name not in self._extras:
            self._extras[name] = self._given(name, width)
        return self._extras[name]

    def _given(self, name: str, width: int) -> str:
        document = self.document
        if name != ELAPSED:
            return self.inward(document.input(name, ("batch", "time", width), says="What the cell takes at each step."))
        document.input(
            name,
            ("batch", "time"),
            says="Time since the step before, in the unit of the training; where it is left out, 1.",
            default=np.ones((1, 1), document.dtype),
        )
        shape = document.add("Concat", self.batch, self.time, axis=0)
        return self.inward(document.add("Unsqueeze", document.add("Expand", name, shape), document.numbers(2)))

    def backwards(self, values: str) -> str:
        """Values (time, batch, ...) from each row's last valid step to its first."""
        return self.document.add("ReverseSequence", values, self.lengths, time_axis=0, batch_axis=1)

    def strided(self, values: str, stride: int) -> Sequence:
        """The sequence of values (time, batch, ...) for which only every ``stride``-th step was left."""
        found, add, document = Sequence(self.document, values, whole=True), self.document.add, self.document
        one = document.weight(np.array(1, np.int64))
        found.batch, found.time = self.batch, add("Shape", values, start=0, end=1)
        steps = add("Div", add("Sub", self.lengths, one), document.weight(np.array(stride, np.int64)))
        found.lengths = add("Add", steps, one)
        return found

    def elapsed_backwards(self) -> str:
        """The time between steps as the reverse direction meets it, (time, batch, 1), see `elman.nn.Recurrent.forward`.

        At every step that to the one after it, and at a row's last step what the first one was told.
        """
        document = self.document
        elapsed = self.extra(ELAPSED, 1)
        start, one, end = (document.numbers(n) for n in (0, 1, ALL_STEPS))
        first = document.add("Slice", elapsed, start, one, start)
        later = document.add("Concat", document.add("Slice", elapsed, one, end, start), first, axis=0)
        followed = self.before_end(document.add("Add", self.steps, one))
        return document.add("Where", followed, later, first)

    def close(self) -> None:
        """Declare the lengths, and the states after the last step, whose names end in ``_after``."""
        self.document.input(
            "lengths",
            ("batch",),
            np.int64,
            says="Valid steps of each row, 1 to time; where they are left out, all.",
            default=np.array([ALL_STEPS], np.int64),
        )
        for name in self.states:
            value, size = self._after[name]
            value = self.document.add("Transpose", value, perm=[0, 3, 1, 2]) if self.between else value
            says, sizes = "State after a row's last valid step.", ("batch", size, *self.between)
            self.document.output(value, sizes, f"{name}_after", says=says)
