"""Faults put into measured channels, to be found; and stretches hidden in them, to be filled.

Of each table the first 70% train (of which the last part is held out), and the last 15% are tested on, once. Faults are
drawn from a fixed seed for each kind: which channel, when, how long, how large. The rivals of alarms are a rolling
z-score and the difference from a season before, each as strange as its strangest channel; that of fillings is the
straight line.
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
from elman.metrics.anomalies import average_precision
from elman.tasks.anomalies import AnomalyDetector
from elman.tasks.impute import Imputer, errors_of

Floats = NDArray[np.float64]

#: Shares of a table that train, and that are left out between training and test.
LEARNT, LEFT_OUT = 0.7, 0.15

#: Steps of a day, and of the window of the rolling z-score.
DAY, WEEK = 24, 168

#: Kind of fault -> how many are put in, and how many steps each takes.
KINDS = {
    "spikes": (40, (1, 3)),
    "drift": (10, (48, 120)),
    "stuck sensor": (12, (24, 72)),
    "phase shift": (10, (48, 96)),
}


def transformer(data: Path) -> pd.DataFrame:
    """Loads and oil temperature of an electricity transformer (ETTh1)."""
    return pd.read_csv(data / "ett" / "ETTh1.csv.gz", parse_dates=["date"])


def beijing(data: Path) -> pd.DataFrame:
    """Fine dust and weather of Beijing, hour by hour, with gaps."""
    table = pd.read_csv(data / "beijing_pm25" / "pollution.csv.gz")
    table.insert(0, "date", pd.to_datetime(table[["year", "month", "day", "hour"]]))
    return table[["date", "pm2.5", "DEWP", "TEMP", "PRES", "Iws"]]


def with_faults(values: Floats, kind: str, seed: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Scaled channels (time, channels) with faults of a kind, and which steps they touch.

    Spikes are 2 to 4 standard deviations off, drift grows to 1.5 to 3 of them, a stuck sensor repeats its value, and a
    phase shift shows what was measured 6 to 12 steps before.
    """
    rng, found = np.random.default_rng([seed, list(KINDS).index(kind)]), values.copy()
    touched = np.zeros(len(values), bool)
    count, (shortest, longest) = KINDS[kind]
    while count:
        steps, channel = int(rng.integers(shortest, longest + 1)), int(rng.integers(values.shape[1]))
        begin = int(rng.integers(WEEK, len(values) - steps - WEEK))
        here, sign = slice(begin, begin + steps), rng.choice([-1, 1])
        if touched[begin - DAY : begin + steps + DAY].any() or np.isnan(values[here, channel]).any():
            continue
        if kind == "spikes":
            found[here, channel] += sign * rng.uniform(2, 4)
        elif kind == "drift":
            found[here, channel] += sign * rng.uniform(1.5, 3) * np.linspace(0, 1, steps)
        elif kind == "stuck sensor":
            found[here, channel] = values[begin, channel]
        else:
            later = int(rng.integers(6, 13))
            found[here, channel] = values[begin - later : begin - later + steps, channel]
        touched[here] = True
        count -= 1
    return found, touched


def rolling(values: Floats) -> Floats:
    """How many standard deviations of the week before the strangest channel is off its mean, (time,)."""
    table = pd.DataFrame(values)
    window = table.shift(1).rolling(WEEK, min_periods=DAY)
    return _strangest(((table - window.mean()) / (window.std() + 0.1)).abs().to_numpy())


def seasonal(values: Floats) -> Floats:
    """How far the strangest channel is from what it was a day before, (time,)."""
    off = np.full_like(values, np.nan)
    off[DAY:] = np.abs(values[DAY:] - values[:-DAY])
    return _strangest(off / np.nanstd(values[DAY:] - values[:-DAY], 0))


def _strangest(off: Floats) -> Floats:
    return np.asarray(np.nan_to_num(off).max(1))


def alarms(read: Callable[[Path], pd.DataFrame], data: Path, run: int, **options: Any) -> Attempt:
    """Learn what is normal, and find faults of each kind."""
    table = read(data)
    learnt, tested = round(LEARNT * len(table)), round((LEARNT + LEFT_OUT) * len(table))
    model = AnomalyDetector(seed=run, **options).fit(table[:learnt])
    codec = model.model.codec
    clean = table[tested:].reset_index(drop=True)
    values = codec.scaled(clean.iloc[:, 1:].to_numpy(float))
    scores: dict[str, dict[str, float]] = {"model": {}, "live": {}, "rolling z-score": {}, "a day before": {}}
    for kind in KINDS:
        faulty, touched = with_faults(values, kind, run)
        shown = clean.copy()
        shown[shown.columns[1:]] = codec.unscaled(faulty)
        said = {
            "model": model.judge(shown).judgement.score, "live": model.judge(shown, live=True).judgement.score,
            "rolling z-score": rolling(faulty), "a day before": seasonal(faulty),
        }  # fmt: skip
        for name, score in said.items():
            scores[name][kind] = average_precision(score, touched)
    for each in scores.values():
        each["mean of the kinds"] = float(np.mean(list(each.values())))
    return _attempt(model, scores.pop("model"), scores)


def fillings(read: Callable[[Path], pd.DataFrame], data: Path, run: int, **options: Any) -> Attempt:
    """Learn to fill, and fill stretches of 6 to 48 hours."""
    table = read(data)
    learnt, tested = round(LEARNT * len(table)), round((LEARNT + LEFT_OUT) * len(table))
    model = Imputer(seed=run, **options).fit(table[:learnt])
    values, steps = model.model.codec.matrix(model.panel(table[tested:].reset_index(drop=True)))
    found = errors_of(model.model, values, steps, 48, trials=100, seed=run)
    figures = {name: 100 * (1 - each["ratio"]) for name, each in found["channels"].items()}
    below = 100 * (1 - found["model"]["mae"] / found["straight line"]["mae"])
    return _attempt(model, {"below the straight line": below, **figures}, {})


def _attempt(model: Any, figures: dict[str, float], beside: dict[str, dict[str, float]]) -> Attempt:
    weights = sum(value.size for value in model.model.tensors.values())
    return Attempt(figures, beside, round(model.metrics["training"]["seconds"], 1), weights)


FOUND = (
    Goal("mean of the kinds", 0.5, "average precision", "higher"),
    *(Goal(kind, None, "average precision", "higher") for kind in KINDS),
)

PROBLEMS = (
    Problem("faults in a transformer", partial(alarms, transformer), FOUND),
    Problem("faults in the air of Beijing", partial(alarms, beijing), FOUND),
    Problem(
        "gaps of 6 to 48 hours in the air of Beijing", partial(fillings, beijing),
        (Goal("below the straight line", 20.0, "%", "higher"), Goal("pm2.5", None, "%", "higher")),
    ),
)  # fmt: skip


def measure(data: Data) -> Sequence[Figure]:
    """Run what is missing, then tell all."""
    return measure_problems(PROBLEMS, data, "channels")
