"""The temperature of a transformer's oil and its load (ETTh1), hours to a month ahead, beside a linear map.

Twelve months to learn from, four to choose the best moment of training, four for the test, of which every window is
scored and none dropped. Errors are in units of the deviations of the first twelve months.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from benchmarks.forecast_runs import Attempt, Goal, Problem, attempted, figures
from benchmarks.harness import Data, Figure
from elman.baselines.forecasts import DLinear
from elman.codecs.panel import Panel
from elman.metrics.forecast import coverage
from elman.tasks.forecast import Forecaster

LEARNT, CHOSEN, TEST = 8_640, 2_880, 2_880
HORIZONS = (24, 48, 96, 168, 192, 336, 720)
#: Horizons whose mean is asked for.
USUAL = (96, 192, 336, 720)
#: Steps that the linear map reads (Zeng et al. 2023).
LINEAR_CONTEXT = 336


def transformer(data: Path, columns: Sequence[str] = ()) -> Panel:
    """The channels as series, the last month, which nobody uses, left out."""
    table = pd.read_csv(data / "ett" / "ETTh1.csv.gz").iloc[: LEARNT + CHOSEN + TEST]
    chosen = columns or [name for name in table.columns if name != "date"]
    return Panel.of({name: table[name].to_numpy() for name in chosen}, "h", start=table["date"].iloc[0])


def attempt(horizon: int, columns: Sequence[str], data: Path, run: int) -> Attempt:
    """Train for one horizon and score all windows of the test."""
    panel = transformer(data, columns)
    known = panel.until(LEARNT + CHOSEN)
    model = Forecaster(horizon=horizon, held_out=CHOSEN, seed=run).fit(known)
    matrix = panel.matrix()
    units = matrix[:LEARNT].std(0)
    origins = np.arange(LEARNT + CHOSEN, len(matrix) - horizon + 1)
    linear = DLinear.fit(known, horizon, LINEAR_CONTEXT)
    errors: dict[str, list[NDArray[np.float64]]] = {"model": [], "linear map": [], "last value": []}
    held = []
    for number, unit in enumerate(units):
        values = matrix[:, number]
        truth = sliding_window_view(values, horizon)[origins]
        told = model.model.at(panel, np.full(len(origins), number), origins)
        last = values[origins - 1, None]
        seen = sliding_window_view(values, LINEAR_CONTEXT)[origins - LINEAR_CONTEXT]
        line = last + (seen - last) @ linear.weight + linear.bias * values[: LEARNT + CHOSEN].std()
        for name, point in (("model", told.point), ("linear map", line), ("last value", last)):
            errors[name].append((point - truth) / unit)
        held.append(coverage(truth, told.quantiles[..., 1], told.quantiles[..., -2]))
    scored = {
        name: {"MSE": float(np.mean(np.square(each))), "MAE": float(np.mean(np.abs(each)))}
        for name, each in errors.items()
    }
    return Attempt(
        {**scored.pop("model"), "coverage 80": 100 * statistics.fmean(held)},
        scored,
        round(model.metrics["training"]["seconds"], 1),
        sum(value.size for value in model.model.tensors.values()),
    )


def problems() -> list[Problem]:
    """Each horizon, and the oil alone a day ahead."""
    goals = {96: 0.37}
    published = {24: "LSTMa 0.650 (Zhou et al. 2021)", 168: "LSTMa 1.212 (Zhou et al. 2021)"}
    several = [
        Problem(f"ETTh1, {horizon} hours", partial(attempt, horizon, ()), (
            Goal("MSE", goals.get(horizon), source=published.get(horizon)), Goal("MAE"),
            Goal("coverage 80", None, "%", "higher"),
        ))
        for horizon in sorted(HORIZONS, key=lambda each: each not in USUAL)
    ]  # fmt: skip
    alone = Problem("ETTh1, oil alone, 24 hours", partial(attempt, 24, ("OT",)), (
        Goal("MSE", 0.027, source="LSTMa 0.114, DeepAR 0.107 (Zhou et al. 2021)"), Goal("MAE"),
    ))  # fmt: skip
    return [*several, alone]


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all, with the mean over the usual horizons."""
    every = problems()
    runs = attempted(every, data, "forecast_ett")
    found = [figure for problem in every for figure in figures(problem, runs)]
    usual = [run for run in runs if run.problem in {f"ETTh1, {horizon} hours" for horizon in USUAL}]
    mean = statistics.fmean(run.figures["MSE"] for run in usual)
    linear = statistics.fmean(run.beside["linear map"]["MSE"] for run in usual)
    source = "SegRNN about 0.425 with a look-back of 96 (Lin et al. 2023)"
    name = f"ETTh1: mean MSE over {', '.join(map(str, USUAL))} hours"
    return [*found, Figure(name, round(mean, 5), "", "lower", 0.42, f"linear map {linear:.4g}", source)]
