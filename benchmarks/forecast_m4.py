"""Hours of 414 series of the M4 competition: two days ahead, once, by what the rules choose.

The last two days of the training part choose the best moment of training; the rules were found on them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.forecast_runs import Attempt, Goal, Problem
from benchmarks.forecast_runs import measure as measure_problems
from benchmarks.harness import Data, Figure
from elman.baselines.forecasts import DLinear, naive, seasonal_naive
from elman.codecs.panel import Forecast, Panel
from elman.metrics.forecast import coverage, crps, mase, smape
from elman.tasks.forecast import Forecaster

HORIZON, SEASON = 48, 24


def hours(data: Path, part: str) -> dict[str, NDArray[np.float64]]:
    """The series of a part by name."""
    rows = pd.read_csv(data / "m4_hourly" / f"Hourly-{part}.csv.gz").to_numpy()
    values = {str(row[0]): np.array(row[1:], np.float64) for row in rows}
    return {name: each[~np.isnan(each)] for name, each in values.items()}


def scores(forecast: Forecast, truth: NDArray[np.float64], panel: Panel) -> dict[str, float]:
    """The competition's measures, and those of intervals."""
    histories = [panel.series(number) for number in range(len(panel))]
    found = {
        "sMAPE": smape(truth, forecast.point),
        "MASE": mase(truth, forecast.point, histories, SEASON)[0],
    }
    if forecast.levels:
        found["CRPS"] = crps(truth, forecast.quantiles, forecast.levels)
        for percent in forecast.coverages:
            found[f"coverage {percent}"] = 100 * coverage(truth, *forecast.interval(percent))
    return found


def attempt(data: Path, run: int) -> Attempt:
    """Train on all series, and score the two days that the competition kept."""
    # The file says no dates; all series are counted from one hour, and the calendar is not shown.
    panel = Panel.of(hours(data, "train"), "h", start="2015-01-01")
    test = hours(data, "test")
    truth = np.stack([test[name] for name in panel.ids])
    model = Forecaster(horizon=HORIZON, held_out=HORIZON, calendar=False, conformal=True, seed=run).fit(panel)
    rivals = {
        "last value": naive(panel, HORIZON),
        "seasonal naive": seasonal_naive(panel, HORIZON),
        "linear map": DLinear.fit(panel, HORIZON, 336)(panel, HORIZON),
    }
    return Attempt(
        scores(model.forecast(), truth, panel),
        {name: scores(each, truth, panel) for name, each in rivals.items()},
        round(model.metrics["training"]["seconds"], 1),
        sum(value.size for value in model.model.tensors.values()),
    )


PROBLEMS = (
    Problem("M4 hourly", attempt, (
        Goal("sMAPE", 10.5, source="RNN benchmark 14.70, seasonal naive 13.91, winner 9.33 (Makridakis et al. 2020)"),
        Goal("MASE", 0.95, source="RNN benchmark 3.05, seasonal naive 1.19, winner 0.89 (Makridakis et al. 2020)"),
        Goal("CRPS"),
        Goal("coverage 80", 75.0, "%", "higher"),
        Goal("coverage 95", None, "%", "higher"),
    )),
)  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "forecast_m4")
