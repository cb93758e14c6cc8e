"""How far chance alone may move a figure: intervals that hold the true value 95 times in 100."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

Floats = NDArray[np.float64]

#: Half the width of the middle 95% of a normal distribution, in standard deviations.
Z95 = 1.959963984540054

#: Resamples of a bootstrap: enough for two digits of an interval's ends.
RESAMPLES = 500

#: Numbers that a bootstrap holds at once.
_AT_ONCE = 4_000_000


def wilson(right: int, n: int) -> tuple[float, float]:
    """The 95% interval of a share of which ``right`` of ``n`` independent trials were seen.

        (p + z^2 / 2n -+ z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n),   p = right / n

    It stays within 0 and 1 and is wide for few trials, even where all were right. Raises `DataError` for no trial.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.

    >>> [round(end, 4) for end in wilson(90, 100)]
    [0.8256, 0.9448]
    """
    if n < 1:
        raise DataError(f"expected at least one sequence to score, found {n}.")
    p, z2 = right / n, Z95**2
    centre = p + z2 / (2 * n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return max(0.0, (centre - half) / (1 + z2 / n)), min(1.0, (centre + half) / (1 + z2 / n))


def bootstrap(
    rows: NDArray[Any], figure: Callable[[Any], Any], *, counts: NDArray[Any] | None = None, seed: int = 0
) -> tuple[float, float]:
    """The 95% interval of a figure of sums over sequences: its middle 95% when sequences are drawn with replacement.

    Args:
        rows: What each sequence adds to the sums, (n, sums).
        figure: From the sums of many resamples, (resamples, sums), to their figures, (resamples,).
        counts: How many sequences each row stands for, (n,); one each when not given.
        seed: The same seed gives the same interval.

    Source: Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979.

    >>> low, high = bootstrap(np.array([[1.0, 1.0]] * 80 + [[0.0, 1.0]] * 20), lambda sums: sums[:, 0] / sums[:, 1])
    >>> 0.70 < low < 0.75 < 0.85 < high < 0.90
    True
    """
    if not len(rows):
        raise DataError("expected at least one sequence to score, found 0.")
    weights = np.ones(len(rows), np.int64) if counts is None else counts.astype(np.int64)
    total, rng = int(weights.sum()), np.random.default_rng(seed)
    found: list[Floats] = []
    at_once = max(1, _AT_ONCE // len(rows))
    for first in range(0, RESAMPLES, at_once):
        draws = rng.multinomial(total, weights / total, size=min(at_once, RESAMPLES - first))
        found.append(figure(draws @ rows.astype(np.float64)))
    low, high = np.nanpercentile(np.concatenate(found), [2.5, 97.5])
    return float(low), float(high)
