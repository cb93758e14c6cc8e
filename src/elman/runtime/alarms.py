"""What is usual and what is not: signs of faults in channels, how rare each is, and when to raise an alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.panel import Floats
from elman.errors import BundleError

#: Share of the usual values above which their tail is taken as generalised Pareto.
TAIL_FROM = 0.98

#: Quantiles by which usual values below the tail are told apart.
GRID = 99

#: Change from step to step, in standard deviations, that counts as none.
STILL = 0.02

#: Deviation, in standard deviations, that is nothing beside a fault.
NEARLY_NOTHING = 0.1

#: Signs that need the whole series, and signs that need the past alone; each with what it says of a channel.
SIGNS = {
    "value": "is not what the other channels tell",
    "peak": "is for a moment not what the other channels tell",
    "level": "has long not been what the other channels tell",
    "stillness": "hardly moves",
}
LIVE_SIGNS = {
    "surprise": "is not what was expected after the steps before",
    "surprises": "has long not been what was expected",
    "stillness": "hardly moves",
}

#: Share of the steps of a season that must be measured for a channel to be called still: a gap is no stuck sensor.
MEASURED = 0.5
#: How heavy the tail of each sign is, xi of the generalised Pareto distribution. What is averaged over many steps has
#: few independent values from which a tail could be told, and is given a heavier one: else it outshouts single values.
HEAVINESS = {"value": 0.2, "peak": 0.2, "level": 1.0, "stillness": 0.5, "surprise": 0.2, "surprises": 1.0}


@final
@dataclass(frozen=True)
class Tail:
    r"""How rare large values of a sign are, as usual data show: quantiles, and beyond them a generalised Pareto tail.

    .. math::
        p(s) = (1 - q) \left(1 + \xi \frac{s - s_q}{\beta}\right)^{-1 / \xi}

    Attributes:
        grid: Quantiles of the usual values, from the smallest to s_q, that of q = `TAIL_FROM`, rising.
        excess: beta, the mean by which usual values in the tail exceed its beginning.
        heaviness: xi, above 0.

    Source: Pickands, "Statistical inference using extreme order statistics", Annals of Statistics, 1975.
    """

    grid: NDArray[np.float64]
    excess: float
    heaviness: float

    @classmethod
    def fit(cls, values: Floats, heaviness: float) -> Tail:
        """Learn it from usual values (n,); NaN is left out."""
        known = values[np.isfinite(values)]
        if not len(known):
            known = np.zeros(1)
        grid = np.quantile(known, np.linspace(0, TAIL_FROM, GRID))
        beyond = known[known > grid[-1]] - grid[-1]
        least = max(1e-6, 1e-3 * float(np.abs(grid).max()))
        return cls(grid, max(float(beyond.mean()) if len(beyond) else 0.0, least), heaviness)

    def rarity(self, values: Floats) -> Floats:
        """-ln of the share of usual values that are as large, for each value; 0 for NaN.

        >>> Tail.fit(np.arange(1000.0), 0.2).rarity(np.array([0.0, 500.0, np.nan])).round(1).tolist()
        [0.0, 0.7, 0.0]
        """
        below = np.interp(values, self.grid, np.linspace(0, TAIL_FROM, GRID))
        beyond = np.log1p(self.heaviness * np.maximum(values - self.grid[-1], 0) / self.excess) / self.heaviness
        return np.where(np.isfinite(values), -np.log1p(-below) + beyond, 0.0)

    def limit(self, share: float) -> float:
        """The value that so large a share of usual ones exceeds."""
        if share >= 1 - TAIL_FROM:
            return float(np.interp(1 - share, np.linspace(0, TAIL_FROM, GRID), self.grid))
        return float(self.grid[-1] + self.excess * (((1 - TAIL_FROM) / share) ** self.heaviness - 1) / self.heaviness)

    def to_config(self) -> dict[str, Any]:
        """Plain values."""
        return {"grid": self.grid.tolist(), "excess": self.excess, "heaviness": self.heaviness}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Tail:
        """What `to_config` gave."""
        return cls(np.array(config["grid"], np.float64), float(config["excess"]), float(config["heaviness"]))


@final
@dataclass(frozen=True)
class Judgement:
    """What is said of n steps.

    Attributes:
        score: -ln of how rare the rarest sign of any channel is, (n,); larger is stranger.
        channel: Which channel shows it, (n,).
        sign: Which sign it is, (n,), by its place among `SIGNS` or `LIVE_SIGNS`.
        alarm: Whether the score is beyond the limit, (n,).
    """

    score: Floats
    channel: NDArray[np.int64]
    sign: NDArray[np.int64]
    alarm: NDArray[np.bool_]


@final
@dataclass(frozen=True)
class Alarms:
    """What signs are usual in each channel, and beyond which score there is an alarm.

    Attributes:
        width: Steps over which lasting signs are averaged.
        tails: Of each sign and each channel; the signs that need the whole series, then those that live on the past.
        limits: Scores beyond which there is an alarm: of whole series, and live.
    """

    width: int
    tails: tuple[tuple[Tail, ...], ...]
    limits: tuple[float, float]

    @classmethod
    def fit(cls, width: int, signs: Mapping[str, Floats], live: Mapping[str, Floats], false_alarms: float) -> Alarms:
        """Learn what is usual from signs (time, channels) of held-out data.

        The limits are such that a share ``false_alarms`` of the held-out steps exceeds them; where there are too few
        steps to tell, as the tail of their scores goes on.
        """
        both = [*signs.items(), *live.items()]
        tails = tuple(tuple(Tail.fit(column, HEAVINESS[name]) for column in each.T) for name, each in both)
        first = cls(width, tails, (math.inf, math.inf))
        limits = [Tail.fit(first.judge(each).score, HEAVINESS["value"]).limit(false_alarms) for each in (signs, live)]
        return cls(width, tails, (limits[0], limits[1]))

    def judge(self, signs: Mapping[str, Floats]) -> Judgement:
        """Weigh signs (time, channels), named as `SIGNS` or as `LIVE_SIGNS`."""
        live = list(signs) == list(LIVE_SIGNS)
        tails = self.tails[len(SIGNS) :] if live else self.tails[: len(SIGNS)]
        rare = np.stack(
            [
                np.stack([tail.rarity(column) for tail, column in zip(own, values.T, strict=True)], 1)
                for own, values in zip(tails, signs.values(), strict=True)
            ]
        )
        flat = rare.transpose(1, 0, 2).reshape(rare.shape[1], -1)
        rarest = flat.argmax(1)
        score = flat[np.arange(len(flat)), rarest]
        sign, channel = np.divmod(rarest, rare.shape[2])
        return Judgement(score, channel, sign, score > self.limits[live])

    def to_config(self) -> dict[str, Any]:
        """Plain values."""
        tails = [[tail.to_config() for tail in each] for each in self.tails]
        return {"width": self.width, "tails": tails, "limits": list(self.limits)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Alarms:
        """What `to_config` gave. Raises `BundleError`."""
        try:
            tails = tuple(tuple(Tail.from_config(tail) for tail in each) for each in config["tails"])
            whole, live = config["limits"]
            if len(tails) != len(SIGNS) + len(LIVE_SIGNS):
                raise ValueError
            return cls(int(config["width"]), tails, (float(whole), float(live)))
        except (KeyError, TypeError, ValueError):
            raise BundleError("config.json: 'alarms' does not say what is usual.") from None


def averaged(values: Floats, width: int, least: float = 0.0) -> Floats:
    """The mean of each channel over ``width`` steps round each step, fewer at the ends; NaN counts as nothing.

    Where a smaller share than ``least`` of the steps is known the mean is NaN.

    >>> averaged(np.array([[0.0], [3.0], [np.nan], [3.0]]), 3).ravel().tolist()
    [1.5, 1.5, 3.0, 3.0]
    """
    after = width // 2
    return _mean(values, width - 1 - after, after, least)


def averaged_so_far(values: Floats, width: int, least: float = 0.0) -> Floats:
    """The mean of each channel over the ``width`` steps up to each step, fewer at the beginning; as `averaged` else.

    >>> averaged_so_far(np.array([[0.0], [3.0], [3.0]]), 2).ravel().tolist()
    [0.0, 1.5, 3.0]
    """
    return _mean(values, width - 1, 0, least)


def _mean(values: Floats, before: int, after: int, least: float) -> Floats:
    known = np.isfinite(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(np.where(known, values, 0), 0)])
    counts = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(known, 0)])
    rows = np.arange(len(values))
    first, end = np.maximum(rows - before, 0), np.minimum(rows + after + 1, len(values))
    there = counts[end] - counts[first]
    found: Floats = (sums[end] - sums[first]) / np.maximum(there, 1)
    return np.where(there < least * (end - first)[:, None], np.nan, found)


def peak(off: Floats, usual: Floats) -> Floats:
    """How many times as far off a channel is as it is round that step, both (time, channels) in standard deviations.

    >>> peak(np.array([[2.0]]), np.array([[0.1]])).tolist()
    [[10.0]]
    """
    return np.asarray(off / (usual + NEARLY_NOTHING))


def still(changes: Floats) -> Floats:
    """How little a channel moved, of its mean change (time, channels) in standard deviations.

    >>> still(np.array([[0.98]])).round(2).tolist()
    [[-0.0]]
    """
    return -np.log(changes + STILL)
