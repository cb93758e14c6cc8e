"""Small sequences with transcripts: every letter has a pattern of its own, for some steps, and silence behind it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from elman.codecs.raw import Series
from elman.data.examples import Examples

LETTERS = "abc "
CHANNELS = 5
_PATTERNS = np.random.default_rng(1).normal(size=(len(LETTERS), CHANNELS))


def spoken(text: str, rng: np.random.Generator) -> Series:
    """A text as it sounds here, a little different each time."""
    rows = [np.zeros((1, CHANNELS))]
    for letter in text:
        rows += [np.tile(_PATTERNS[LETTERS.index(letter)], (rng.integers(3, 6), 1)), np.zeros((2, CHANNELS))]
    values = np.concatenate(rows)
    return Series(values + rng.normal(0, 0.05, values.shape))


def written(rng: np.random.Generator) -> str:
    """A text of one to three short words."""
    return " ".join("".join(rng.choice(list("abc"), rng.integers(1, 4))) for _ in range(rng.integers(1, 3)))


def examples(count: int, seed: int = 0) -> Examples:
    """So many texts with their sounds."""
    rng = np.random.default_rng(seed)
    texts = [written(rng) for _ in range(count)]
    sounds = [spoken(text, rng) for text in texts]
    return Examples("series", sounds, texts, [f"clip {number}" for number in range(count)], answer="text")


def without_transcripts(given: Examples) -> Examples:
    """The sounds alone."""
    return replace(given, targets=None)
