"""Choose the next symbol from a network's logits: greedy, or at random with temperature, top-k and top-p."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError, SettingsError


@dataclass(frozen=True)
class Sampling:
    """How to choose: the three steps are applied in this order.

    - ``temperature`` T: p = softmax(logits / T); 0 always takes the most probable symbol.
    - ``top_k``: only the k most probable symbols stay (Fan et al. 2018); 0 keeps all.
    - ``top_p``: only the smallest set of most probable symbols stays whose probability is at least p
      (nucleus sampling, Holtzman et al. 2020); 1 keeps all.

    Of equally probable symbols the one with the smaller id comes first. Raises `SettingsError` out of range.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature >= 0):
            raise SettingsError(f"temperature must be a number from 0 on, not {self.temperature}.")
        if self.top_k < 0:
            raise SettingsError(f"top_k must be 0 (all symbols) or more, not {self.top_k}.")
        if not 0 < self.top_p <= 1:
            raise SettingsError(f"top_p must be above 0 and at most 1, not {self.top_p}.")

    def probabilities(self, logits: ArrayLike) -> NDArray[np.float64]:
        """Return the probabilities (..., V), summing to 1, from which `choose` draws.

        A logit of minus infinity forbids a symbol. Raises `DataError` on NaN, plus infinity, or if all are forbidden.

        >>> Sampling(top_k=2).probabilities([0.0, 0.0, -1.0])
        array([0.5, 0.5, 0. ])
        """
        scores: NDArray[np.float64] = np.asarray(logits, dtype=np.float64)
        highest = scores.max(axis=-1, keepdims=True)
        if not np.isfinite(highest).all():
            raise DataError("expected finite logits to choose from, found NaN or infinity. The weights may be damaged.")
        if self.temperature == 0:
            certain = np.zeros_like(scores)
            np.put_along_axis(certain, scores.argmax(axis=-1, keepdims=True), 1.0, axis=-1)
            return certain
        with np.errstate(over="ignore"):  # a tiny temperature may send a difference to minus infinity, as it should
            weights: NDArray[np.float64] = np.exp((scores - highest) / self.temperature)
        weights /= weights.sum(axis=-1, keepdims=True)
        if self.top_k or self.top_p < 1:
            return self._keep_most_probable(weights, np.argsort(-scores, axis=-1, kind="stable"))
        return weights

    def choose(self, logits: ArrayLike, rng: np.random.Generator) -> int:
        """Draw one symbol id from logits (V,); takes one number from ``rng``, none at temperature 0."""
        probabilities = self.probabilities(logits)
        if self.temperature == 0:
            return int(probabilities.argmax())
        cumulated = probabilities.cumsum()
        place = np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right")
        # Rounding may carry the product up to the total; then the last possible symbol is meant.
        return int(min(place, np.searchsorted(cumulated, cumulated[-1])))

    def _keep_most_probable(self, weights: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
        ranked = np.take_along_axis(weights, order, axis=-1)
        if self.top_k:
            ranked[..., self.top_k :] = 0
        total = ranked.sum(axis=-1, keepdims=True)
        before = ranked.cumsum(axis=-1) - ranked
        ranked[before >= self.top_p * total] = 0
        ranked /= ranked.sum(axis=-1, keepdims=True)
        kept = np.empty_like(weights)
        np.put_along_axis(kept, order, ranked, axis=-1)
        return kept


def generate(
    step: Callable[[int], NDArray[Any]],
    logits: NDArray[Any],
    sampling: Sampling,
    rng: np.random.Generator,
    *,
    length: int | None = None,
    stop: Collection[int] = (),
) -> Iterator[int]:
    """Yield symbol ids, each chosen from the logits that follow the one before.

    ``logits`` (V,) are those for the first symbol, ``step(id)`` reads one symbol and returns the next ones.
    Ends after ``length`` symbols (None: never) or before the first of ``stop``. Every symbol is read by ``step``
    before it is yielded, so what comes after it can go on from there; one of ``stop`` is not read.

    >>> counting = lambda symbol: np.eye(5)[(symbol + 1) % 5]
    >>> list(generate(counting, np.eye(5)[0], Sampling(temperature=0), np.random.default_rng(0), stop=[4]))
    [0, 1, 2, 3]
    """
    for _ in count() if length is None else range(length):
        symbol = sampling.choose(logits, rng)
        if symbol in stop:
            return
        logits = step(symbol)
        yield symbol
