"""What steps a network without torch: machine code for this processor, or the equations in NumPy."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from elman.cells import Cell, NumpyOps
from elman.cells.cell import ELAPSED
from elman.errors import BackendError, UsageError, nearest

Array = NDArray[np.float32]
State = dict[str, Array]

#: Symbols, or rows of numbers where there is no embedding.
Inputs: TypeAlias = NDArray[np.int64] | Array
Layers: TypeAlias = Sequence[tuple[Cell, Mapping[str, Array]]]
Head: TypeAlias = tuple[Array, Array]

BACKENDS = ("auto", "compiled", "reference")
StreamPrecision: TypeAlias = Literal["float32", "bfloat16"]
PRECISIONS = ("float32", "bfloat16")

_logger = logging.getLogger("elman")


class Stack(Protocol):
    """An embedding, a stack of cells and a linear layer over them; states are named ``hidden_l0`` and so on.

    Without an embedding the inputs below are not symbols but rows of numbers, with one more axis; without a linear
    layer the results are the last cell's output. The time between steps, ``elapsed``, is (B,) or (T, B); without it
    it is 1.
    """

    def step(self, inputs: Inputs, state: Mapping[str, Array], *, elapsed: Array | None = None) -> tuple[Array, State]:
        """One step: symbols (B,) and the state to the results (B, outputs) and the state after it."""

    def run(
        self, inputs: Inputs, state: Mapping[str, Array], *, elapsed: Array | None = None, last: bool = False
    ) -> tuple[Array, State]:
        """Many: symbols (T, B) to (T, B, outputs), or with ``last`` to (1, B, outputs), and the state after them."""


@final
class ReferenceStack:
    """A `Stack` of the cells' own equations in NumPy."""

    def __init__(self, embedding: Array | None, layers: Layers, head: Head | None) -> None:
        self._embedding, self._layers, self._head = embedding, layers, head

    def step(self, inputs: Inputs, state: Mapping[str, Array], *, elapsed: Array | None = None) -> tuple[Array, State]:
        """See `Stack.step`."""
        features: Array = np.asarray(inputs, np.float32) if self._embedding is None else self._embedding[inputs]
        time = np.ones((len(inputs), 1), np.float32) if elapsed is None else elapsed.astype(np.float32)[:, None]
        after: State = {}
        for number, (cell, params) in enumerate(self._layers):
            before = {name: state[f"{name}_l{number}"] for name in cell.state_sizes}
            stepped = cell.step(NumpyOps(), features, before, {**params, ELAPSED: time})
            after |= {f"{name}_l{number}": value for name, value in stepped.items()}
            features = stepped[next(iter(cell.state_sizes))]
        if self._head is None:
            return features, after
        return NumpyOps().linear(features, *self._head), after

    def run(
        self, inputs: Inputs, state: Mapping[str, Array], *, elapsed: Array | None = None, last: bool = False
    ) -> tuple[Array, State]:
        """See `Stack.run`."""
        results, after = [], dict(state)
        for t, each in enumerate(inputs):
            result, after = self.step(each, after, elapsed=None if elapsed is None else elapsed[t])
            results.append(result)
        return np.stack(results[-1:] if last else results), after


def make_stack(
    embedding: Array | None, layers: Layers, head: Head | None, backend: str, precision: StreamPrecision
) -> tuple[str, str, Stack]:
    """The backend that runs these layers, the reason in a sentence, and the layers ready to step.

    Args:
        embedding: Features of each symbol, (symbols, features); None where inputs are rows of numbers.
        layers: Cells from the bottom up, each with its parameters.
        head: Weight (outputs, features) and bias (outputs,) of the linear layer over the last cell, if there is one.
        backend: One of `BACKENDS`.
        precision: One of `PRECISIONS`.

    Raises `BackendError` for an unknown backend or precision, and for one that cannot run though asked for by name.
    """
    for name, known in ((backend, BACKENDS), (precision, PRECISIONS)):
        if name not in known:
            raise BackendError(f"A stream runs with {', '.join(known)}, not with '{name}'.{nearest(name, known)}")
    if backend == "reference":
        if precision != "float32":
            raise BackendError(f"The backend 'reference' runs in float32, not in {precision}. Use backend 'compiled'.")
        return (
            backend,
            "asked for by name; it computes the cells' equations in NumPy.",
            ReferenceStack(embedding, layers, head),
        )
    stack, obstacle = _compiled(embedding, layers, head, precision)
    if stack is not None:
        return "compiled", "machine code for this processor, made of the cells' equations.", stack
    if backend == "compiled" or precision != "float32":
        raise BackendError(f"The backend 'compiled' cannot run here: {obstacle} Use backend 'reference', in float32.")
    _tell_once(obstacle)
    return "reference", obstacle, ReferenceStack(embedding, layers, head)


def _compiled(
    embedding: Array | None, layers: Layers, head: Head | None, precision: StreamPrecision
) -> tuple[Stack | None, str]:
    """The layers in machine code, or what stands against it."""
    try:
        from elman.compiler.streaming import StreamingStack

        return StreamingStack(layers, head, embedding=embedding, precision=precision), ""
    except (ImportError, OSError) as error:
        return None, f"llvmlite cannot be loaded ({error})."
    except UsageError as error:
        return None, str(error)


@functools.cache
def _tell_once(obstacle: str) -> None:
    _logger.warning("streams run on the reference, which is slow: %s", obstacle)
