"""What many series cost: 10,000 of 500 points are learnt from for one epoch, and 100 futures of each are drawn.

Cost is measured at several numbers of series and several lengths; a picture in the docs shows that it is linear.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import Data, Figure
from elman.codecs.panel import Panel
from elman.plots import new, save
from elman.tasks.forecast import Forecaster

SERIES, LENGTH, HORIZON, PATHS = 10_000, 500, 48, 100

#: Numbers of series at the full length, and lengths of a tenth of the series.
COUNTS, LENGTHS = (1_250, 2_500, 5_000, 10_000), (500, 1_000, 2_000, 4_000)

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "forecast-panel"


def panel(series: int, length: int) -> Panel:
    """Days with a week's pattern, a level of its own and noise."""
    rng = np.random.default_rng(0)
    week = 1 + 0.3 * np.sin(2 * np.pi * (np.arange(length) / 7 + rng.random((series, 1))))
    values = np.exp(rng.normal(3, 1, (series, 1))) * week * np.exp(0.1 * rng.standard_normal((series, length)))
    return Panel.of({f"s{number}": each for number, each in enumerate(values)}, "D", start="2020-01-01")


def cost(series: int, length: int) -> tuple[float, float]:
    """Seconds of one epoch, and of drawing; what is read and built before counts too."""
    given = panel(series, length)
    model = Forecaster(
        architecture="autoregressive", horizon=HORIZON, held_out=0, epochs=1, batch_size=256, paths=PATHS, threads=1
    )
    began = time.perf_counter()
    model.fit(given)
    trained = time.perf_counter()
    model.model.sampled(given, HORIZON, paths=PATHS)
    return trained - began, time.perf_counter() - trained


def measure(data: Data) -> Sequence[Figure]:
    """Each size once, the small ones first; the compiled code of the first is made before."""
    counts = (20,) if data.quick else COUNTS
    lengths = (500,) if data.quick else LENGTHS
    cost(10, LENGTH)
    by_count = [cost(count, LENGTH) for count in counts]
    by_length = [cost(counts[0], length) for length in lengths]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    if not data.quick:
        _draw(by_count, by_length)
    whole = f"{counts[-1]:,} series of {LENGTH}"
    first, last = by_count[0], by_count[-1]
    growth = counts[-1] / counts[0]
    longer = by_length[-1][0] / by_length[0][0] / (lengths[-1] / lengths[0])
    return [
        Figure(f"one epoch, {whole}", round(last[0], 2), "s", "lower", 300.0),
        Figure(f"{PATHS} futures of {HORIZON} steps, {whole}", round(last[1], 2), "s", "lower", 60.0),
        Figure("largest memory", round(memory, 2), "GiB", "lower", 4.0),
        Figure(f"training, {growth:g} times the series: cost over {growth:g} times the cost",
               round(last[0] / first[0] / growth, 3), "", "lower", 1.2),
        Figure(f"futures, {growth:g} times the series: cost over {growth:g} times the cost",
               round(last[1] / first[1] / growth, 3), "", "lower", 1.2),
        Figure("training, 8 times the length: cost over 8 times the cost", round(longer, 3), "", "lower", 1.2),
    ]  # fmt: skip


def _draw(by_count: Sequence[tuple[float, float]], by_length: Sequence[tuple[float, float]]) -> None:
    """Seconds against the points of all series, on a straight line where cost is linear."""
    figure, axes = new(6.4, 4.0)
    points = [count * LENGTH / 1e6 for count in COUNTS]
    axes.plot(points, [each[0] for each in by_count], "o-", label="one epoch, more series")
    axes.plot(points, [each[1] for each in by_count], "o-", label=f"{PATHS} futures of {HORIZON} steps, more series")
    lengths = [COUNTS[0] * length / 1e6 for length in LENGTHS]
    axes.plot(lengths, [each[0] for each in by_length], "o--", label="one epoch, longer series")
    axes.set_xlabel("million points")
    axes.set_ylabel("seconds, one thread")
    axes.set_xlim(0, None)
    axes.set_ylim(0, None)
    axes.legend(loc="upper left")
    save(figure, PICTURE)
