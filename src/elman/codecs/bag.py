"""`Bag`: what is in a sequence, wherever it stands; for the baseline without memory, and beside a recurrent summary.

- Text and words: words, pairs of neighbours, and the first letters of long words; of names, pieces of 1 to 5
  characters.
- DNA: k-mers of 1 to 5 bases; of sequences that are aligned, also which bases and pairs stand where.
- Sound, series, ink and pictures: of every channel mean, spread, quantiles, slope and changes, and the means of the
  four quarters.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from elman.codecs.raw import Raw
from elman.errors import DataError

if TYPE_CHECKING:
    import scipy.sparse

_SYMBOLS, _STATISTICS = "bag_of_symbols:BagOfSymbols", "bag_of_statistics:BagOfStatistics"
BAGS = {
    **dict.fromkeys(("text", "words", "dna"), _SYMBOLS),
    **dict.fromkeys(("audio", "series", "ink", "frames"), _STATISTICS),
}


class Bag(ABC):
    """Turns a sequence of any length into a row of features; fitted on training data only.

    Attributes:
        kind: What sequences are made of, see `elman.data.examples.Kind`.
        names: What each feature is.
    """

    FILE: ClassVar[str] = "bag.json"
    kind: str
    names: Sequence[str]

    @staticmethod
    def fit(inputs: Sequence[Raw], targets: Sequence[Any] | None, kind: str) -> Bag:
        """Learn which features there are, and how much each counts.

        ``targets`` are classes, sets of classes, or others, which do not weigh. Raises `DataError` for sequences that
        cannot be read.

        >>> bag = Bag.fit(["good film", "bad film", "a good one"], ["+", "-", "+"], "words")
        >>> bag.transform(["good good"]).shape == (1, len(bag))
        True
        """
        if kind not in BAGS:
            raise DataError(f"there is no bag of features for sequences of the kind '{kind}', only {', '.join(BAGS)}.")
        return _bag_class(kind)._learn(inputs, targets, kind)

    @staticmethod
    def load(folder: Path, config: Mapping[str, Any]) -> Bag:
        """Read back what `save` wrote into ``folder``, described by `to_config`. Raises `DataError`."""
        kind = config.get("kind") if isinstance(config, Mapping) else None
        if not isinstance(kind, str) or kind not in BAGS:
            raise DataError(f"{folder}: expected a bag of features (one of {', '.join(BAGS)}), found {config}.")
        bag = _bag_class(kind)._load(folder, config)
        if len(bag) != config.get("size"):
            raise DataError(f"{folder}: the bag has {len(bag)} features, the configuration says {config.get('size')}.")
        return bag

    def to_config(self) -> dict[str, Any]:
        """Plain values for JSON, from which, with what `save` wrote, `load` makes the bag again."""
        return {"kind": self.kind, "size": len(self)}

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the features into ``folder``."""

    @abstractmethod
    def transform(self, inputs: Sequence[Raw], targets: Sequence[Any] | None = None) -> scipy.sparse.csr_matrix:
        """The features of each sequence, (sequences, features) float32.

        ``targets`` are given with the very sequences that the bag was fitted to. Then each row is as it would be if the
        bag had been fitted without that sequence, so that a model that learns from the rows sees what it will see
        of new sequences.
        """

    @abstractmethod
    def describe(self) -> str:
        """One sentence on the features."""

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    @abstractmethod
    def _learn(cls, inputs: Sequence[Raw], targets: Sequence[Any] | None, kind: str) -> Bag: ...

    @classmethod
    @abstractmethod
    def _load(cls, folder: Path, config: Mapping[str, Any]) -> Bag: ...


def _bag_class(kind: str) -> type[Bag]:
    module, name = BAGS[kind].split(":")
    found: type[Bag] = getattr(importlib.import_module(f"elman.codecs.{module}"), name)
    return found


def sparse(rows: Sequence[Mapping[int, float]], size: int) -> scipy.sparse.csr_matrix:
    """A matrix of rows that name their columns, (rows, size) float32."""
    from scipy.sparse import csr_matrix

    ends = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter((column for row in rows for column in row), dtype=np.int32, count=int(ends[-1]))
    values = np.fromiter((value for row in rows for value in row.values()), dtype=np.float32, count=int(ends[-1]))
    return csr_matrix((values, columns, ends), shape=(len(rows), size))
