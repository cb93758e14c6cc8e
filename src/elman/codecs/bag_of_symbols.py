"""Words and pairs, pieces of names, k-mers and places of bases: what is there, weighed by how much it tells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
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
#: Pairs and pieces that fewer sequences have tell nothing that can be trusted.
_LEAST = 2
#: Features that are kept, those that tell most.
MOST = 200_000
#: Names have fewer words than this on average.
_NAME_WORDS = 2.0
#: Sequences are aligned where at least this share has one and the same length.
_ALIGNED = 0.95


@final
class BagOfSymbols(Bag):
    """Whether a sequence has each feature, times the feature's weight.

    The weight is the naive-Bayes log-count ratio (Wang & Manning 2012): with p the share of the feature among all that
    sequences of a class have, and q among all that the others have, each counted once a sequence and one more,
    log(p / q). Of several classes it is the root of the mean square over the classes. Without classes it is the
    logarithm of one over the share of sequences that have the feature, and rows have length 1.
    """

    def __init__(
        self, kind: str, units: str, names: Sequence[str], weights: Sequence[float], by_class: bool, length: int = 0
    ) -> None:
        """Take the features with their weights; ``length`` is that of aligned sequences, else 0."""
        self.kind, self.units, self.names, self.by_class, self.length = kind, units, list(names), by_class, length
        self.weights = np.asarray(weights, dtype=np.float32)
        self._number = {name: number for number, name in enumerate(self.names)}

    @classmethod
    def _learn(cls, inputs: Sequence[Raw], targets: Sequence[Any] | None, kind: str) -> BagOfSymbols:
        units, length = _units(inputs, kind), _common_length(inputs) if kind == "dna" else 0
        found = [set(_FEATURES[units](raw, length)) for raw in inputs]
        seen = Counter(feature for features in found for feature in features)
        names = sorted(name for name, number in seen.items() if number >= _LEAST or not _is_long(name, units))
        if not names:
            raise DataError("a bag of features cannot be learnt from sequences that hold nothing. Give training data.")
        present = _present(found, {name: number for number, name in enumerate(names)})
        classes = None if targets is None else _classes(targets)
        weights = _rarity(present) if classes is None else _log_ratios(present, classes)
        kept = np.arange(len(names))
        if len(names) > MOST:
            told = np.abs(weights) * np.sqrt(np.asarray(present.sum(0)).ravel())
            kept = np.sort(np.argsort(-told, kind="stable")[:MOST])
        names = [names[number] for number in kept]
        return cls(kind, units, names, weights[kept].tolist(), classes is not None, length)

    @classmethod
    def _load(cls, folder: Path, config: Mapping[str, Any]) -> BagOfSymbols:
        path = folder / cls.FILE
        try:
            found = json.loads(read_file(path))
            names, weights = list(found["names"]), [float(weight) for weight in found["weights"]]
            bag = cls(config["kind"], config["units"], names, weights, config["by_class"], config["length"])
            whole = len(names) == len(weights) == len(bag._number) and bag.units in _FEATURES
        except (ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            raise damaged(path, "expected names and weights of features")
        return bag

    def to_config(self) -> dict[str, Any]:
        """What `load` needs besides the file of features."""
        return {**super().to_config(), "units": self.units, "by_class": self.by_class, "length": self.length}

    def save(self, folder: Path) -> None:
        """Write ``bag.json``: names and weights."""
        weights = [float(str(weight)) for weight in self.weights]  # the fewest digits that give the same float32
        text = json.dumps({"names": self.names, "weights": weights}, ensure_ascii=False)
        (folder / self.FILE).write_text(text + "\n", encoding="utf-8")

    def transform(self, inputs: Sequence[Raw]) -> scipy.sparse.csr_matrix:
        """The weight of every feature that a sequence has, (sequences, features) float32."""
        present = _present([set(_FEATURES[self.units](raw, self.length)) for raw in inputs], self._number)
        present.data *= self.weights[present.indices]
        if not self.by_class:
            norms = np.sqrt(np.asarray(present.multiply(present).sum(1)).ravel())
            present.data /= np.repeat(np.where(norms > 0, norms, 1), np.diff(present.indptr))
        return present

    def describe(self) -> str:
        """One sentence on the features."""
        what = {"words": "words and pairs of words", "characters": f"pieces of up to {_LONGEST} characters"}
        dna = f"k-mers of up to {_LONGEST} bases" + (" and what stands where" if self.length else "")
        weighed = "weighed by naive Bayes" if self.by_class else "weighed by how rare they are"
        return f"A bag of {len(self):,} features: {what.get(self.units, dna)}, {weighed}."


def _present(found: Sequence[Set[str]], number: Mapping[str, int]) -> scipy.sparse.csr_matrix:
    """1 for every feature that a sequence has, (sequences, features)."""
    rows = [sorted(number[feature] for feature in features if feature in number) for features in found]
    return sparse([dict.fromkeys(row, 1.0) for row in rows], len(number))


def _word_features(raw: Raw, length: int) -> Iterable[str]:
    words = [fold(word) for word in words_of(raw)]
    yield from words
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
    """Whether a feature is more than one word, character or base."""
    return " " in name if units == "words" else len(name) > 1


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


def _classes(targets: Sequence[Any]) -> list[frozenset[str]] | None:
    """The classes of each sequence, or None where targets are none."""
    if all(isinstance(target, str) for target in targets):
        return [frozenset([target]) for target in targets]
    return list(targets) if all(isinstance(target, frozenset) for target in targets) else None


def _log_ratios(present: scipy.sparse.csr_matrix, classes: Sequence[frozenset[str]]) -> NDArray[np.float64]:
    """Naive-Bayes weights, (features,)."""
    total = np.asarray(present.sum(0), dtype=np.float64).ravel() + 1
    squares = np.zeros(len(total))
    known = sorted(set[str]().union(*classes))
    for name in known:
        rows = np.array([name in these for these in classes])
        inside = np.asarray(present[rows].sum(0), dtype=np.float64).ravel() + 1
        outside = total - inside + 1
        ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        squares += ratio**2
    return np.sqrt(squares / max(len(known), 1))


def _rarity(present: scipy.sparse.csr_matrix) -> NDArray[np.float64]:
    """log((1 + sequences) / (1 + sequences that have it)) + 1, (features,)."""
    having = np.asarray(present.sum(0), dtype=np.float64).ravel()
    rarity: NDArray[np.float64] = np.log((1 + present.shape[0]) / (1 + having)) + 1
    return rarity
