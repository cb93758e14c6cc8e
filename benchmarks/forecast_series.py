"""Series that everybody knows: exchange rates, air passengers, sunspots, temperatures, and the air of Beijing.

What is scored is always the last part, of which nothing is seen in training; a part before it chooses the best moment.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.forecast_runs import Attempt, Goal, Problem
from benchmarks.forecast_runs import measure as measure_problems
from benchmarks.harness import Data, Figure
from elman.baselines.forecasts import DLinear, naive, seasonal_naive
from elman.codecs.panel import Forecast, Panel
from elman.data.panel import read_panel
from elman.metrics.forecast import rse
from elman.metrics.intervals import bootstrap
from elman.runtime.backtest import Backtest, backtest, compare
from elman.settings.panel import PanelSettings
from elman.tasks.forecast import Forecaster

SEEDS = (0, 1, 2, 3, 4)


def attempted(
    model: Forecaster, figures: dict[str, float], beside: dict[str, dict[str, float]], *words: str
) -> Attempt:
    """What a run came to, with how long it took."""
    weights = sum(value.size for value in model.model.tensors.values())
    return Attempt(figures, beside, round(model.metrics["training"]["seconds"], 1), weights, words)


def exchange(data: Path, run: int) -> Attempt:
    """Eight currencies day by day: 60% to learn from, 20% to choose, the last 20% scored at 3 days."""
    table = pd.read_csv(data / "exchange_rate" / "exchange_rate.txt.gz", header=None).to_numpy()
    panel = Panel.of({f"currency {number}": values for number, values in enumerate(table.T)}, "B", start="1990-01-01")
    learnt, chosen = int(0.6 * len(table)), int(0.2 * len(table))
    model = Forecaster(horizon=3, held_out=chosen, seed=run).fit(panel.until(learnt + chosen))
    origins = np.arange(learnt + chosen, len(table) - 2)
    series, days = np.repeat(np.arange(len(panel)), len(origins)), np.tile(origins, len(panel))
    truth = table.T[series, days + 2]
    points = {"model": model.model.at(panel, series, days).point[:, 2], "last value": table.T[series, days - 1]}
    scores = {name: {"RSE at 3 days": rse(truth[:, None], point[:, None])} for name, point in points.items()}
    return attempted(model, scores.pop("model"), scores, _beyond(truth, points, origins))


def _beyond(truth: NDArray[np.float64], points: dict[str, NDArray[np.float64]], origins: NDArray[np.int64]) -> str:
    """In words whether anything beyond the last value was found: errors of one month are drawn together."""
    errors = [((point - truth) ** 2).reshape(-1, len(origins)).sum(0) for point in points.values()]
    months = (origins - origins[0]) // 21
    rows = np.stack([np.bincount(months, weights=each) for each in errors], axis=1)
    low, high = bootstrap(rows, lambda sums: np.sqrt(sums[:, 0] / sums[:, 1]))
    ratio = float(np.sqrt(errors[0].sum() / errors[1].sum()))
    what = "more than" if high < 1 else "less than" if low > 1 else "nothing beyond"
    return f"The error is {ratio:.4f} of the last value's (95% interval {low:.4f} to {high:.4f}): {what} it was found."


def _of(model: Forecaster) -> Callable[[Panel, int], Forecast]:
    return lambda panel, horizon: model.model.forecast(panel, horizon)


def _scored(found: Backtest) -> dict[str, float]:
    scores = found.scores()
    return {name: scores[name] * (100 if name.startswith("coverage") else 1)
            for name in ("MASE", "RMSE", "coverage 50", "coverage 80", "coverage 95")}  # fmt: skip


def classic(
    file: str, time: str, horizon: int, tested: int, data: Path, run: int, *, frequency: str, step: int, **options: Any
) -> Attempt:
    """One series, of which the last ``tested`` steps are forecast, ``horizon`` at a time."""
    settings = PanelSettings(frequency=frequency, time_column=time)
    panel = read_panel(data / "classic_series" / file, settings)
    known = panel.without_last(tested)
    model = Forecaster(horizon=horizon, seed=run, **options).fit(known)
    folds = (tested - horizon) // step + 1
    every: dict[str, Callable[[Panel, int], Forecast]] = {
        "model": _of(model),
        "last value": naive,
        "last season": seasonal_naive,
        "linear map": DLinear.fit(known, horizon),
    }
    found = {name: backtest(panel, each, horizon, folds=folds, step=step) for name, each in every.items()}
    words = [compare(found["model"], other, name).describe() for name, other in found.items() if name != "model"]
    scores = {name: _scored(each) for name, each in found.items()}
    return attempted(model, scores.pop("model"), scores, *words)


def beijing(hours: int, data: Path, run: int) -> Attempt:
    """Fine dust so many hours ahead, with the weather so far: the last fifth, from every hour at which it is known."""
    table = pd.read_csv(data / "beijing_pm25" / "pollution.csv.gz")
    weather = ("DEWP", "TEMP", "PRES", "cbwd", "Iws", "Is", "Ir")
    settings = {"target": ("pm2.5",), "time_column": "year+month+day+hour", "past": weather}
    first = int(0.8 * len(table))
    model = Forecaster(horizon=hours, point="mean", seed=run, **settings).fit(table.iloc[:first])
    panel = model.panel(table)
    dust = panel.series(0)
    start = len(dust) - (len(table) - first)
    origins = np.array([o for o in range(start, len(dust) - hours + 1) if not np.isnan(dust[o - 1])])
    told = model.model.at(panel, np.zeros(len(origins), np.int64), origins).point[:, -1]
    truth, last = dust[origins + hours - 1], _rmse(dust[origins + hours - 1], dust[origins - 1])
    error = _rmse(truth, told)
    figures = {"RMSE": error, "below the last value": 100 * (1 - error / last)}
    return attempted(model, figures, {"last value": {"RMSE": last}})


def _rmse(truth: NDArray[np.float64], point: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.nanmean((truth - point) ** 2)))


PROBLEMS = (
    Problem("air passengers, the last 24 months", partial(
        classic, "airline-passengers.csv", "Month", 24, 24, frequency="MS", step=24,
    ), (Goal("MASE", 2.4943, source="goal: the last season's"), Goal("coverage 80", None, "%", "higher")), SEEDS),
    Problem("sunspots, a year ahead", partial(
        classic, "monthly-sunspots.csv", "Month", 12, 564, frequency="MS", step=6, conformal=True,
    ), (Goal("coverage 80", 70.0, "%", "higher"), Goal("MASE"), Goal("RMSE"))),
    Problem("minimum temperatures, a fortnight ahead", partial(
        classic, "daily-min-temperatures.csv", "Date", 14, 730, frequency="D", step=7, conformal=True,
    ), (Goal("coverage 80", 70.0, "%", "higher"), Goal("MASE"), Goal("RMSE"))),
    Problem("exchange rates", exchange, (
        Goal("RSE at 3 days", 0.01713, source="goal: the last value's; LSTNet 0.0226 (Lai et al. 2018)"),
    )),
    *(
        Problem(f"dust of Beijing, {ahead} ahead", partial(beijing, hours), (
            Goal("RMSE"), Goal("below the last value", goal, "%", "higher"),
        ))
        for hours, ahead, goal in ((1, "an hour", 3.0), (24, "a day", 15.0))
    ),
)  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "forecast_series")
