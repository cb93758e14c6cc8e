"""`TextModel`: a language model without torch: its symbols, its network, and a live session with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs import TextCodec
from elman.errors import BundleError
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.engine import Engine, NetworkShape
from elman.runtime.model import Model
from elman.runtime.stream import Stream

#: Symbols in the recorded sample: enough that every gate and layer has its say, few enough to check on each load.
SAMPLE_LENGTH = 16


@final
@dataclass(frozen=True)
class TextModel(Model):
    """Text -> symbols -> network -> what may come next.

    Attributes:
        shape: What the network is made of.
        codec: Text <-> symbols.
        tensors: The weights.
    """

    called = "language model"

    shape: NetworkShape
    codec: TextCodec
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    _engines: dict[tuple[str, str], Engine] = field(default_factory=dict, init=False, repr=False, compare=False)

    def engine(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> Engine:
        """The network, ready to step; the same object for all who ask for the same. `Engine` explains the options."""
        if (backend, precision) not in self._engines:
            engine = Engine(self.shape, self.tensors, backend=backend, precision=precision)
            self._engines[backend, precision] = engine
        return self._engines[backend, precision]

    def stream(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> Stream:
        """A new live session; the options are those of `Engine`."""
        return Stream(self.engine(backend=backend, precision=precision), self.codec)

    def to_config(self) -> dict[str, Any]:
        """Network and codec."""
        return {"network": self.shape.to_dict(), "codec": self.codec.to_config()}

    def save(self, folder: Path) -> None:
        """Write the vocabulary."""
        self.codec.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> TextModel:
        """Read what `to_config` and `save` wrote. Raises `BundleError` or `DataError`."""
        codec = TextCodec.load(folder, config["codec"])
        shape = NetworkShape.from_dict(config["network"])
        if shape.vocabulary != len(codec):
            raise BundleError(f"{folder}: the network has {shape.vocabulary} symbols, the vocabulary {len(codec)}.")
        return cls(shape, codec, dict(tensors))

    def record(self, sample: NDArray[np.int64]) -> dict[str, Any]:
        """The first of the symbols, shape (n,), n >= 2, and the log-probability of each after those before it."""
        sample = sample[:SAMPLE_LENGTH]
        recorded = Engine(self.shape, self.tensors, backend="reference").score(sample)
        return {"symbols": sample.tolist(), "log_probabilities": [float(x) for x in recorded]}

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """In nats."""
        symbols = np.array(recorded["symbols"], np.int64)
        expected = np.array(recorded["log_probabilities"], np.float32)
        return float(np.abs(self.engine().score(symbols) - expected).max())
