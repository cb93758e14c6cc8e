"""Small pairs of texts: spellings and what their letters are called, from the last to the first."""

from __future__ import annotations

import itertools

import numpy as np

from elman.data.examples import Examples

#: Options with which a network learns them a little within seconds.
QUICK = {
    "hidden_size": 24,
    "embedding_size": 8,
    "batch_tokens": 96,
    "learning_rate": 0.02,
    "epochs": 10,
    "dropout": 0.0,
    "threads": 1,
}


def spellings(count: int, begin: int = 0, several: bool = False) -> Examples:
    """Words of two or three letters; with ``several`` each has two targets that are right."""
    letters = "abcdefgh"
    words = ["".join(each) for length in (2, 3) for each in itertools.product(letters, repeat=length)]
    some = np.random.default_rng(0).permutation(len(words))[begin : begin + count]
    sources = [words[row] for row in some]
    said = [" ".join(f"{letter.upper()}{letter}" for letter in reversed(word)) for word in sources]
    targets = [(each, f"{each} Zz") for each in said] if several else said
    return Examples("text", sources, targets, [f"word {number}" for number in range(count)], answer="text")
