"""Small sequences with labels of every kind of answer, which a model without memory can learn."""

from __future__ import annotations

import numpy as np

from elman.codecs.raw import Series
from elman.data.examples import Examples

WORDS = ("a", "the", "of", "film", "story", "plot", "and", "very")


def texts(n: int, seed: int = 0) -> Examples:
    """Sentences with a good or a bad word somewhere."""
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for _ in range(n):
        words = list(rng.choice(WORDS, rng.integers(3, 9)))
        target = str(rng.choice(["bad", "good"]))
        words.insert(int(rng.integers(len(words) + 1)), {"good": "fine", "bad": "dull"}[target])
        inputs.append(" ".join(words))
        targets.append(target)
    return Examples("text", inputs, targets, [f"line {row + 1}" for row in range(n)])


def sets(n: int, seed: int = 0) -> Examples:
    """The same, with every label that belongs; ``film`` belongs where the word is."""
    found = texts(n, seed)
    assert found.targets is not None
    targets = [
        frozenset([str(target), *(["film"] if "film" in str(text).split() else [])])
        for text, target in zip(found.inputs, found.targets, strict=True)
    ]
    return Examples("text", found.inputs, targets, found.names)


def tags(n: int, seed: int = 0) -> Examples:
    """A city after ``to``, maybe of two words."""
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for _ in range(n):
        words, marks = list(rng.choice(WORDS, 3)), ["O"] * 3
        words += ["to", "new", "york"] if rng.random() < 0.5 else ["to", "boston"]
        marks += ["O", "B-city", "I-city"][: len(words) - 3]
        inputs.append(tuple(map(str, words)))
        targets.append(tuple(marks))
    return Examples("words", inputs, targets, [f"line {row + 1}" for row in range(n)])


def numbers(n: int, seed: int = 0, *, gaps: bool = False) -> Examples:
    """Series of 12 steps; to be found is the sum of two of them."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 12, 2))
    targets = [np.array([row[3, 0] + row[7, 1]]) for row in values]
    if gaps:
        values[rng.random(values.shape) < 0.1] = np.nan
    names = [f"row {row + 1}" for row in range(n)]
    return Examples("series", [Series(row) for row in values], targets, names, outputs=("sum",))


def shapes(n: int, seed: int = 0) -> Examples:
    """Series of different lengths that rise or fall."""
    rng = np.random.default_rng(seed)
    inputs, targets = [], []
    for _ in range(n):
        slope = rng.choice([-1, 1])
        steps = np.arange(rng.integers(6, 12))
        inputs.append(Series((slope * steps + rng.normal(0, 0.3, len(steps)))[:, None].astype(float)))
        targets.append("up" if slope > 0 else "down")
    return Examples("series", inputs, targets, [f"row {row + 1}" for row in range(n)])
