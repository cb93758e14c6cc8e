"""What forecasts are to be compared with: the last value, the last season, a linear map, and the statisticians' own.

Each is a function of a panel, of which the history is known, and a horizon, and gives a `Forecast` with quantiles.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.panel import LEVELS, Floats, Forecast, Panel
from elman.errors import DataError, SettingsError, nearest

#: Strengths of the penalty of the linear map to choose from, in shares of the mean square of what it sees.
PENALTIES = (1e-4, 1e-2, 1e-1, 1.0, 10.0)
#: Share of the windows, the latest, by which the penalty is chosen and the quantiles are measured.
_HELD_OUT = 0.2
#: Windows that are enough to fit a linear map, and those that are held in memory at once.
_WINDOWS, _AT_ONCE = 200_000, 4096
#: Models of statsforecast by the names that people know.
STATISTICS = {"AutoETS": "AutoETS", "AutoTheta": "AutoTheta", "AutoARIMA": "AutoARIMA", "Theta": "Theta"}


def naive(panel: Panel, horizon: int, levels: Sequence[float] = LEVELS) -> Forecast:
    """The last value, for ever: the best there is for a random walk.

    Quantiles are those of a random walk: a normal distribution whose deviation is that of the changes from step to step
    times sqrt(h). Source: Hyndman & Athanasopoulos, "Forecasting: principles and practice", chapter 5.

    >>> naive(Panel.of([[1, 3, 2]]), 2).point.tolist()
    [[2.0, 2.0]]
    """
    return _seasonal(panel, horizon, 1, levels)


def seasonal_naive(panel: Panel, horizon: int, levels: Sequence[float] = LEVELS) -> Forecast:
    """What was measured one season before, or where nothing was, the season before that; without a season `naive`.

    Quantiles are normal, with the deviation of the changes from season to season times sqrt(seasons ahead).

    >>> seasonal_naive(Panel.of([[1, 2, 3, 4, 5, 6]], season=3), 4).point.tolist()
    [[4.0, 5.0, 6.0, 4.0]]
    """
    return _seasonal(panel, horizon, panel.frequency.season, levels)


def _seasonal(panel: Panel, horizon: int, season: int, levels: Sequence[float]) -> Forecast:
    point = np.empty((len(panel), horizon))
    spread = np.empty(len(panel))
    for number in range(len(panel)):
        history = panel.series(number)
        latest = history[~np.isnan(history)][-1]
        last = np.full(season, latest)
        if len(history) >= season:
            seasons = history[len(history) % season :].reshape(-1, season)[::-1]
            known = ~np.isnan(seasons)
            last = np.where(known.any(0), seasons[known.argmax(0), np.arange(season)], last)
        if len(history) < season:  # the phase of what is there, at the end of a season
            last[-len(history) :] = np.where(np.isnan(history), latest, history)
        point[number] = last[np.arange(horizon) % season]
        changes = history[season:] - history[:-season]
        changes = changes[~np.isnan(changes)]
        spread[number] = np.sqrt((changes**2).mean()) if len(changes) else np.nanstd(history)
    ahead = np.sqrt(np.arange(horizon) // season + 1)
    return _normal(panel, point, spread[:, None] * ahead, levels)


def _normal(panel: Panel, point: Floats, deviation: Floats, levels: Sequence[float]) -> Forecast:
    from scipy.stats import norm

    quantiles = point[..., None] + deviation[..., None] * norm.ppf(np.asarray(levels, np.float64))
    return Forecast(panel.ids, panel.frequency, panel.first + panel.history, point, tuple(levels), quantiles)


@final
@dataclass(frozen=True, eq=False)
class DLinear:
    """One linear map from the last C values to the next H, the same for all series.

        (y_h - x_C) / s = sum_c W_hc (x_c - x_C) / s + b_h

    where x_C is the last value and s the standard deviation of the series so far. DLinear (Zeng et al. 2023) learns two
    such maps by gradient, of a moving average and of the rest; since both parts are linear in x their sum is one linear
    map, and its least squares are found here in closed form, with a ridge penalty chosen by held-out windows, which are
    later than those that it learns from.

    Sources: Zeng, Chen, Zhang & Xu, "Are transformers effective for time series forecasting?", AAAI 2023; Toner &
    Darlow, "An analysis of linear time series forecasting models", ICML 2024.

    Attributes:
        weight: (C, H).
        bias: (H,).
        residuals: Distances of the quantiles from the forecast in units of s, (H, levels): as far on both sides as
            held-out errors were.
        levels: Of the quantiles.
    """

    weight: Floats
    bias: Floats
    residuals: Floats
    levels: tuple[float, ...]

    @classmethod
    def fit(
        cls, panel: Panel, horizon: int, context: int | None = None, levels: Sequence[float] = LEVELS, seed: int = 0
    ) -> DLinear:
        """Learn from the histories of a panel; ``context`` is C, by default about four horizons or seasons.

        Raises `DataError` where no series is longer than the horizon.
        """
        longest = int(panel.history.max())
        context = context or 4 * max(horizon, min(panel.frequency.season, horizon * 2))
        context = min(context, max(1, longest - horizon - max(1, horizon // 2)))
        series, origins = _whole_windows(panel, context, horizon, seed)
        if len(series) < 2:
            raise DataError(
                f"a linear forecast of {horizon} steps needs a series of more than {horizon + 2} steps without gaps,"
                f" found {longest} at most."
            )
        late = _latest(panel, series, origins, horizon)
        rows = _Rows.of(panel)
        gram, product, mean = _sums(rows, series[~late], origins[~late], context, horizon)
        seen = [rows.pairs(series[late][part], origins[late][part], context, horizon) for part in _parts(late.sum())]
        found = [_solved(gram, product, mean, penalty) for penalty in PENALTIES]
        errors = [np.mean([((x @ w + b - y) ** 2).mean() for x, y in seen]) for w, b in found]
        weight, bias = found[int(np.argmin(errors))]
        rest = np.abs(np.concatenate([y - x @ weight - bias for x, y in seen]))
        sides = np.sign(np.asarray(levels) - 0.5)
        widths = np.quantile(rest, np.abs(2 * np.asarray(levels) - 1), axis=0).T
        return cls(weight, bias, np.where(sides == 0, 0.0, sides * widths), tuple(levels))

    def __call__(self, panel: Panel, horizon: int) -> Forecast:
        """The forecast of a panel, of at most the horizon that was learnt. Raises `SettingsError` beyond it."""
        context, most = self.weight.shape
        if horizon > most:
            raise SettingsError(f"this linear forecast was learnt for {most} steps, not {horizon}.")
        x, last, scale = _Rows.of(panel).inputs(np.arange(len(panel)), panel.history, context)
        point = last + scale * (x @ self.weight + self.bias)
        quantiles = point[..., None] + scale[..., None] * self.residuals
        return Forecast(
            panel.ids, panel.frequency, panel.first + panel.history, point[:, :horizon], self.levels,
            quantiles[:, :horizon],
        )  # fmt: skip


def _whole_windows(panel: Panel, context: int, horizon: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Series and origins of windows whose past reaches back far enough and whose future has no gap."""
    series, origins = [], []
    for number in range(len(panel)):
        history = panel.series(number)
        gaps = np.concatenate([[0], np.cumsum(np.isnan(history))])
        places = np.arange(context, len(history) - horizon + 1)
        places = places[gaps[places + horizon] == gaps[places]]
        series.append(np.full(len(places), number))
        origins.append(places)
    every, where = np.concatenate(series), np.concatenate(origins)
    if len(every) > _WINDOWS:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(every))[:_WINDOWS])
        every, where = every[chosen], where[chosen]
    return every.astype(np.int64), where.astype(np.int64)


def _latest(panel: Panel, series: NDArray[np.int64], origins: NDArray[np.int64], horizon: int) -> NDArray[np.bool_]:
    """Which windows are held out: the latest by the clock, of which none that is learnt from shares a future step."""
    steps = panel.first[series] + origins
    cut = np.quantile(steps, 1 - _HELD_OUT)
    late = steps >= cut
    if late.all() or not (steps <= cut - horizon).any():
        late = np.zeros(len(steps), bool)
        late[np.argsort(steps, kind="stable")[-max(1, round(_HELD_OUT * len(steps))) :]] = True
    return np.asarray(late)


def _parts(count: Any) -> list[slice]:
    return [slice(begin, begin + _AT_ONCE) for begin in range(0, count, _AT_ONCE)]


@final
@dataclass(frozen=True, eq=False)
class _Rows:
    """A panel for linear maps: with the last value where nothing was measured, and the deviation of each series."""

    panel: Panel
    filled: Floats
    scales: Floats

    @classmethod
    def of(cls, panel: Panel) -> _Rows:
        filled, scales = panel.target.copy(), np.ones(len(panel))
        for number in range(len(panel)):
            history, begin = panel.series(number), panel.offsets[number]
            known = np.flatnonzero(~np.isnan(history))
            latest = np.maximum(np.searchsorted(known, np.arange(len(history)), "right") - 1, 0)
            filled[begin : begin + len(history)] = history[known][latest]
            spread = float(history[known].std())
            scales[number] = spread if spread > 1e-12 * abs(float(history[known].mean())) else 1.0
        return cls(panel, filled, scales)

    def inputs(
        self, series: NDArray[np.int64], origins: NDArray[np.int64], context: int
    ) -> tuple[Floats, Floats, Floats]:
        """What is seen, (n, C), the last value and the scale, (n, 1) each; before a series its first value stands."""
        place = np.maximum(origins[:, None] + np.arange(-context, 0), 0)
        values = self.filled[self.panel.offsets[series, None] + place]
        last, scale = values[:, -1:], self.scales[series, None]
        return (values - last) / scale, last, scale

    def pairs(
        self, series: NDArray[np.int64], origins: NDArray[np.int64], context: int, horizon: int
    ) -> tuple[Floats, Floats]:
        """What is seen, (n, C), and what followed, (n, H), of some windows, both in units of their series."""
        x, last, scale = self.inputs(series, origins, context)
        y = self.panel.target[self.panel.offsets[series, None] + origins[:, None] + np.arange(horizon)]
        return x, (y - last) / scale


def _sums(
    rows: _Rows, series: NDArray[np.int64], origins: NDArray[np.int64], context: int, horizon: int
) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
    """Covariances of what is seen with itself, (C, C), and with what follows, (C, H), and the means of both."""
    gram, product = np.zeros((context, context)), np.zeros((context, horizon))
    x_sum, y_sum = np.zeros(context), np.zeros(horizon)
    for part in _parts(len(series)):
        x, y = rows.pairs(series[part], origins[part], context, horizon)
        gram, product = gram + x.T @ x, product + x.T @ y
        x_sum, y_sum = x_sum + x.sum(0), y_sum + y.sum(0)
    count = max(1, len(series))
    x_mean, y_mean = x_sum / count, y_sum / count
    return gram / count - np.outer(x_mean, x_mean), product / count - np.outer(x_mean, y_mean), (x_mean, y_mean)


def _solved(gram: Floats, product: Floats, mean: tuple[Floats, Floats], penalty: float) -> tuple[Floats, Floats]:
    size = np.trace(gram) / len(gram)
    weight = np.linalg.solve(gram + (penalty * size + 1e-9) * np.eye(len(gram)), product)
    return weight, mean[1] - mean[0] @ weight


def statistics(panel: Panel, horizon: int, name: str = "AutoETS", levels: Sequence[float] = LEVELS) -> Forecast:
    """A model of statsforecast, fitted to each series by itself: AutoETS, AutoTheta, AutoARIMA or Theta.

    Gaps are filled by straight lines first. Raises `SettingsError` for another name, and `DataError` where
    statsforecast is not installed.

    Sources: Hyndman, Koehler, Snyder & Grose, "A state space framework for automatic forecasting using exponential
    smoothing methods", 2002; Assimakopoulos & Nikolopoulos, "The theta model", 2000.
    """
    if name not in STATISTICS:
        raise SettingsError(f"expected one of {', '.join(STATISTICS)}, not '{name}'.{nearest(name, STATISTICS)}")
    try:
        from statsforecast import models
    except ImportError:
        raise DataError(f"{name} needs statsforecast. Get it with: pip install 'elman[statistics]'") from None
    point = np.empty((len(panel), horizon))
    quantiles = np.empty((len(panel), horizon, len(levels)))
    percents = sorted({round(100 * abs(1 - 2 * level), 6) for level in levels if level != 0.5})
    for number in range(len(panel)):
        history = panel.series(number)
        known = np.flatnonzero(~np.isnan(history))
        whole = np.interp(np.arange(len(history)), known, history[known])
        season = panel.frequency.season if len(whole) > 2 * panel.frequency.season else 1
        model: Any = getattr(models, STATISTICS[name])(season_length=season)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = model.forecast(y=whole, h=horizon, level=percents)
        point[number] = found["mean"]
        for place, level in enumerate(levels):
            key = f"{round(100 * abs(1 - 2 * level), 6):g}"
            end = "mean" if level == 0.5 else next(
                end for end in found if end.startswith("lo" if level < 0.5 else "hi") and f"{float(end[3:]):g}" == key
            )  # fmt: skip
            quantiles[number, :, place] = found[end]
    return Forecast(panel.ids, panel.frequency, panel.first + panel.history, point, tuple(levels), quantiles)
