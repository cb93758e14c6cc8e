"""Trading patterns in daily prices, by `examples/stocks.py`: found where they are; and is the direction known?"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.harness import Data, Figure
from examples import stocks

#: Updates of each network, seeds of the made-up markets, and where the real prices are.
STEPS, SEEDS, REAL = 600, (0, 1, 2), "sp500_5yr/individual_stocks_5yr_61.zip"


def measure(data: Data) -> Sequence[Figure]:
    """F1 of patterns in made-up and in real prices, and how often the direction is right in each market."""
    steps, seeds = (2, SEEDS[:1]) if data.quick else (STEPS, SEEDS)
    days = 400 if data.quick else 1500
    plain = [stocks.made_up(40, days, seed=10 * seed) for seed in seeds]
    patterned = [stocks.with_pattern(market, seed=10 * seed + 1) for seed, market in zip(seeds, plain, strict=True)]
    real = None if data.quick else stocks.real(str(data.path(REAL)))
    found = [stocks.find_pattern(market, steps)[0] for market in patterned]
    figures = [Figure("F1 of patterns put into made-up prices, mean", statistics.fmean(found), "", "higher", 0.9)]
    if real is not None:
        put_in = stocks.with_pattern(real, seed=2, push=0.0)
        value, sentence = stocks.find_pattern(patterned[0], steps, put_in)
        figures.append(Figure("F1 of patterns put into real prices", value, "", "higher", 0.9, sentence))
    named = [
        (f"made-up prices with patterns, seed {seed}", market) for seed, market in zip(seeds, patterned, strict=True)
    ]
    named += [(f"made-up prices without, seed {seed}", market) for seed, market in zip(seeds, plain, strict=True)]
    named += [] if real is None else [("real prices", real)]
    for name, market in named:
        direction = stocks.direction(market, steps)
        said = " ".join(direction.describe())
        figures.append(Figure(f"direction is right, {name}", 100 * direction.right, "%", "higher", None, said))
    return figures
