"""`Examples`: sequences with what is known of each, whatever file they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.codecs.raw import Raw

#: What a sequence is made of.
Kind: TypeAlias = Literal["text", "words", "dna", "audio", "series", "ink", "frames", "images"]

#: What is to be learnt of a sequence: one class, several, a tag for every step, numbers, a text.
Answer: TypeAlias = Literal["class", "classes", "tags", "numbers", "text"]

#: A class, or a text; several classes; a label for every step, or several texts of which each is right; numbers.
Target: TypeAlias = str | frozenset[str] | tuple[str, ...] | NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """n sequences of one kind.

    Attributes:
        kind: What they are made of.
        inputs: The raw sequences, see `elman.codecs.raw`.
        targets: What is to be learnt of each, all of one type: a class ``str``, several ``frozenset``, a tag per step
            ``tuple``, numbers (outputs,) float64, a text ``str`` or several that are all right ``tuple``; None where
            it is not known.
        names: Where each comes from, for messages and results: ``"reviews.csv, row 17"`` or ``"7_theo_3.wav"``.
        groups: Who or what each belongs to (speaker, writer, patient), so that splits keep groups together.
        times: When each was made, for splits in time.
        parts: Which part of a given split each is in (``train``, ``valid``, ``test``); None without one.
        channels: Names of what is measured at a step of a series; else empty.
        outputs: Names of the numbers that are to be learnt; else empty.
        notes: Sentences on what was guessed and left out, for the first lines of a training.
        guessed: The options of `elman.settings.DataSettings` with which the files are read like this without a guess.
        answer: What the targets are, where their type does not tell: ``text``.
    """

    kind: Kind
    inputs: Sequence[Raw]
    targets: Sequence[Target] | None
    names: Sequence[str]
    groups: Sequence[str] | None = None
    times: Sequence[float] | None = None
    parts: Sequence[str] | None = None
    channels: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    guessed: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    answer: Answer | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def sha256(self) -> str:
        """Fingerprint of the sequences and what is known of them, wherever they lie."""
        digest = hashlib.sha256()
        for value in (self.inputs, self.targets):
            _digest(value, digest)
        return digest.hexdigest()

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> Examples:
        """Those of the given numbers, in that order."""
        per_row = {"inputs", "targets", "names", "groups", "times", "parts"}
        taken: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name in per_row and value is not None:
                taken[item.name] = [value[int(row)] for row in rows]
        return replace(self, **taken)


def _digest(value: Any, digest: Any) -> None:
    """Take ``value`` into a digest, with its form, so that no two values look alike."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        _digest([getattr(value, item.name) for item in fields(value)], digest)
    elif isinstance(value, (list, tuple, frozenset)):
        digest.update(f"{len(value)} of".encode())
        for item in sorted(value) if isinstance(value, frozenset) else value:
            _digest(item, digest)
    else:
        text = str(value).encode("utf-8", "surrogatepass")
        digest.update(f"{len(text)}:".encode() + text)
