"""Steps a whole model in NumPy, one symbol at a time: embedding, stack of cells, softmax.

The engine knows weights but holds no state; a state is a value that goes in and comes out, so any
number of streams share one engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman import cells
from elman.cells.ops import NumpyOps
from elman.errors import BundleError, SettingsError

Array = NDArray[np.float32]
State = dict[str, Array]


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
    """Steps a language-model network over NumPy arrays.

    Args:
        shape: What the network is made of.
        tensors: Its parameters in float32, named and shaped as ``shape.parameter_shapes()`` says.
    """

    def __init__(self, shape: NetworkShape, tensors: Mapping[str, Array]) -> None:
        _check_shapes(shape, tensors)
        self.shape = shape
        self._ops = NumpyOps()
        self._embedding = tensors["embedding.weight"]
        self._softmax_weight = tensors["embedding.weight" if shape.tie_weights else "softmax.weight"]
        self._softmax_bias = tensors["softmax.bias"]
        self._layers = []
        self._initial: State = {}
        for index, cell in enumerate(shape.layers()):
            own = {name: tensors[f"recurrent.{name}_l{index}"] for name in cell.parameters()}
            self._layers.append((cell, own))
            for name, size in cell.state_sizes.items():
                learnt = tensors.get(f"recurrent.initial_{name}_l{index}")
                value = np.zeros(size, np.float32) if learnt is None else learnt
                self._initial[f"{name}_l{index}"] = value.reshape(1, size)

    def initial_state(self, batch: int = 1) -> State:
        """State before the first symbol: ``{"hidden_l0": (batch, size), ...}``, zeros unless it was learnt."""
        return {name: np.repeat(value, batch, axis=0) for name, value in self._initial.items()}

    def step(self, symbols: NDArray[np.int64], state: Mapping[str, Array]) -> tuple[Array, State]:
        """Read one symbol per row.

        Args:
            symbols: Ids, shape (batch,).
            state: As from `initial_state` or an earlier step; it is not changed.

        Returns:
            The logits of the next symbol, shape (batch, vocabulary), and the new state.
        """
        features: Any = self._embedding[symbols]
        after: State = {}
        for index, (cell, parameters) in enumerate(self._layers):
            before = {name: state[f"{name}_l{index}"] for name in cell.state_sizes}
            stepped = cell.step(self._ops, features, before, parameters)
            after |= {f"{name}_l{index}": value for name, value in stepped.items()}
            features = stepped[next(iter(cell.state_sizes))]
        return features @ self._softmax_weight.T + self._softmax_bias, after


def _check_shapes(shape: NetworkShape, tensors: Mapping[str, Array]) -> None:
    expected = shape.parameter_shapes()
    for name, size in expected.items():
        if name not in tensors:
            raise BundleError(f"model.safetensors: tensor '{name}' is missing; expected it with shape {size}.")
        if tensors[name].shape != size:
            raise BundleError(
                f"model.safetensors: tensor '{name}' has shape {tensors[name].shape}, config.json asks for {size}."
            )
    if extra := sorted(set(tensors) - set(expected)):
        raise BundleError(f"model.safetensors: tensor '{extra[0]}' has no place in the network of config.json.")
