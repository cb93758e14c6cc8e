"""Intervals that hold the truth as often as they say: quantiles stretched by what held-out forecasts showed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import ArrayError, DataError
from elman.metrics.intervals import Floats

#: Held-out numbers of one step ahead from which each step is stretched by itself; with fewer all steps are alike.
FEWEST_OF_A_STEP = 200
#: A quantile is moved at most so many times as far from the median as it was.
LARGEST_STRETCH = 100.0


@final
@dataclass(frozen=True, eq=False)
class Conformal:
    """How far quantiles are moved, all together and then each away from the median.

    First all are moved by s w, where w is the width from the first to the last, so that the median has half of the
    held-out truths below it. Then a quantile below the median becomes ``m - k (m - q)``, with the k for which the share
    of held-out truths below it is what its level says (with n of them, level (n + 1) / n, so that the promise holds for
    the next one too); above the median likewise. Intervals of any series and scale are moved alike, as they are learnt
    from all.

    The promise holds as far as the future is like the held-out part: on average over series and steps, not for each.

    Sources: Romano, Patterson & Candes, "Conformalized quantile regression", NeurIPS 2019; Kivaranovic, Johnson & Leeb,
    "Adaptive, distribution-free prediction intervals for deep networks", AISTATS 2020 (stretching).

    Attributes:
        levels: Of the quantiles.
        shift: s, (steps,).
        stretch: k, (steps, levels); 1 of the median. One step where all are alike.
    """

    levels: tuple[float, ...]
    shift: Floats
    stretch: Floats

    @classmethod
    def fit(cls, truth: NDArray[Any], quantiles: NDArray[Any], levels: Sequence[float]) -> Conformal:
        """Learn from held-out ``truth`` (n, horizon), NaN where unknown, and its ``quantiles`` (n, horizon, levels).

        >>> truth = np.arange(-50.0, 51.0)[:, None]
        >>> found = Conformal.fit(truth, np.tile([-4.0, 0.0, 4.0], (101, 1, 1)), (0.1, 0.5, 0.9))
        >>> found(np.array([[[-4.0, 0.0, 4.0]]])).tolist()
        [[[-41.0, 0.0, 41.0]]]
        """
        if quantiles.shape != (*truth.shape, len(levels)) or 0.5 not in levels:
            raise ArrayError(
                f"expected quantiles {(*truth.shape, len(levels))} with the median among them, found {quantiles.shape}"
                f" of {', '.join(f'{level:g}' for level in levels)}."
            )
        if not len(truth) or np.isnan(truth).all():
            raise ArrayError("expected held-out numbers to learn intervals from, found none.")
        counts = (~np.isnan(truth)).sum(0)
        if counts.min() < FEWEST_OF_A_STEP:
            truth, quantiles = truth.reshape(-1, 1), quantiles.reshape(-1, 1, len(levels))
        width = quantiles[..., -1] - quantiles[..., 0]
        median = quantiles[..., list(levels).index(0.5)]
        shift, stretch = np.zeros(truth.shape[1]), np.ones((truth.shape[1], len(levels)))
        for step in range(truth.shape[1]):
            known = ~np.isnan(truth[:, step]) & (width[:, step] > 0)
            if not known.any():
                continue
            off = truth[known, step] - median[known, step]
            shift[step] = np.median(off / width[known, step])
            for place, level in enumerate(levels):
                if level != 0.5:
                    distance = np.abs(quantiles[known, step, place] - median[known, step])
                    beyond = (off - shift[step] * width[known, step]) * (-1.0 if level < 0.5 else 1.0)
                    stretch[step, place] = _stretch(beyond, distance, max(level, 1 - level))
        return cls(tuple(levels), shift, stretch)

    def __call__(self, quantiles: NDArray[Any]) -> Floats:
        """``quantiles`` (n, horizon, levels), calibrated; steps beyond those that were learnt are taken as the last."""
        median = quantiles[..., list(self.levels).index(0.5), None]
        steps = np.minimum(np.arange(quantiles.shape[1]), len(self.stretch) - 1)
        moved = median + self.shift[steps, None] * (quantiles[..., -1:] - quantiles[..., :1])
        return np.sort(moved + self.stretch[steps] * (quantiles - median), axis=-1)

    def describe(self) -> str:
        """How much wider or narrower intervals become, in words."""
        outer = self.stretch[:, [0, -1]].mean()
        if abs(outer - 1) < 0.02:
            return "Held-out forecasts show intervals as they should be; calibration leaves them as they are."
        change = f"{outer:.2f} times as wide"
        return f"Calibrated on held-out forecasts: the widest interval becomes {change} as the model gave it."

    def to_config(self) -> dict[str, Any]:
        """All that it is, in plain values."""
        return {"levels": list(self.levels), "shift": self.shift.tolist(), "stretch": self.stretch.tolist()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Conformal:
        """What `to_config` gave. Raises `DataError`."""
        try:
            levels = tuple(map(float, config["levels"]))
            shift = np.asarray(config["shift"], np.float64)
            return cls(levels, shift, np.asarray(config["stretch"], np.float64).reshape(len(shift), len(levels)))
        except (KeyError, TypeError, ValueError):
            raise DataError(f"expected the configuration of calibrated intervals, found {config}.") from None


def _stretch(beyond: Floats, distance: Floats, level: float) -> float:
    """The k for which ``beyond <= k distance`` in a share ``level`` of the cases."""
    share = np.divide(beyond, distance, out=np.where(beyond > 0, np.inf, 0.0), where=distance > 0)
    rank = math.ceil(level * (len(share) + 1))
    found = float(np.sort(share)[rank - 1]) if rank <= len(share) else float(share.max())
    return min(max(found, 0.0), LARGEST_STRETCH)
