"""Steps a whole model: embedding, stack of cells, softmax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman import cells
from elman.cells.cell import ELAPSED
from elman.errors import BundleError, DataError, SettingsError
from elman.runtime.backends import Array, State, StreamPrecision, make_stack

#: Rows of a layer that are computed in one go: enough to be quick, few enough to be small.
ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class NetworkShape:
    """What a language-model network is made of: enough to build it again in any backend.

    The parameters it implies, with ``V`` symbols, ``E`` features per symbol and ``F`` units in the last layer:
    ``embedding.weight`` (V, E), ``recurrent.<name>_l<layer>`` as in torch.nn, ``softmax.weight`` (V, F) unless
    tied to the embedding, and ``softmax.bias`` (V,).
    """

    vocabulary: int
    cell: str
    embedding_size: int
    hidden_sizes: tuple[int, ...]
    tie_weights: bool = False
    learn_initial_state: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> NetworkShape:
        """Read what `to_dict` wrote. Raises `BundleError` for a missing or unknown name."""
        try:
            return cls(**{**values, "hidden_sizes": tuple(int(size) for size in values["hidden_sizes"])})
        except (TypeError, KeyError, ValueError) as error:
            raise BundleError(f"config.json: 'network' does not describe a network ({error}).") from None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "hidden_sizes": list(self.hidden_sizes)}

    def layers(self) -> list[cells.Cell]:
        """The cells of the stack, bottom first."""
        inputs = (self.embedding_size, *self.hidden_sizes[:-1])
        try:
            return [cells.make(self.cell, i, h) for i, h in zip(inputs, self.hidden_sizes, strict=True)]
        except SettingsError as error:
            raise BundleError(f"config.json: {error}") from None

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every tensor that ``model.safetensors`` must hold."""
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (self.vocabulary, self.embedding_size)}
        for index, cell in enumerate(self.layers()):
            for name, parameter in cell.parameters().items():
                shapes[f"recurrent.{name}_l{index}"] = parameter.shape
            if self.learn_initial_state:
                for name, size in cell.state_sizes.items():
                    shapes[f"recurrent.initial_{name}_l{index}"] = (size,)
        if not self.tie_weights:
            shapes["softmax.weight"] = (self.vocabulary, self.hidden_sizes[-1])
        shapes["softmax.bias"] = (self.vocabulary,)
        return shapes


class Engine:
    """Steps a language-model network over NumPy arrays, without torch.

    It has weights and no state: a state is a value that goes in and comes out, so that any number of streams, in any
    number of threads, share one engine.

    Args:
        shape: What the network is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
        backend: ``"compiled"``, machine code for this processor, which gives the same bits however a text is cut and
            whatever other rows a batch has; ``"reference"``, the equations in NumPy; or ``"auto"``, compiled where
            that can be, else the reference, which is then logged.
        precision: ``"float32"``, or ``"bfloat16"`` for matrices of half the bytes (compiled only), which large networks
            step up to twice as fast with. The embedding and all sums stay in float32.

    Raises:
        BundleError: The tensors do not fit to the shape.
        BackendError: The backend is unknown, or cannot run here though asked for by name.
        DataError: At a step, elapsed does not fit the symbols, or the cell has no use for it.

    Attributes:
        backend: What runs, ``"compiled"`` or ``"reference"``; `explain` says why.
    """

    def __init__(
        self,
        shape: NetworkShape,
        tensors: Mapping[str, Array],
        *,
        backend: str = "auto",
        precision: StreamPrecision = "float32",
    ) -> None:
        check_shapes(shape.parameter_shapes(), tensors)
        self.shape, self.precision = shape, precision
        self._initial: State = {}
        layers = []
        self._takes_elapsed = any(ELAPSED in cell.extras for cell in shape.layers())
        for index, cell in enumerate(shape.layers()):
            layers.append((cell, {name: tensors[f"recurrent.{name}_l{index}"] for name in cell.parameters()}))
            for name, size in cell.state_sizes.items():
                learnt = tensors.get(f"recurrent.initial_{name}_l{index}")
                value = np.zeros(size, np.float32) if learnt is None else learnt
                self._initial[f"{name}_l{index}"] = value.reshape(1, size)
        softmax = tensors["embedding.weight" if shape.tie_weights else "softmax.weight"], tensors["softmax.bias"]
        self.backend, self._reason, self._stack = make_stack(
            tensors["embedding.weight"], layers, softmax, backend, precision
        )

    def explain(self) -> str:
        """Which backend runs, and why."""
        return f"{self.backend}: {self._reason}"

    def initial_state(self, batch: int = 1) -> State:
        """State before the first symbol: ``{"hidden_l0": (batch, size), ...}``, zeros unless it was learnt."""
        return {name: np.repeat(value, batch, axis=0) for name, value in self._initial.items()}

    def step(
        self, symbols: NDArray[np.int64], state: Mapping[str, Array], *, elapsed: Array | None = None
    ) -> tuple[Array, State]:
        """Read one symbol per row.

        Args:
            symbols: Ids, shape (batch,).
            state: As from `initial_state` or an earlier step; it is not changed.
            elapsed: The time since the symbol before, shape (batch,), for cells that use it; 1 where it is left out.

        Returns:
            The logits of the next symbol, shape (batch, vocabulary), and the new state.
        """
        self._check_elapsed(elapsed, symbols)
        return self._stack.step(symbols, state, elapsed=elapsed)

    def read(
        self,
        symbols: NDArray[np.int64],
        state: Mapping[str, Array],
        *,
        elapsed: Array | None = None,
        last: bool = False,
    ) -> tuple[Array, State]:
        """Read many symbols, which is quicker than step by step.

        Args:
            symbols: Ids, shape (time,) or (batch, time).
            state: As for `step`.
            elapsed: As for `step`, in the shape of the symbols.
            last: Only the logits after the last symbol are wanted.

        Returns:
            The logits after each symbol, shape (time, vocabulary) or (batch, time, vocabulary), where ``last`` leaves
            one step of time, and the new state.
        """
        self._check_elapsed(elapsed, symbols)
        rows, times = np.atleast_2d(symbols), None if elapsed is None else np.atleast_2d(elapsed)
        found, after = [np.zeros((0, len(rows), self.shape.vocabulary), np.float32)], dict(state)
        for piece, reached in self._pieces(rows, state, times, last=last):
            found.append(piece)
            after = reached
        logits = np.concatenate(found[-1:] if last else found)
        return logits[:, 0] if np.ndim(symbols) == 1 else logits.swapaxes(0, 1), after

    def score(self, symbols: NDArray[np.int64]) -> Array:
        """Log-probability of each symbol after all those before it, in nats; (time,) gives (time - 1,)."""
        found = [np.zeros(0, np.float32)]
        for logits, _ in self._pieces(symbols[None, :-1], self.initial_state()):
            targets = symbols[1 + sum(map(len, found)) :][: len(logits)]
            found.append(np.take_along_axis(log_softmax(logits[:, 0]), targets[:, None], axis=1)[:, 0])
        return np.concatenate(found)

    def _pieces(
        self, rows: NDArray[np.int64], state: Mapping[str, Array], times: Array | None = None, *, last: bool = False
    ) -> Iterator[tuple[Array, State]]:
        """Read symbols (batch, time) piece by piece: logits (steps, batch, vocabulary) and the state after them."""
        batch, time = rows.shape
        steps = max(1, ROWS_AT_ONCE // batch)
        for begin in range(0, time, steps):
            piece = slice(begin, begin + steps)
            elapsed = None if times is None else times[:, piece].T
            logits, state = self._stack.run(rows[:, piece].T, state, elapsed=elapsed, last=last)
            yield logits, state

    def _check_elapsed(self, elapsed: Array | None, symbols: NDArray[np.int64]) -> None:
        """Raise `DataError` for times that do not fit the symbols, or that no cell asks for."""
        if elapsed is None:
            return
        if not self._takes_elapsed:
            raise DataError(f"Cell {self.shape.cell} has no use for the time between steps: leave elapsed out.")
        if np.shape(elapsed) != np.shape(symbols):
            raise DataError(f"elapsed must be {np.shape(symbols)}, as the symbols, found {np.shape(elapsed)}.")


def log_softmax(logits: Array) -> Array:
    """Log-probabilities of ``logits`` over the last axis, in nats."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def without(tensors: Mapping[str, Array], start: str) -> dict[str, Array]:
    """The tensors but those whose names begin with ``start``; all of them where it is empty."""
    return {name: value for name, value in tensors.items() if not start or not name.startswith(start)}


def check_shapes(expected: Mapping[str, tuple[int, ...]], tensors: Mapping[str, Array]) -> None:
    """Raise `BundleError` for tensors of other names or shapes than expected."""
    for name, size in expected.items():
        if name not in tensors:
            raise BundleError(f"model.safetensors: tensor '{name}' is missing; expected it with shape {size}.")
        if tensors[name].shape != size:
            raise BundleError(
                f"model.safetensors: tensor '{name}' has shape {tensors[name].shape}, config.json asks for {size}."
            )
    if extra := sorted(set(tensors) - set(expected)):
        raise BundleError(f"model.safetensors: tensor '{extra[0]}' has no place in the network of config.json.")
