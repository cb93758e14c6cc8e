"""One live session with recurrent layers: rows of numbers go in chunk by chunk, the state stays."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import pairwise
from typing import final

import numpy as np
from numpy.typing import ArrayLike

from elman.cells.cell import ELAPSED
from elman.errors import DataError, UsageError
from elman.runtime.backends import Array, Layers, State, StreamPrecision, make_stack


@final
class LayerStream:
    """A live session with layers of any cell, your own too, without torch.

    Args:
        layers: Cells from the bottom up, each with its weights by name, as `elman.nn.Recurrent.to_numpy` gives them;
            a learnt initial state is among them as ``initial_hidden`` and so on.
        backend: ``"compiled"``, ``"reference"`` or ``"auto"``, as for `elman.runtime.Engine`.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only).

    Raises:
        DataError: A weight is missing or of another shape, or a cell does not fit the one below it.
        UsageError: A cell needs more at every step than the input and the time between steps.
        BackendError: The backend is unknown, or cannot run here though asked for by name.

    Attributes:
        backend: What runs, ``"compiled"`` or ``"reference"``; `explain` says why.

    >>> from elman.cells import make
    >>> cell = make("rnn", 2, 3)
    >>> stream = LayerStream([(cell, {name: np.ones(each.shape) for name, each in cell.parameters().items()})])
    >>> stream.push([[0.0, 0.0], [1.0, 0.0]]).shape
    (2, 3)
    """

    def __init__(self, layers: Layers, *, backend: str = "auto", precision: StreamPrecision = "float32") -> None:
        self._initial: State = {}
        ready = []
        for number, (cell, given) in enumerate(layers):
            if unknown := [name for name in cell.extras if name != ELAPSED]:
                raise UsageError(
                    f"The cell {cell.name} needs {', '.join(unknown)} at every step, for which a stream has no values."
                )
            shapes = {name: parameter.shape for name, parameter in cell.parameters().items()}
            ready.append((cell, {name: _weight(given, name, shape) for name, shape in shapes.items()}))
            for name, size in cell.state_sizes.items():
                learnt = f"initial_{name}"
                first = _weight(given, learnt, (size,)) if learnt in given else np.zeros(size, np.float32)
                self._initial[f"{name}_l{number}"] = first[None]
        cells = [cell for cell, _ in ready]
        for below, above in pairwise(cells):
            taken, found = above.input_size, below.output_size
            if found != taken:
                raise DataError(f"The cell {above.name} takes {taken} inputs, the one below it gives {found}.")
        self.input_size, self.output_size = cells[0].input_size, cells[-1].output_size
        self._takes_elapsed = any(ELAPSED in cell.extras for cell in cells)
        self.backend, self._reason, self._stack = make_stack(None, ready, None, backend, precision)
        self.reset()

    def explain(self) -> str:
        """Which backend runs, and why."""
        return f"{self.backend}: {self._reason}"

    def reset(self) -> None:
        """Forget everything: back to the state before the first step."""
        self.state = self._initial

    @property
    def state(self) -> State:
        """A copy of what is remembered: name -> array of shape (1, size)."""
        return {name: value.copy() for name, value in self._state.items()}

    @state.setter
    def state(self, value: Mapping[str, Array]) -> None:
        expected = {name: array.shape for name, array in self._initial.items()}
        found = {name: np.shape(array) for name, array in value.items()}
        if found != expected:
            raise DataError(f"The state of these layers is {expected}; found {found}.")
        self._state = {name: np.array(value[name], np.float32) for name in expected}

    def push(self, inputs: ArrayLike, *, elapsed: ArrayLike | None = None) -> Array:
        """Read some steps.

        Args:
            inputs: (time, input_size), of any time, 0 too.
            elapsed: The time since the step before, (time,), for cells that use it; 1 where it is left out.

        Returns:
            The outputs of the last layer, (time, output_size): the same as in one piece, however the input is cut.
        """
        rows = np.asarray(inputs, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.input_size:
            raise DataError(f"inputs must be (time, {self.input_size}), found the shape {rows.shape}.")
        times = None if elapsed is None else np.asarray(elapsed, np.float32)
        if times is not None and (not self._takes_elapsed or times.shape != rows.shape[:1]):
            raise DataError(
                f"elapsed must be ({len(rows)},), one for every step, and for a cell that uses it; found {times.shape}."
            )
        if not len(rows):
            return np.zeros((0, self.output_size), np.float32)
        outputs, self._state = self._stack.run(
            rows[:, None], self._state, elapsed=None if times is None else times[:, None]
        )
        return outputs[:, 0]

    def fork(self) -> LayerStream:
        """An independent stream that remembers the same; it shares the weights."""
        other = copy.copy(self)
        other.state = self._state
        return other


def _weight(given: Mapping[str, Array], name: str, shape: tuple[int, ...]) -> Array:
    found = np.shape(given[name]) if name in given else "nothing"
    if found != shape:
        raise DataError(f"The weight {name} must be {shape}, found {found}.")
    return np.ascontiguousarray(given[name], np.float32)
