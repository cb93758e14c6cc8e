"""Trading patterns in daily prices: can a network find one, and does it know where prices go?

Three questions, each asked of prices that are made up, with a pattern put in; of made-up prices with none; and of real
ones, where a folder, a file or a zip archive of them is given:

1. Is a pattern found where there is one? A ten-day shape is put into returns here and there, and a tagger has to say
   on which day it was completed, knowing nothing of later days.
2. Is the direction of the next five days known better than by saying the commoner one? And does it pay, after costs,
   beside holding all stocks?
3. Are forecasts of the next five days better than the last price, the forecast of a random walk?

Whatever is learnt comes from days before those that it is judged by: 60% of the days train, the next 20% choose, the
last 20% judge, with a gap between them as long as a label looks ahead.

    python examples/stocks.py                      made-up prices
    python examples/stocks.py PRICES --out DIR     real ones: a table with Date, Name and Close; with pictures
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elman import Forecaster, Tagger
from elman.codecs.panel import Panel
from elman.codecs.panel_grid import same_numbers
from elman.codecs.raw import Series
from elman.data.examples import Examples
from elman.data.panel import read_panel
from elman.data.splits import Parts
from elman.metrics.intervals import bootstrap
from elman.plots import style
from elman.settings.panel import PanelSettings

#: Returns of the pattern, in daily deviations: down, a rest, and up again.
SHAPE = np.array([-2.5, -2.0, -1.5, -1.0, 0.0, 0.0, 0.5, 1.0, 2.0, 3.5])
#: Days from one pattern to the next on average, days that it moves prices afterwards, and by how much, in deviations.
EVERY, AFTER, PUSH = 40, 5, 0.7
#: What a trade costs, as a share of its value.
COST = 0.001
#: A logarithmic return that no news gives: a third of the price, or more.
SPLIT = 0.4
#: Days of a training sequence, and trading days of a year.
PIECE, YEAR = 200, 252

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Market:
    """Prices at the close of every day, (days, stocks), and on which days a pattern was completed, (days, stocks)."""

    names: tuple[str, ...]
    days: NDArray[np.datetime64]
    close: Array
    completed: NDArray[np.bool_]

    @property
    def returns(self) -> Array:
        """Logarithmic returns of each day; 0 on the first."""
        return np.diff(np.log(self.close), axis=0, prepend=np.log(self.close[:1]))

    @property
    def parts(self) -> tuple[slice, slice, slice]:
        """The days that train, choose and judge."""
        count = len(self.close)
        a, b = int(0.6 * count), int(0.8 * count)
        return slice(0, a - AFTER), slice(a, b - AFTER), slice(b, count - AFTER)


def made_up(stocks: int, days: int, seed: int) -> Market:
    """Random walks with a common market, whose unrest comes in waves: nothing in them tells where they go."""
    rng = np.random.default_rng(seed)
    unrest = np.zeros(days)
    for day in range(1, days):
        unrest[day] = 0.97 * unrest[day - 1] + 0.08 * rng.normal()
    common, own = rng.normal(size=(days, 1)), rng.normal(size=(days, stocks))
    returns = 0.0002 + 0.012 * np.exp(unrest)[:, None] * (0.4 * common + 0.9 * own)
    calendar = np.busday_offset("2015-01-01", np.arange(days), roll="forward")
    names = tuple(f"S{number:02}" for number in range(stocks))
    return Market(names, calendar, 100 * np.exp(returns.cumsum(0)), np.zeros((days, stocks), bool))


def real(path: str) -> Market:
    """Prices of a table with the columns Date, Name and Close, in files, folders or archives.

    Of stocks with the very same prices one is kept. A day on which a price changes by more than `SPLIT` is taken for a
    split of the stock, and for no return.
    """
    panel = read_panel(path, PanelSettings(target=("Close",)))
    copies = [name for name, _ in same_numbers(panel)]
    if copies:
        print(f"{len(copies)} of {len(panel)} stocks have the very prices of another and are left out.")
        panel = panel.take([number for number, name in enumerate(panel.ids) if name not in copies])
    close = panel.matrix()
    steps = panel.first.min() + np.arange(len(close))
    traded = ~np.isnan(close).all(1)
    close, days = close[traded], panel.frequency.times(steps[traded]).astype("M8[D]")
    whole = np.isfinite(close[[0, -1]].sum(0))
    rows = np.maximum.accumulate(np.where(np.isnan(close), 0, np.arange(len(close))[:, None]), axis=0)
    close = np.take_along_axis(close, rows, 0)[:, whole]
    returns = np.diff(np.log(close), axis=0, prepend=np.log(close[:1]))
    splits = np.abs(returns) > SPLIT
    if splits.any():
        print(f"Jumps taken for splits of stocks: {int(splits.sum())}, the first on {days[splits.any(1).argmax()]}.")
    names = tuple(name for name, kept in zip(panel.ids, whole, strict=True) if kept)
    close = close[0] * np.exp(np.where(splits, 0.0, returns).cumsum(0))
    return Market(names, days, close, np.zeros(close.shape, bool))


def with_pattern(market: Market, seed: int, push: float = PUSH) -> Market:
    """The same market with the pattern in it, after which prices rise by ``push`` deviations a day for some days."""
    rng = np.random.default_rng(seed)
    returns, completed = market.returns.copy(), market.completed.copy()
    deviation = unrest_before(returns)
    for stock in range(returns.shape[1]):
        day = 20 + int(rng.integers(EVERY))
        while day < len(returns) - len(SHAPE) - AFTER:
            here = slice(day, day + len(SHAPE))
            noise = 0.3 * rng.normal(size=len(SHAPE))
            scale = deviation[day, stock]
            returns[here, stock] = scale * (rng.uniform(1.0, 1.3) * SHAPE + noise)
            returns[day + len(SHAPE) : day + len(SHAPE) + AFTER, stock] += push * scale
            completed[day + len(SHAPE) - 1, stock] = True
            day += len(SHAPE) + AFTER + 1 + int(rng.exponential(EVERY - len(SHAPE)))
    return replace(market, close=market.close[0] * np.exp(returns.cumsum(0)), completed=completed)


def unrest_before(returns: Array, half_life: int = 20) -> Array:
    """The deviation of returns before each day, (days, stocks): later days count more, the day itself does not."""
    keep = 0.5 ** (1 / half_life)
    found = np.empty_like(returns)
    square = (returns[1:21] ** 2).mean(0)
    for day, today in enumerate(returns):
        found[day] = np.sqrt(square)
        square = keep * square + (1 - keep) * today**2
    return np.maximum(found, 1e-6)


def features(market: Market) -> list[Series]:
    """What is seen of each stock on each day: its return, and that of the market, in units of what is usual.

    One stock alone is no market: nothing is seen of one then.
    """
    returns = market.returns
    scaled = returns / unrest_before(returns)
    common = scaled.mean(1) * (scaled.shape[1] > 1)
    return [Series(np.clip(np.stack([each, common], 1), -8, 8)) for each in scaled.T]


def tagger(market: Market, tags: NDArray[np.str_], steps: int) -> Callable[[Market], Array]:
    """A network that reads day by day and never ahead: gives the probability of the last tag, (days, stocks)."""
    seen = features(market)
    train, choose, _ = market.parts

    def examples(days: slice) -> Examples:
        pieces = [slice(begin, min(begin + PIECE, days.stop)) for begin in range(days.start, days.stop, PIECE)]
        rows = [(stock, piece) for stock in range(len(seen)) for piece in pieces if piece.stop - piece.start > 20]
        return Examples(
            "series", [Series(seen[stock].values[piece]) for stock, piece in rows],
            [tuple(tags[piece, stock]) for stock, piece in rows],
            [f"{market.names[stock]}, day {piece.start}" for stock, piece in rows], channels=("return", "market"),
        )  # fmt: skip

    model = Tagger(
        cell="gru", hidden_size=32, num_layers=1, bidirectional=False, differences=False, convolutions="none",
        dropout=0.1, augment="none", steps=steps, learning_rate=1e-2, batch_size=16,
    )  # fmt: skip
    model.fit_parts(Parts(examples(train), examples(choose), None))
    wanted = model.model.answers.names.index(str(np.unique(tags)[-1]))
    return lambda other: np.stack([each[:, wanted] for each in model.predict_proba(features(other))], 1)


# ---- 1: is a pattern found where there is one?


def find_pattern(market: Market, steps: int, elsewhere: Market | None = None) -> tuple[float, str]:
    """F1 of the days on which a pattern was completed, and what to say of it.

    They are days of the last fifth; or all days of another market, of which nothing was learnt.
    """
    told = tagger(market, np.where(market.completed, "pattern", "-"), steps)
    _, choose, judge = market.parts
    probability = told(market)
    thresholds = np.linspace(0.1, 0.9, 17)
    threshold = max(thresholds, key=lambda at: f1(market.completed[choose], probability[choose] > at)[0])
    if elsewhere is None:
        value, right, said, there = f1(market.completed[judge], probability[judge] > threshold)
    else:
        value, right, said, there = f1(elsewhere.completed, told(elsewhere) > threshold)
    return value, (
        f"Of {there} patterns {right} are found on the day that completes them, with {said - right} false alarms: F1"
        f" {value:.3f}."
    )


def f1(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> tuple[float, int, int, int]:
    """F1 of days, how many were right, how many were said, and how many there are."""
    right, count, there = int((truth & said).sum()), int(said.sum()), int(truth.sum())
    return 2 * right / max(1, count + there), right, count, there


# ---- 2: is the direction known, and does it pay?


@dataclass(frozen=True)
class Direction:
    """How well the direction was known, with 95% intervals.

    Attributes:
        right: How often it was right.
        span: The interval of that.
        commoner: How often the direction is right that is the commoner one on these very days: the best that knowing
            nothing of the day can do.
        edge: The interval of how much more often the network is right than that.
        trading, holding: Returns a year, after costs.
        gain: The interval of how much more trading earns.
        curves: What both earned up to each day.
    """

    right: float
    span: tuple[float, float]
    commoner: float
    edge: tuple[float, float]
    trading: float
    holding: float
    gain: tuple[float, float]
    curves: dict[str, Array]

    @property
    def known(self) -> bool:
        """Whether more is known than which direction is commoner."""
        return self.edge[0] > 0

    @property
    def pays(self) -> bool:
        """Whether trading is better than holding, beyond what chance may do."""
        return self.gain[0] > 0

    def describe(self) -> list[str]:
        """What follows, in words."""
        verdict = "more than chance" if self.known else "no better than chance"
        money = "It pays" if self.pays else "It does not pay beyond what chance may do"
        right, edge, gain = (f"{low:.1%} to {high:.1%}" for low, high in (self.span, self.edge, self.gain))
        return [
            f"The direction of the next {AFTER} days is right in {self.right:.1%} of the cases (95% interval {right});"
            f" always saying the commoner one in {self.commoner:.1%} (interval of the difference {edge}): {verdict}.",
            f"Trading by it earns {self.trading:+.1%} a year after costs of {COST:.1%} a trade, holding all stocks"
            f" {self.holding:+.1%} (interval of the difference {gain}). {money}.",
        ]


def direction(market: Market, steps: int) -> Direction:
    """Learn whether prices rise over the next days; judge by the last fifth, in money too."""
    log = np.log(market.close)
    rises = np.zeros(log.shape, bool)
    rises[:-AFTER] = log[AFTER:] > log[:-AFTER]
    probability = tagger(market, np.where(rises, "up", "down"), steps)(market)
    _, choose, judge = market.parts
    right = (probability[judge] > 0.5) == rises[judge]
    common = rises[judge] == (rises[judge].mean() > 0.5)
    # Hold a stock while it is likely enough to rise: how likely, the days in the middle say.
    threshold = max(np.quantile(probability[choose], np.linspace(0, 0.95, 20)),
                    key=lambda at: earned(market, probability, choose, at).sum())  # fmt: skip
    trading, holding = earned(market, probability, judge, threshold), earned(market, probability, judge, -1.0)
    curves = {"trading by the network, after costs": trading.cumsum(), "holding all stocks": holding.cumsum()}
    return Direction(
        float(right.mean()), by_blocks(right.mean(1)), float(common.mean()), by_blocks(right.mean(1) - common.mean(1)),
        YEAR * trading.mean(), YEAR * holding.mean(), by_blocks(YEAR * (trading - holding)), curves,
    )  # fmt: skip


def earned(market: Market, probability: Array, days: slice, threshold: float) -> Array:
    """What equal parts in all stocks that are likely enough to rise earn on each day, less the costs of changing."""
    held = np.where(probability[days] > threshold, 1.0, 0.0) / probability.shape[1]
    changed = np.abs(np.diff(held, axis=0, prepend=np.zeros((1, held.shape[1]))))
    tomorrow = np.expm1(market.returns[days.start + 1 : days.stop + 1])
    return np.asarray((held * tomorrow).sum(1) - COST * changed.sum(1))


def by_blocks(daily: Array) -> tuple[float, float]:
    """The 95% interval of the mean of daily figures; days that share a label, or a mood, are drawn together."""
    rows = np.stack([daily, np.ones(len(daily))], 1)
    blocks = np.add.reduceat(rows, np.arange(0, len(rows), 2 * AFTER), axis=0)
    return bootstrap(blocks, lambda sums: sums[:, 0] / sums[:, 1])


# ---- 3: are forecasts better than the last price?


def forecast(market: Market, steps: int) -> list[str]:
    """What is found of forecasts of the next days beside the last price, in the words of the report."""
    logs = {name: np.log(each) for name, each in zip(market.names, market.close.T, strict=True)}
    panel = Panel.of(logs)
    judged = len(market.close) - market.parts[2].start
    model = Forecaster(horizon=AFTER, context=40, held_out=0, hidden_size=32, steps=steps, calendar=False)
    model.fit(panel.without_last(judged))
    report = model.backtest(panel, AFTER, folds=judged // AFTER)
    return report.words()[:1] + [word for word in report.words()[1:] if "copy" in word]


def draw(results: dict[str, Direction], path: Path) -> None:
    """What trading and holding would have earned."""
    for name, found in results.items():
        figure, axes = style.new()
        with style.context():
            for (label, curve), colour in zip(found.curves.items(), (style.COLOURS[0], style.MUTED), strict=True):
                axes.plot(100 * curve, color=colour, label=label)
            axes.axhline(0, color=style.MUTED, linewidth=0.8)
            axes.set_xlabel("days that judge")
            axes.set_ylabel("earned, in percent")
            axes.set_title(name)
            axes.legend(loc="upper left")
        style.save(figure, path / name.replace(" ", "-").lower())


def examine(name: str, market: Market, steps: int) -> Direction:
    """Questions 2 and 3 of one market, told; what was found of the direction."""
    found = direction(market, steps)
    words = forecast(market, steps)
    print(f"\n{name}, {len(market.close):,} days of {', '.join(market.names[:3])}{', ...' * (len(market.names) > 3)}")
    for sentence in (*found.describe(), *words):
        print(f"  {sentence}")
    return found


def main(prices: str | None, out: Path | None, steps: int = 600) -> None:
    """Ask all questions of all markets."""
    plain = made_up(stocks=40, days=1500, seed=0)
    markets = {"Made-up prices with a pattern": with_pattern(plain, seed=1), "Made-up prices without": plain}
    learnt = markets["Made-up prices with a pattern"]
    print(f"1. Is a pattern found where there is one?\n  In made-up prices: {find_pattern(learnt, steps)[1]}")
    if prices:
        markets["Real prices"] = real(prices)
        put_in = with_pattern(markets["Real prices"], seed=2, push=0.0)
        print(f"  Put into real prices, after learning of made-up ones: {find_pattern(learnt, steps, put_in)[1]}")
    print("\n2. and 3. Is it known where prices go?")
    results = {name: examine(name, market, steps) for name, market in markets.items()}
    if out is not None:
        draw(results, out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prices", nargs="?", help="real prices")
    parser.add_argument("--out", type=Path, help="folder for pictures")
    chosen = parser.parse_args()
    main(chosen.prices, chosen.out)
