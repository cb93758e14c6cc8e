"""DNA and RNA: one base at a step, or one k-mer, with the strand that stands opposite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.augmentation import strengths
from elman.codecs.raw import Raw
from elman.codecs.sequence import SequenceCodec, SequenceEncoder, Steps
from elman.errors import DataError, SettingsError

BASES = "ACGT"
#: What each letter may stand for (IUPAC-IUB, Cornish-Bowden 1985); U is the T of RNA.
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T",
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip

#: What is done to training sequences where it is asked for by name, and how much.
AUGMENTATIONS = {"reverse": 0.5, "mutate": 0.02}
#: What is done by itself: the other strand often does not have the same label, so it is left out.
USUAL = {"reverse": 0.0, "mutate": 0.02}
LONGEST_KMER = 8


def _letters() -> NDArray[np.float32]:
    """How likely each base is for each byte, (256, 4); zeros for what is no letter of DNA."""
    table = np.zeros((256, 4), dtype=np.float32)
    for letter, bases in IUPAC.items():
        for base in bases:
            table[[ord(letter), ord(letter.lower())], BASES.index(base)] = 1 / len(bases)
    return table


_LIKELY = _letters()


@final
class DnaCodec(SequenceCodec):
    """Bases, or k-mers that overlap.

    With ``k`` of 1 a step is a base, as how likely each of A, C, G and T is: 1 and three times 0, or equal shares of
    those that an IUPAC letter stands for. With larger ``k`` a step is one symbol, for the k bases from there on: 0 if
    one of them is not certain, else 1 + the number that they write in base four; n bases are n - k + 1 steps. Small
    letters are capitals, and white space is nothing.

    In training (`augment`) single bases mutate and, where ``reverse`` is asked for, the sequence may be read on the
    other strand.

    >>> DnaCodec().encode("aR").values.tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0]]
    >>> DnaCodec(k=2).encode("AACN").values.T
    array([[1, 2, 0]])

    Attributes:
        other_strand: The number on the other strand of each symbol, or feature of a frame: together with reading
            backwards it makes the reverse complement.
    """

    kind = "dna"

    def __init__(self, k: int = 1, augmentations: Mapping[str, float] | None = None) -> None:
        if not 1 <= k <= LONGEST_KMER:
            raise SettingsError(f"k must be 1 to {LONGEST_KMER}, not {k}.")
        self.k = k
        self.augmentations = dict(augmentations or {})
        self._places = 4 ** np.arange(k - 1, -1, -1)
        if k == 1:
            self.frame = (4,)
            self.other_strand: tuple[int, ...] = (3, 2, 1, 0)
        else:
            self.symbols = (4**k + 1,)
            opposite = (3 - self._digits(np.arange(1, 4**k + 1)))[:, ::-1] @ self._places + 1
            self.other_strand = (0, *opposite.tolist())

    @classmethod
    def fit(cls, inputs: Iterable[Raw], *, k: int = 1, augment: str = "auto") -> DnaCodec:
        """A codec for ``inputs``, which are looked through: all must be DNA, and not shorter than ``k``.

        ``augment`` is ``auto`` (mutations), ``none``, or a list of ``reverse`` (how likely the other strand is read)
        and ``mutate`` (how likely a base becomes any base), each with ``=STRENGTH`` if wanted. Raises `DataError`,
        `SettingsError`.
        """
        codec = cls(k, USUAL if augment == "auto" else strengths(augment, AUGMENTATIONS))
        for number, raw in enumerate(inputs):
            if len(_bases(raw)) < k:
                raise DataError(f"sequence {number} has fewer than {k} bases, found '{raw}'. Leave it out or lower k.")
        return codec

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> DnaCodec:
        """The codec that `to_config` describes. Raises `DataError` where that is damaged."""
        k, augmentations = config.get("k"), config.get("augment")
        if not isinstance(k, int) or not 1 <= k <= LONGEST_KMER or not isinstance(augmentations, Mapping):
            raise DataError(f"{folder}: expected the configuration of a codec of DNA, found {config}.")
        return cls(k, augmentations)

    def to_config(self) -> dict[str, Any]:
        """All that the codec is."""
        return {"kind": self.kind, "k": self.k, "augment": self.augmentations}

    def encode(self, raw: Raw) -> Steps:
        """(bases, 4) float32, or (bases - k + 1, 1) int64."""
        return self._steps(_bases(raw))

    def encoder(self) -> DnaEncoder:
        """A fresh incremental encoder."""
        return DnaEncoder(self)

    def describe(self) -> str:
        """One sentence on a step."""
        if self.k == 1:
            return "A step is a base: how likely A, C, G and T are."
        return f"A step is the {self.k} bases from there on, one of {4**self.k:,} combinations or unknown."

    def labels(self, raw: Raw, steps: Steps) -> list[str]:
        """The letters of each step."""
        letters = _bases(raw).tobytes().decode().upper()
        return [letters[start : start + self.k] for start in range(len(steps.values))]

    def reverse_complement(self, steps: Steps) -> Steps:
        """The steps of the other strand, read in its own direction.

        >>> codec = DnaCodec(k=3)
        >>> bool((codec.reverse_complement(codec.encode("AACGT")).values == codec.encode("ACGTT").values).all())
        True
        """
        other = np.array(self.other_strand)
        backwards = steps.values[::-1]
        return Steps(backwards[:, other] if self.k == 1 else other[backwards])

    def augment(self, steps: Steps, rng: np.random.Generator) -> Steps:
        """A variant with mutations, of the other strand where that is asked for; as many steps."""
        if rng.random() < self.augmentations.get("reverse", 0.0):
            steps = self.reverse_complement(steps)
        rate = self.augmentations.get("mutate", 0.0)
        return self._mutate(steps, rate, rng) if rate and len(steps.values) else steps

    def _steps(self, letters: NDArray[np.uint8]) -> Steps:
        likely = _LIKELY[letters]
        if self.k == 1:
            return Steps(likely)
        count = max(len(letters) - self.k + 1, 0)
        if not count:
            return Steps(np.empty((0, 1), dtype=np.int64))
        windows = np.lib.stride_tricks.sliding_window_view(likely.argmax(1), self.k)
        certain = np.lib.stride_tricks.sliding_window_view(likely.max(1) == 1, self.k).all(1)
        return Steps(np.where(certain, windows @ self._places + 1, 0)[:, None])

    def _mutate(self, steps: Steps, rate: float, rng: np.random.Generator) -> Steps:
        length = len(steps.values) + self.k - 1
        changed, drawn = rng.random(length) < rate, rng.integers(0, 4, length)
        if self.k == 1:
            return Steps(np.where(changed[:, None], np.eye(4, dtype=np.float32)[drawn], steps.values))
        ids = steps.values[:, 0]
        where, what = (np.lib.stride_tricks.sliding_window_view(each, self.k) for each in (changed, drawn))
        mutated = np.where(where, what, self._digits(ids)) @ self._places + 1
        return Steps(np.where(ids == 0, 0, mutated)[:, None])

    def _digits(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bases of k-mers, (n, k); any where a k-mer is unknown."""
        digits: NDArray[np.int64] = np.maximum(ids - 1, 0)[:, None] // self._places % 4
        return digits


@final
class DnaEncoder(SequenceEncoder):
    """Encodes DNA that arrives in chunks; ``held`` are the last k - 1 bases, which later k-mers begin with."""

    def __init__(self, codec: DnaCodec) -> None:
        self.codec = codec
        self.held = np.empty(0, dtype=np.uint8)

    def push(self, chunk: Raw) -> Steps:
        """The k-mers that are whole."""
        letters = np.concatenate([self.held, _bases(chunk)])
        self.held = letters[max(len(letters) - self.codec.k + 1, 0) :]
        return self.codec._steps(letters)

    def flush(self) -> Steps:
        """Nothing: a k-mer that is not whole is none."""
        self.held = self.held[:0]
        return self.codec._steps(self.held)


def _bases(raw: Raw) -> NDArray[np.uint8]:
    """The letters of a sequence as bytes, without white space. Raises `DataError` on what is no letter of DNA."""
    if not isinstance(raw, str):
        raise DataError(f"expected DNA as text, found {type(raw).__name__}.")
    letters = np.frombuffer("".join(raw.split()).encode("latin-1", "replace"), dtype=np.uint8)
    wrong = ~_LIKELY[letters].any(1)
    if wrong.any():
        place = int(wrong.argmax())
        known = "".join(IUPAC)
        raise DataError(f"base {place + 1} is '{''.join(raw.split())[place]}'. Expected letters of DNA: {known}.")
    return letters
