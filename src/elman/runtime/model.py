"""`Model`: network, weights and what its numbers mean; what every task's bundle and run folder hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from elman.runtime.backends import Array


class Model(ABC):
    """All that runs, and nothing of how it came about.

    Attributes:
        tensors: The weights by name, float32; empty where they are yet to be learnt.
    """

    #: What it is called where people read.
    called: ClassVar[str] = "model"

    tensors: dict[str, Array]

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """Plain values for JSON, by the names ``network``, ``codec`` and those of the model's own."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write what belongs neither into `to_config` nor to the weights, such as a vocabulary."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> Self:
        """Make again what `to_config` and `save` describe. Raises `BundleError` or `DataError`."""

    @abstractmethod
    def record(self, sample: Any) -> dict[str, Any]:
        """A sample of the input and what the equations themselves make of it, plain values for JSON."""

    @abstractmethod
    def difference(self, recorded: Mapping[str, Any]) -> float:
        """How far what this machine makes of a recorded sample is from what was recorded, at most.

        Raises `KeyError`, `ValueError`, `TypeError` or `IndexError` for what is no such record.
        """
