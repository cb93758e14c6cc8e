"""`SequenceCodec`: from a whole sequence of any kind, or one that arrives bit by bit, to the steps a network reads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Raw


class Steps(NamedTuple):
    """A sequence as a network reads it.

    Attributes:
        values: Symbols, (time, fields) int64; or frames, (time, features) or (time, height, width, channels) float32.
        elapsed: The time since the step before, (time,) float32, for cells that use it; None for even steps.
    """

    values: NDArray[Any]
    elapsed: NDArray[np.float32] | None = None

    def __add__(self, later: Any) -> Steps:
        """These steps and then those of ``later``, as an incremental encoder gives them."""
        if self.elapsed is None or later.elapsed is None:
            elapsed = None
        else:
            elapsed = np.concatenate([self.elapsed, later.elapsed])
        return Steps(np.concatenate([self.values, later.values]), elapsed)


class SequenceEncoder(ABC):
    """Encodes one sequence that arrives in chunks: whatever the cuts, the steps are those of the whole."""

    @abstractmethod
    def push(self, chunk: Raw) -> Steps:
        """The steps that are certain now; maybe none."""

    @abstractmethod
    def flush(self) -> Steps:
        """The steps that were held back: the sequence has ended."""


class SequenceCodec(ABC):
    """Turns raw sequences of one kind into `Steps`; fitted on training data only.

    Every codec has a class method ``fit(inputs, ...)`` with the options of its own, and ``load(folder, config)``.

    Attributes:
        kind: Its name in ``config.json``.
        lookahead: Raw units that the incremental encoder holds back; None where no fixed number is enough.
        symbols: How many symbols each field of a step has; empty where a step is a frame.
        frame: The shape of one frame; empty where a step is symbols.
        step_seconds: Seconds from one step to the next; None where nobody knows.
    """

    kind: ClassVar[str]
    lookahead: int | None = 0
    symbols: tuple[int, ...] = ()
    frame: tuple[int, ...] = ()
    step_seconds: float | None = None

    @abstractmethod
    def encode(self, raw: Raw) -> Steps:
        """All steps of a whole sequence. Raises `DataError` for what it cannot read."""

    @abstractmethod
    def encoder(self) -> SequenceEncoder:
        """A fresh incremental encoder."""

    @abstractmethod
    def to_config(self) -> dict[str, Any]:
        """Plain values for JSON, ``kind`` among them, from which, with what `save` wrote, the codec is made again."""

    @abstractmethod
    def describe(self) -> str:
        """One sentence on what a step is, for the reader of a training's first lines."""

    def save(self, folder: Path) -> None:  # noqa: B027 - most codecs are all in their configuration
        """Write what does not belong into ``config.json`` (a vocabulary) into ``folder``."""

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """A variant of a training sequence that has the same label; by itself the sequence as it is."""
        return steps

    def labels(self, raw: Raw, steps: Steps) -> list[str]:
        """What each step is called where it is drawn; by itself its number."""
        return [str(number) for number in range(len(steps.values))]
