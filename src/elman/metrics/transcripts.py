"""How wrong transcripts are: the share of words and of characters, counted by jiwer.

The words and characters of a transcript are laid beside those of the truth so that as few as possible are substituted,
deleted or inserted (Levenshtein 1966); the error is that number by those of the truth, so that it may be above 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.metrics.intervals import bootstrap

#: What is counted: characters, or what stands between white space: words, phonemes.
Unit: TypeAlias = Literal["words", "characters"]


@dataclass(frozen=True)
class Errors:
    """What is wrong in n transcripts.

    Attributes:
        wrong: Substitutions, deletions and insertions of each, (n,).
        lengths: Units of each truth, (n,).
        swaps: How often which unit stood for which, as (truth, transcript); nothing is "".
    """

    wrong: NDArray[np.int64]
    lengths: NDArray[np.int64]
    swaps: Counter[tuple[str, str]]

    @property
    def rate(self) -> float:
        """All errors by all units of the truth: WER of words, CER of characters."""
        return float(self.wrong.sum() / max(1, self.lengths.sum()))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% interval of the rate, by a bootstrap over transcripts."""
        rows = np.stack([self.wrong, self.lengths], 1)
        return bootstrap(rows, lambda sums: sums[:, 0] / np.maximum(1, sums[:, 1]))


def errors(truth: Sequence[str], said: Sequence[str], unit: Unit) -> Errors:
    """Count what is wrong.

    White space at the ends does not count, and more than one in a row as one. Raises `DataError` where there are not
    as many transcripts as truths.

    >>> found = errors(["the cat sat"], ["the cat sat down"], "words")
    >>> found.rate, found.swaps
    (0.3333333333333333, Counter({('', 'down'): 1}))
    """
    if len(truth) != len(said):
        raise DataError(f"expected a transcript for each of {len(truth)} truths, found {len(said)}.")
    counts = [_of_one(_units(one, unit), _units(other, unit)) for one, other in zip(truth, said, strict=True)]
    swaps: Counter[tuple[str, str]] = Counter(swap for swaps, _ in counts for swap in swaps)
    wrong, lengths = ([len(swaps) for swaps, _ in counts], [length for _, length in counts])
    return Errors(np.array(wrong, np.int64), np.array(lengths, np.int64), swaps)


def _units(text: str, unit: Unit) -> list[str]:
    words = text.split()
    return words if unit == "words" else list(" ".join(words))


def _of_one(truth: list[str], said: list[str]) -> tuple[list[tuple[str, str]], int]:
    """Every error as (truth, transcript), and the units of the truth."""
    if truth == said:
        return [], len(truth)
    if not truth:  # which jiwer refuses
        return [("", unit) for unit in said], 0
    import jiwer

    keep: Any = jiwer.Compose([jiwer.ReduceToListOfListOfWords(word_delimiter=_SEPARATOR)])
    output = jiwer.process_words(
        _SEPARATOR.join(truth), _SEPARATOR.join(said), reference_transform=keep, hypothesis_transform=keep
    )
    found: list[tuple[str, str]] = []
    for chunk in output.alignments[0]:
        if chunk.type != "equal":
            here = truth[chunk.ref_start_idx : chunk.ref_end_idx]
            there = said[chunk.hyp_start_idx : chunk.hyp_end_idx]
            places = max(len(here), len(there))
            found += zip([*here, *[""] * (places - len(here))], [*there, *[""] * (places - len(there))], strict=True)
    return found, len(truth)


#: Stands in no text: jiwer takes texts apart by itself.
_SEPARATOR = "\x1f"
