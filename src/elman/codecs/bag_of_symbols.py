"""Words and pairs, pieces of names, k-mers and places of bases: what is there, and what naive Bayes makes of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.bag import Bag, sparse
from elman.codecs.raw import Raw
from elman.codecs.vocabulary import damaged, read_file
from elman.codecs.words import fold, words_of
from elman.errors import DataError

if TYPE_CHECKING:
    import scipy.sparse

#: Characters of the longest piece of a name, bases of the longest k-mer.
_LONGEST = 5
#: Letters of a word that count by themselves, and the mark after them: rare words share them with better known ones.
_STEM, _MORE = 5, "\N{HORIZONTAL ELLIPSIS}"
#: Pairs and pieces that fewer sequences have tell nothing that can be trusted.
_LEAST = 2
#: Features that are kept, those that tell most.
MOST = 200_000
#: What it counts that a feature is there, beside a sum of log-count ratios of spread 1.
PRESENCE = 0.2
#: Names have fewer words than this on average.
_NAME_WORDS = 2.0
#: Sequences are aligned where at least this share has one and the same length.
_ALIGNED = 0.95


@final
class BagOfSymbols(Bag):
    """Whether a sequence has each feature, and what naive Bayes makes of all that it has.

    There is one feature more for each class: the sum of the log-count ratios of what the sequence has (Wang & Manning
    2012). With p the share of a feature among all that sequences of the class have, and q among all that others have,
    each counted once a sequence and one more, its ratio is log(p / q). The sums are divided by their standard
    deviation, and presence counts `PRESENCE`, so that a linear model that is held small starts from naive Bayes and
    corrects it.

    Without classes presence counts log((1 + sequences) / (1 + sequences that have the feature)) + 1, and rows have
    length 1.
    """

    def __init__(self, kind: str, units: str, length: int, counts: Counts, scale: Sequence[float]) -> None:
        """Take what was counted; ``length`` is that of aligned sequences, else 0; ``scale`` divides the sums."""
        self.kind, self.units, self.length, self.counts = kind, units, length, counts
        self.scale = np.asarray(scale, dtype=np.float64)
        self.names = [*counts.names, *(f"naive Bayes: {name}" for name in counts.classes)]
        self._number = {name: number for number, name in enumerate(counts.names)}
        self._rarity = np.log((1 + counts.sequences) / (1 + counts.total)) + 1
        self._ratios = counts.log_ratios()

    @classmethod
    def _learn(cls, inputs: Sequence[Raw], targets: Sequence[Any] | None, kind: str) -> BagOfSymbols:
        units, length = _units(inputs, kind), _common_length(inputs) if kind == "dna" else 0
        found = [set(_FEATURES[units](raw, length)) for raw in inputs]
        seen = Counter(feature for features in found for feature in features)
        names = sorted(name for name, number in seen.items() if number >= _LEAST or not _is_long(name, units))
        if not names:
            raise DataError("a bag of features cannot be learnt from sequences that hold nothing. Give training data.")
        counts = Counts.of(_present(found, {name: number for number, name in enumerate(names)}), names, targets)
        if len(names) > MOST:
            told = np.abs(counts.log_ratios()).max(0) if counts.classes else np.ones(len(names))
            counts = counts.take(np.sort(np.argsort(-told * np.sqrt(counts.total), kind="stable")[:MOST]))
        bag = cls(kind, units, length, counts, np.ones(len(counts.classes)).tolist())
        spread = bag._sums(bag._found(inputs), _classes(targets)).std(0)
        bag.scale = np.where(spread > 0, spread, 1.0)
        return bag

    @classmethod
    def _load(cls, folder: Path, config: Mapping[str, Any]) -> BagOfSymbols:
        path = folder / cls.FILE
        try:
            found = json.loads(read_file(path))
            counts, scale = Counts.from_json(found), [float(each) for each in found["scale"]]
            whole = len(scale) == len(counts.classes) and config["units"] in _FEATURES
            return cls(config["kind"], config["units"] if whole else "", int(config["length"]), counts, scale)
        except (ValueError, KeyError, TypeError, IndexError):
            raise damaged(path, "expected names and counts of features") from None

    def to_config(self) -> dict[str, Any]:
        """What `load` needs besides the file of features."""
        return {**super().to_config(), "units": self.units, "length": self.length}

    def save(self, folder: Path) -> None:
        """Write ``bag.json``: names and counts."""
        text = json.dumps({**self.counts.to_json(), "scale": self.scale.tolist()}, ensure_ascii=False)
        (folder / self.FILE).write_text(text + "\n", encoding="utf-8")

    def transform(self, inputs: Sequence[Raw], targets: Sequence[Any] | None = None) -> scipy.sparse.csr_matrix:
        """What every sequence has, and its sums, (sequences, features) float32."""
        from scipy.sparse import csr_matrix, hstack

        present = self._found(inputs)
        if self.counts.classes:
            sums = self._sums(present, None if targets is None else _classes(targets)) / self.scale
            return hstack([present * PRESENCE, csr_matrix(sums)], format="csr", dtype=np.float32)
        present.data *= self._rarity[present.indices]
        norms = np.sqrt(np.asarray(present.multiply(present).sum(1)).ravel())
        present.data /= np.repeat(np.where(norms > 0, norms, 1), np.diff(present.indptr))
        return present

    def describe(self) -> str:
        """One sentence on the features."""
        what = {"words": "words, their beginnings and pairs", "characters": f"pieces of up to {_LONGEST} characters"}
        dna = f"k-mers of up to {_LONGEST} bases" + (" and what stands where" if self.length else "")
        weighed = "and what naive Bayes makes of them" if self.counts.classes else "weighed by how rare they are"
        return f"A bag of {len(self):,} features: {what.get(self.units, dna)}, {weighed}."

    def _found(self, inputs: Sequence[Raw]) -> scipy.sparse.csr_matrix:
        return _present([set(_FEATURES[self.units](raw, self.length)) for raw in inputs], self._number)

    def _sums(self, present: scipy.sparse.csr_matrix, own: Sequence[frozenset[str]] | None) -> NDArray[np.float64]:
        """The sums of log-count ratios, (sequences, classes); ``own`` classes of sequences are not counted."""
        if own is None:
            return np.asarray(present @ self._ratios.T, dtype=np.float64)
        counts, column = self.counts, present.indices
        sizes = np.diff(present.indptr)
        row = np.repeat(np.arange(len(sizes)), sizes)
        sums = np.zeros((len(sizes), len(counts.classes)))
        for number, name in enumerate(counts.classes):
            mine = np.array([name in these for these in own], dtype=np.int64)
            inside, outside = counts.inside[number] + 1, counts.total - counts.inside[number] + 1
            ratios = np.log((inside[column] - mine[row]) / (outside[column] - 1 + mine[row]))
            totals = np.log((inside.sum() - mine * sizes) / (outside.sum() - (1 - mine) * sizes))
            sums[:, number] = np.bincount(row, ratios, len(sizes)) - sizes * totals
        return sums


@dataclass(frozen=True, eq=False)
class Counts:
    """How many sequences of the training data have each feature.

    Attributes:
        names: The features.
        sequences: How many there were.
        total: Those that have each feature, (features,).
        classes: What the sequences are; empty where they have no classes.
        inside: Those of each class that have each feature, (classes, features).
    """

    names: list[str]
    sequences: int
    total: NDArray[np.int64]
    classes: list[str]
    inside: NDArray[np.int64]

    @classmethod
    def of(cls, present: scipy.sparse.csr_matrix, names: list[str], targets: Sequence[Any] | None) -> Counts:
        """Count in ``present`` (sequences, features)."""
        own = _classes(targets) or []
        classes = sorted(set[str]().union(*own))
        inside = np.zeros((len(classes), len(names)), dtype=np.int64)
        for number, name in enumerate(classes):
            inside[number] = np.asarray(present[[name in these for these in own]].sum(0)).ravel()
        total = np.asarray(present.sum(0), dtype=np.int64).ravel()
        return cls(names, present.shape[0], total, classes, inside)

    def take(self, kept: NDArray[np.int64]) -> Counts:
        """Those of some features."""
        names = [self.names[number] for number in kept]
        return Counts(names, self.sequences, self.total[kept], self.classes, self.inside[:, kept])

    def log_ratios(self) -> NDArray[np.float64]:
        """log(p / q) of every class and feature, (classes, features)."""
        inside, outside = self.inside + 1, self.total - self.inside + 1
        sums = np.log(inside.sum(1, keepdims=True) / outside.sum(1, keepdims=True))
        ratios: NDArray[np.float64] = np.log(inside / outside) - sums
        return ratios

    def to_json(self) -> dict[str, Any]:
        """Plain values; of each class the numbers of the features that are there, and how often."""
        where = [np.flatnonzero(counts) for counts in self.inside]
        inside = [[some.tolist(), counts[some].tolist()] for some, counts in zip(where, self.inside, strict=True)]
        numbers = {"total": self.total.tolist(), "classes": self.classes, "inside": inside}
        return {"names": self.names, "sequences": self.sequences, **numbers}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Counts:
        """What `to_json` gave. Raises `KeyError`, `IndexError`, `TypeError` or `ValueError` for anything else."""
        names, classes = list(found["names"]), list(found["classes"])
        total = np.array(found["total"], dtype=np.int64)
        inside = np.zeros((len(classes), len(names)), dtype=np.int64)
        for row, (some, counts) in zip(inside, found["inside"], strict=True):
            row[some] = counts
        if total.shape != (len(names),) or len(set(names)) != len(names):
            raise ValueError("a count for each name")
        return cls(names, int(found["sequences"]), total, classes, inside)


def _present(found: Sequence[Set[str]], number: Mapping[str, int]) -> scipy.sparse.csr_matrix:
    """1 for every feature that a sequence has, (sequences, features)."""
    rows = [sorted(number[feature] for feature in features if feature in number) for features in found]
    return sparse([dict.fromkeys(row, 1.0) for row in rows], len(number))


def _word_features(raw: Raw, length: int) -> Iterable[str]:
    words = [fold(word) for word in words_of(raw)]
    yield from words
    yield from (f"{word[:_STEM]}{_MORE}" for word in words if len(word) > _STEM)
    yield from (f"{one} {other}" for one, other in pairwise(words))


def _character_features(raw: Raw, length: int) -> Iterable[str]:
    text = f"^{raw}$".lower()
    for size in range(1, _LONGEST + 1):
        yield from (text[start : start + size] for start in range(len(text) - size + 1))


def _dna_features(raw: Raw, length: int) -> Iterable[str]:
    letters = "".join(str(raw).split()).upper().replace("U", "T")
    for size in range(1, _LONGEST + 1):
        yield from (letters[start : start + size] for start in range(len(letters) - size + 1))
    if length:
        for size in (1, 2):
            yield from (f"{start}{letters[start : start + size]}" for start in range(min(length, len(letters))))


_FEATURES: dict[str, Callable[[Raw, int], Iterable[str]]] = {
    "words": _word_features,
    "characters": _character_features,
    "bases": _dna_features,
}


def _is_long(name: str, units: str) -> bool:
    """Whether a feature is not a single word, character or base."""
    return (" " in name or name.endswith(_MORE)) if units == "words" else len(name) > 1


def _units(inputs: Sequence[Raw], kind: str) -> str:
    if kind != "text":
        return "bases" if kind == "dna" else "words"
    words = sum(len(str(raw).split()) for raw in inputs)
    return "words" if words >= _NAME_WORDS * len(inputs) else "characters"


def _common_length(inputs: Sequence[Raw]) -> int:
    """The length that nearly all sequences have; 0 where there is none, or too few sequences to say so."""
    lengths = Counter(len("".join(str(raw).split())) for raw in inputs)
    (length, number), *_ = lengths.most_common(1)
    return length if number >= _ALIGNED * len(inputs) and len(inputs) > 1 else 0


def _classes(targets: Sequence[Any] | None) -> list[frozenset[str]] | None:
    """The classes of each sequence, or None where targets are no classes."""
    if targets is None:
        return None
    if all(isinstance(target, str) for target in targets):
        return [frozenset([target]) for target in targets]
    return list(targets) if all(isinstance(target, frozenset) for target in targets) else None
