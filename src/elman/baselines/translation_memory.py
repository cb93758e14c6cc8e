"""A translation memory: the target of the most similar source that is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np

from elman.errors import DataError

#: Texts with fewer words than this, on average, are compared by runs of characters.
FEWEST_WORDS = 2.0

#: Sources that are looked up at once.
_AT_ONCE = 256


@final
class TranslationMemory:
    """Answers with the target of the training source that is nearest by the cosine of weighted words.

    Words are weighted by how rare they are (TF-IDF); single words are taken apart into runs of one to four characters,
    their ends marked. Of equally near sources the first one counts.

    Attributes:
        name: What it is called in reports.

    Source: Salton & Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
    """

    name = "nearest source's target"

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        """Remember pairs. Raises `DataError` where there are none, or not as many targets as sources."""
        if len(sources) != len(targets) or not len(sources):
            raise DataError(f"expected as many targets as sources, found {len(targets)} and {len(sources)}.")
        from sklearn.feature_extraction.text import TfidfVectorizer

        in_words = sum(len(source.split()) for source in sources) >= FEWEST_WORDS * len(sources)
        options: dict[str, Any] = {"analyzer": "char_wb", "ngram_range": (1, 4)}
        if in_words:
            options = {"tokenizer": str.split, "token_pattern": None, "ngram_range": (1, 2)}
        self._vectors = TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **options)
        self._known = self._vectors.fit_transform(sources).T.tocsr()
        self._targets = list(targets)

    def predict(self, sources: Sequence[str]) -> list[str]:
        """The target of the nearest known source, for each.

        >>> TranslationMemory(["a small dog", "a red car"], ["ein kleiner Hund", "ein rotes Auto"]).predict(["the dog"])
        ['ein kleiner Hund']
        """
        found: list[str] = []
        for begin in range(0, len(sources), _AT_ONCE):
            near = (self._vectors.transform(sources[begin : begin + _AT_ONCE]) @ self._known).toarray()
            found += [self._targets[int(row)] for row in near.argmax(1)]
        return found
