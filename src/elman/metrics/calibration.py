"""Whether probabilities are what they say, and the temperature that makes them so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError
from elman.metrics.intervals import Floats, wilson

#: Temperatures are sought within these bounds.
COLDEST, HOTTEST = 0.05, 20.0


@final
@dataclass(frozen=True, eq=False)
class Reliability:
    """What was said with some confidence, and how often it was right, for equal ranges of confidence.

    Attributes:
        counts: Statements in each range, (bins,).
        confidence: Their mean confidence, (bins,); NaN in an empty range.
        right: The share that was right, (bins,); NaN in an empty range.
    """

    counts: NDArray[np.int64]
    confidence: Floats
    right: Floats

    @property
    def intervals(self) -> Floats:
        """The 95% interval of each share, (bins, 2); NaN in an empty range."""
        found = np.full((len(self.counts), 2), np.nan)
        for place in np.flatnonzero(self.counts):
            count = int(self.counts[place])
            found[place] = wilson(round(float(self.right[place]) * count), count)
        return found

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of confidence and share, weighted by the counts."""
        full = self.counts > 0
        distance = np.abs(self.confidence - self.right)[full]
        return float((self.counts[full] * distance).sum() / self.counts.sum())


def reliability(confidence: NDArray[Any], right: NDArray[Any], bins: int = 10) -> Reliability:
    """Compare confidences (n,), from 0 to 1, with whether each statement was right, (n,).

    Source: Naeini, Cooper & Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015.

    >>> found = reliability(np.array([0.95, 0.95, 0.55, 0.55]), np.array([True, True, True, False]))
    >>> round(found.error, 3)
    0.05
    """
    if not len(confidence):
        raise DataError("expected at least one probability to compare, found 0.")
    places = np.clip((confidence * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(places, weights=values, minlength=bins) / counts for values in (confidence, right)]
    return Reliability(counts, *means)


def temperature(scores: NDArray[Any], truth: NDArray[Any], head: Literal["softmax", "sigmoid"] = "softmax") -> float:
    """The T for which softmax(scores / T), or the sigmoid, makes held-out truth likeliest.

    The order of labels stays as it is, only how sure they are changes. As by Platt (1999) the truth is taken as
    n + 1 in n + 2 sure, so that no T makes a model infinitely sure that was always right.

    Args:
        scores: Of held-out sequences or steps, before softmax or sigmoid, (n, labels).
        truth: Their labels, (n,), -1 where the label is unknown to the model (such rows are left out); for the sigmoid
            which labels belong, (n, labels).
        head: What makes probabilities of the scores.

    Source: Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML 2017.

    >>> rng = np.random.default_rng(0)
    >>> scores = rng.normal(0, 2, (20_000, 3))
    >>> labels = (scores + rng.gumbel(size=scores.shape)).argmax(1)  # drawn from softmax(scores)
    >>> round(temperature(3 * scores, labels), 1)
    3.0
    """
    scores = np.asarray(scores, np.float64)
    if head == "softmax":
        known = np.asarray(truth) >= 0
        scores, truth = scores[known], np.asarray(truth)[known]
    if not scores.size:
        return 1.0
    wanted = _smoothed(np.asarray(truth), scores.shape, head)

    def slope(beta: float) -> float:
        """The derivative of the loss by beta = 1 / T; it rises, since the loss is convex in beta."""
        return float(((_probabilities(beta * scores, head) - wanted) * scores).mean())

    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(float(np.exp(middle))) < 0 else (low, middle)
    return float(np.exp(-(low + high) / 2))


def _smoothed(truth: NDArray[Any], shape: tuple[int, ...], head: str) -> Floats:
    doubt = 1 / (shape[0] + 2)
    if head == "sigmoid":
        return np.where(truth.astype(bool), 1 - doubt, doubt)
    wanted = np.full(shape, doubt / max(1, shape[1] - 1))
    wanted[np.arange(shape[0]), truth.astype(np.int64)] = 1 - doubt
    return wanted


def _probabilities(scores: Floats, head: str) -> Floats:
    if head == "sigmoid":
        return np.asarray(0.5 * (1 + np.tanh(scores / 2)))
    powers = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))
