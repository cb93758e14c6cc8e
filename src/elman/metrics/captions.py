"""How like the captions of people a caption is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

#: Sequences of up to so many words are compared, and captions may differ in length by about so many words.
ORDERS, LENGTH_DEVIATION = 4, 6.0

NGram = tuple[str, ...]


class _Vector(NamedTuple):
    """A caption: for each order, the weights of its n-grams; and how many words it has."""

    weights: list[dict[NGram, float]]
    norms: list[float]
    length: int


def cider_d(given: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]) -> NDArray[np.float64]:
    r"""CIDEr-D of each caption, (captions,), from 0 to 10; the mean is the score of the set.

    An n-gram w that a caption c has h_w(c) times weighs g_w(c) = h_w(c) (ln N - ln max(1, d_w)), where N is the number
    of images and d_w that of images with w in any of their references. With the references r_1, ..., r_m of its image,

    .. math::
        \mathrm{CIDEr\text{-}D}(c) = \frac{10}{4 m} \sum_{n=1}^{4} \sum_{j=1}^{m} e^{-(|c| - |r_j|)^2 / (2 \cdot 6^2)}
        \frac{\sum_{w} \min(g_w(c), g_w(r_j)) \, g_w(r_j)}{\| g^n(c) \| \, \| g^n(r_j) \|}

    where w runs over the n-grams of n words, and a fraction with a norm of 0 is 0. Words that are in the references of
    every image weigh nothing, so a set of one image scores 0. Words are compared as they are given: the paper takes
    their stems first, the common implementations do not.

    Args:
        given: The words of a caption for each image.
        references: For each image the words of its references, one or more.

    Raises:
        DataError: There are not as many captions as images, there is no image, or an image has no reference.

    Source: Vedantam et al., "CIDEr: consensus-based image description evaluation", CVPR 2015, section 5 and equation 8.

    >>> references = [[["a", "red", "square"]], [["a", "blue", "circle"]]]
    >>> cider_d([["a", "red", "square"], ["a", "blue", "square"]], references).round(2).tolist()
    [7.5, 2.5]
    """
    if len(given) != len(references) or not len(given) or not all(references):
        empty = [image for image, captions in enumerate(references) if not captions]
        raise DataError(
            "expected captions for one image or more, each with references, found "
            f"{len(given)} captions, {len(references)} images, and no references for the images {empty[:10]}."
        )
    counted = [[_counts(words) for words in captions] for captions in references]
    images = Counter(chain.from_iterable(set(chain.from_iterable(captions)) for captions in counted))
    rarity = {ngram: math.log(len(references)) - math.log(count) for ngram, count in images.items()}
    unseen = math.log(len(references))
    scores = []
    for words, captions in zip(given, counted, strict=True):
        caption = _vector(_counts(words), rarity, unseen)
        scores.append(float(np.mean([_likeness(caption, _vector(counts, rarity, unseen)) for counts in captions])))
    return 10 * np.array(scores)


def _counts(words: Sequence[str]) -> Counter[NGram]:
    """How often each n-gram of 1 to 4 words is there."""
    text = tuple(words)
    return Counter(
        text[first : first + order] for order in range(1, ORDERS + 1) for first in range(len(text) - order + 1)
    )


def _vector(counts: Counter[NGram], rarity: dict[NGram, float], unseen: float) -> _Vector:
    weights: list[dict[NGram, float]] = [{} for _ in range(ORDERS)]
    for ngram, count in counts.items():
        weights[len(ngram) - 1][ngram] = count * rarity.get(ngram, unseen)
    norms = [math.sqrt(sum(weight**2 for weight in row.values())) for row in weights]
    return _Vector(weights, norms, sum(count for ngram, count in counts.items() if len(ngram) == 1))


def _likeness(caption: _Vector, reference: _Vector) -> float:
    """The mean over the orders of the clipped cosine, times the penalty of the lengths."""
    total = 0.0
    for order in range(ORDERS):
        mine, its = caption.weights[order], reference.weights[order]
        norms = caption.norms[order] * reference.norms[order]
        product = sum(min(weight, its[ngram]) * its[ngram] for ngram, weight in mine.items() if ngram in its)
        total += product / norms if norms else 0.0
    distance = (caption.length - reference.length) / LENGTH_DEVIATION
    return total / ORDERS * math.exp(-(distance**2) / 2)
