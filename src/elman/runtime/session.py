"""What live sessions have in common: a state that belongs to one of them alone, over weights that all share."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from elman import system
from elman.errors import DataError

#: Arrays by name: what is remembered.
Arrays = dict[str, NDArray[Any]]


class Session(ABC):
    """A live session: reset, set, save, load and fork what it remembers.

    What stands in the state does not depend on how the input was cut into chunks.
    """

    #: What a saved session says it is, and in which version.
    format: ClassVar[dict[str, str]]
    #: How the names of the arrays begin that are remembered beside the state of the network.
    own: ClassVar[tuple[str, ...]]

    _state: Arrays

    def reset(self) -> None:
        """Forget everything: back to the state before the first step."""
        self._state = self._initial_state()
        self._begin()

    @property
    def state(self) -> Arrays:
        """A copy of what the network remembers: name -> array of shape (1, size)."""
        return {name: value.copy() for name, value in self._state.items()}

    @state.setter
    def state(self, value: Mapping[str, NDArray[Any]]) -> None:
        initial = self._initial_state()
        expected = {name: array.shape for name, array in initial.items()}
        found = {name: np.shape(array) for name, array in value.items()}
        if found != expected:
            raise DataError(f"This model's state is {expected}; found {found}.")
        self._state = {name: np.array(value[name], array.dtype) for name, array in initial.items()}
        self._forget_answer()

    def fork(self) -> Self:
        """An independent session that remembers the same."""
        other = copy.copy(self)
        other._state = self.state
        other._begin()
        other._take(*self._held())
        return other

    def save(self, path: str | Path) -> None:
        """Write what this session remembers to a safetensors file, for `load` here or on another machine."""
        arrays, texts = self._held()
        tensors = {name: np.ascontiguousarray(value) for name, value in (self._state | arrays).items()}
        data = safetensors.numpy.save(tensors, {**self.format, **texts})
        system.write_atomically(Path(path), lambda part: part.write_bytes(data))

    def load(self, path: str | Path) -> None:
        """Take up what `save` wrote. Raises `DataError` when it is not a state of a model of this shape."""
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                texts = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except (OSError, safetensors.SafetensorError) as error:
            raise DataError(f"{path}: cannot be read as a saved stream ({error}).") from None
        if any(texts.get(name) != value for name, value in self.format.items()):
            raise DataError(f"{path}: is not a stream saved by this version of Elman.")
        self.state = {name: value for name, value in tensors.items() if not name.startswith(self.own)}
        self._begin()
        self._take({name: value for name, value in tensors.items() if name.startswith(self.own)}, texts)

    def _forget_answer(self) -> None:  # noqa: B027 - few sessions have one
        """Another state was set: what was said last does not follow from it."""

    @abstractmethod
    def _initial_state(self) -> Arrays:
        """The state of the network before the first step, (1, size) each."""

    @abstractmethod
    def _begin(self) -> None:
        """Forget all that is remembered beside the state of the network."""

    @abstractmethod
    def _held(self) -> tuple[Arrays, dict[str, str]]:
        """What is remembered beside it, as arrays whose names begin as `own` says, and as texts."""

    @abstractmethod
    def _take(self, arrays: Arrays, texts: Mapping[str, str]) -> None:
        """Remember what `_held` gave, after `_begin`; it may be that of another model."""
