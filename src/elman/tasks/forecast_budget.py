"""Turns every 'auto' of the options of forecasts into a number, from the series; chooses the network's shape."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.codecs.panel import LEVELS, Panel
from elman.errors import DataError
from elman.settings import AUTO, flat, update
from elman.settings.forecast import ForecastSettings
from elman.shapes.forecast import ForecastShape

#: Steps ahead where no season is known.
HORIZON = 12

#: Rows that are held out of each series, as a share, and at most so many horizons.
HELD_OUT, MOST_HORIZONS = 0.15, 10

#: Up to so many series each is brought to units of its own, and has a vector of its own.
FEW_SERIES, MOST_VECTORS = 10, 100

#: Counts up to this on average are small ones.
SMALL_COUNTS = 20.0

#: Slope of the logarithm of spread over that of level from which logarithms are taken (1 where spread is a share).
GROWS = 0.5

#: A segment is at most so long.
LONGEST_SEGMENT = 48

#: Seasons of hours beyond the day.
WEEK_OF_HOURS, MONTH_OF_HOURS = 168, 720

#: Autocorrelation of changes, one season apart, from which a season is clear.
CLEAR_SEASON = 0.3

#: Steps that are read at least where no season is clear, as a share of the length, and at most.
SHARE_READ, MOST_READ = 1 / 15, 144

#: Segments that are read at most: recurrence over more takes long and learns worse.
MOST_SEGMENTS = 72

#: Rows from which there is much to learn from.
MANY_ROWS = 5_000

#: Updates of the weights for each root of a row, fewest and most of them.
UPDATES, FEWEST_UPDATES, MOST_UPDATES = 6.0, 300, 1_500


@dataclass(frozen=True)
class Facts:
    """What the rules go by: all series, what is held out among them."""

    panel: Panel

    @property
    def length(self) -> int:
        """The middle one of the lengths."""
        return int(np.median(self.panel.history))

    @property
    def rows(self) -> int:
        """Of all series."""
        return int(self.panel.history.sum())

    @property
    def season(self) -> int:
        """Of the frequency."""
        return self.panel.frequency.season

    @property
    def seasonal(self) -> bool:
        """Whether changes are like those one season before: their autocorrelation is at least `CLEAR_SEASON`.

        Of hours of M4 it is 0.73, of air passengers 0.83; of sunspots, temperatures by the day and exchange rates 0.02.
        """
        panel, season, found = self.panel, self.season, []
        for number in np.linspace(0, len(panel) - 1, min(100, len(panel))).astype(int):
            changes = np.diff(panel.series(number))
            if season < 2 or len(changes) <= 2 * season or np.isnan(changes).all():
                continue
            changes = np.nan_to_num(changes - np.nanmean(changes))
            if changes.any():
                found.append(float(changes[season:] @ changes[:-season] / (changes @ changes)))
        return bool(found) and float(np.mean(found)) >= CLEAR_SEASON

    @property
    def few(self) -> bool:
        """Whether series are so few that each has units of its own."""
        return len(self.panel) <= FEW_SERIES

    @property
    def long(self) -> bool:
        """Whether there is much to learn from."""
        return self.rows >= MANY_ROWS

    @property
    def gaps(self) -> bool:
        """Whether a step was not measured."""
        return bool(np.isnan(self.panel.target[_inside(self.panel)]).any())

    @property
    def counts(self) -> bool:
        """Whether all are small whole numbers of 0 or more."""
        known = self.panel.target[~np.isnan(self.panel.target)]
        return bool((known >= 0).all() and (known == np.round(known)).all() and known.mean() <= SMALL_COUNTS)


def resolve(settings: ForecastSettings, facts: Facts) -> ForecastSettings:
    """Return ``settings`` with every 'auto' replaced; what was given stays as it is."""
    chosen = flat(settings)
    limited = any(chosen[limit] is not None for limit in ("epochs", "steps", "max_time"))
    _fill(chosen, horizon=min(facts.season if facts.season > 1 else HORIZON, max(1, facts.length // 4)))
    horizon = int(chosen["horizon"])
    _fill(chosen, held_out=_held_out(facts, horizon))
    left = max(1, facts.length - int(chosen["held_out"]) - horizon)
    _fill(chosen, architecture=_architecture(facts, left))
    step_by_step, hybrid = chosen["architecture"] == "autoregressive", chosen["architecture"] == "hybrid"
    _fill(chosen, distribution=_distribution(facts) if step_by_step else "quantiles", cell="gru")
    counts = chosen["distribution"] == "negative-binomial"
    _fill(chosen, logarithm=not counts and _takes_logarithms(facts))
    _fill(chosen, context=_context(facts, horizon, left, step_by_step))
    _fill(chosen, level="zero" if counts else "mean" if step_by_step else "last")
    _fill(chosen, scale="mean" if counts else "series" if facts.few and facts.long else "window")
    _fill(chosen, calendar=step_by_step and _cycles(facts) != ())
    _fill(chosen, segment=1 if step_by_step else _segment(facts.season, horizon, int(chosen["context"])))
    _fill(chosen, linear=_linear(facts, chosen["architecture"]))
    _fill(chosen, vectors=1 < len(facts.panel) <= MOST_VECTORS)
    _fill(chosen, hidden_size=40 if step_by_step else 128 if facts.long else 32)
    _fill(chosen, dropout=0.1 if step_by_step else 0.5 if facts.few and not hybrid else 0.2)
    _fill(chosen, batch_size=_batch_size(facts), learning_rate=0.001 if facts.few else 0.002, weight_decay=0.01)
    if not limited:
        chosen["steps"] = _updates(facts)
    # Small networks are slower on two threads, and a probe of the machine would take longer than many a training.
    _fill(chosen, threads=1, precision="32")
    return update(settings, {name: value for name, value in chosen.items() if value is not None}, "budget")


def shape_of(settings: ForecastSettings, facts: Facts, calendar: int) -> ForecastShape:
    """The network that settings without any 'auto' describe; ``calendar`` features are shown of each step."""
    windows, network, panel = settings.windows, settings.network, facts.panel
    kind = network.architecture
    step_by_step, hybrid = kind == "autoregressive", kind == "hybrid"
    vectors = bool(network.vectors) and len(panel) > 1
    context, horizon = int(windows.context), int(windows.horizon)
    return ForecastShape(
        kind,
        network.distribution,
        network.cell,
        (int(network.hidden_size),) * network.num_layers,
        context,
        horizon,
        quantiles=LEVELS if network.distribution == "quantiles" else (),
        past=panel.past.shape[1],
        future=calendar + panel.future.shape[1],
        static=panel.static.shape[1],
        series=len(panel) if vectors or hybrid else 0,
        embedding=min(16, 2 * math.ceil(math.log2(len(panel) + 1))) if vectors else 0,
        gaps=facts.gaps or int(panel.history.min()) < context + horizon,
        lags=lags(facts, context) if step_by_step else (),
        segment=1 if step_by_step else int(network.segment),
        seasons=seasons(facts, context) if hybrid else (),
        linear=network.linear == "learnt" and not step_by_step,
    )


def describe(settings: ForecastSettings, shape: ForecastShape) -> str:
    """One sentence on the network, for the reader of a training's first lines."""
    units = " + ".join(map(str, shape.hidden_sizes))
    weights = sum(math.prod(size) for size in shape.parameter_shapes().values())
    how = {
        "autoregressive": "value by value",
        "direct": f"in segments of {shape.segment}",
        "hybrid": f"in segments of {shape.segment}, after smoothing of seasons of {_and(shape.seasons)}",
    }[shape.network]
    line = " and a linear map" if shape.linear else ""
    logs = " of logarithms" if settings.windows.logarithm else ""
    return (
        f"The network: {shape.cell}, {units} units{line}, reads {shape.context:,} steps{logs} {how} and tells "
        f"{shape.horizon:,} ahead ({shape.distribution}); {weights:,} weights."
    )


def calendar_columns(facts: Facts) -> tuple[int, ...]:
    """The columns of `elman.codecs.calendar.Frequency.features` of cycles that the data hold."""
    names, cycles = facts.panel.frequency.feature_names(), _cycles(facts)
    return tuple(place for place, name in enumerate(names) if name.split(",")[0] in cycles)


def lags(facts: Facts, context: int) -> tuple[int, ...]:
    """Steps back that show where a series stood: the last few, and those around each season that is short enough.

    >>> lags(Facts(Panel.of([np.arange(300.0)], "MS", start="2000-01")), 36)
    (2, 3, 11, 12, 13, 24)
    """
    found = {2, 3}
    for season in seasons(facts, context):
        found |= {season - 1, season, season + 1, 2 * season}
    return tuple(sorted(lag for lag in found if 2 <= lag <= facts.length // 3))


def grows_with_level(panel: Panel) -> bool:
    """Whether all values are above zero, and those of a season vary the more the higher they are.

    The slope of log spread over log level of whole seasons says so (Guerrero 1993 chooses powers by it).

    >>> season = 1 + 0.3 * np.sin(np.arange(120) * np.pi / 6)
    >>> grows_with_level(Panel.of([season * np.linspace(1, 9, 120)], "MS", start="2000-01"))
    True
    """
    known = panel.target[~np.isnan(panel.target)]
    if not (known > 0).all():
        return False
    length, slopes = max(panel.frequency.season, 8), []
    for number in np.linspace(0, len(panel) - 1, min(100, len(panel))).astype(int):
        values = panel.series(number)
        pieces = values[len(values) % length :].reshape(-1, length)
        pieces = pieces[~np.isnan(pieces).any(1)]
        level, spread = pieces.mean(1), pieces.std(1)
        kept = spread > 0
        x, y = np.log(level[kept]), np.log(spread[kept])
        if kept.sum() >= 4 and np.ptp(x) > math.log(1.5):
            slopes.append(float(np.polyfit(x, y, 1)[0]))
    return len(slopes) * 2 >= min(100, len(panel)) and float(np.median(slopes)) > GROWS


def _linear(facts: Facts, architecture: str) -> str:
    """Learnt where series are many or short; few long ones are learnt by heart by it, so there it is put beside."""
    if architecture == "autoregressive" or (facts.few and architecture == "hybrid"):
        return "none"
    return "beside" if facts.few and facts.long else "learnt"


def _takes_logarithms(facts: Facts) -> bool:
    """Where all is above zero, of many series or where they vary the more the higher they are.

    On held-out hours of M4 sMAPE was 11.3 with logarithms and 13.5 without, MASE the same.
    """
    known = facts.panel.target[~np.isnan(facts.panel.target)]
    return bool((known > 0).all()) and (not facts.few or grows_with_level(facts.panel))


def _architecture(facts: Facts, left: int) -> str:
    """Drawn value by value where counts are small; after smoothing where a season is seen often enough; else direct.

    Smoothing leaves less to learn: on held-out hours of M4 sMAPE 10.6 after 300 updates, without it 10.9 after 400. Of
    few series that are long, such as ETTh1, a network learns the season by itself.
    """
    if facts.counts and not facts.panel.past.shape[1]:
        return "autoregressive"
    smooth = left >= 4 * facts.season and not (facts.few and facts.long) and not facts.gaps
    return "hybrid" if smooth and facts.seasonal else "direct"


def _distribution(facts: Facts) -> str:
    return "negative-binomial" if facts.counts else "student-t"


def _held_out(facts: Facts, horizon: int) -> int:
    """Some horizons, where the series are long enough to learn from what is left."""
    share = int(HELD_OUT * facts.length) // horizon
    if facts.length < 4 * horizon:
        return 0
    return horizon * max(1, min(MOST_HORIZONS, share))


def _context(facts: Facts, horizon: int, left: int, step_by_step: bool) -> int:
    """Some seasons and horizons, a part of what is left to learn from.

    Hours are read for three weeks, and for a month where series are long: on held-out months of ETTh1 that is better
    than two weeks. Where no season is clear there may be long waves. For the steps that come next less is read: of the
    dust of Beijing one hour ahead, held out, 72 hours left an error 5.2% below the last value's.
    """
    season = facts.season
    wanted = max(2 * horizon, 3 * season, 24)
    if season == 24 and not step_by_step:
        wanted = max(wanted, MONTH_OF_HOURS if facts.length >= 10 * MONTH_OF_HOURS else 3 * WEEK_OF_HOURS)
    elif not step_by_step and not facts.seasonal:
        wanted = max(wanted, min(MOST_READ, int(SHARE_READ * facts.length)))
    if not step_by_step:
        wanted = min(wanted, MOST_SEGMENTS * min(horizon, LONGEST_SEGMENT))
    most = max(left * 2 // 3, min(left, season + 1), 1)
    return min(wanted, most)


def _segment(season: int, horizon: int, context: int) -> int:
    """A season or a whole part of one, of which horizon and context hold some; two seasons of many.

    >>> _segment(24, 96, 720), _segment(24, 24, 720), _segment(12, 24, 48), _segment(1, 12, 36), _segment(24, 1, 336)
    (48, 24, 12, 3, 1)
    """
    most = max(1, min(horizon, LONGEST_SEGMENT, context // 3))
    if season > 1:
        if horizon >= 4 * season and 2 * season <= most:
            return 2 * season
        return max(part for part in range(1, most + 1) if season % part == 0)
    return max(1, min(most, round(horizon / 4)))


def seasons(facts: Facts, context: int) -> tuple[int, ...]:
    """The seasons that a context holds: that of the frequency, and a week of hours where it is seen twice."""
    season = facts.season
    found = (season, WEEK_OF_HOURS) if season == 24 and context >= 2 * WEEK_OF_HOURS else (season,)
    return tuple(each for each in found if 1 < each <= context)


def _cycles(facts: Facts) -> tuple[str, ...]:
    """Cycles of the calendar that the data go through at least twice."""
    frequency = facts.panel.frequency
    if not frequency.cycles():
        return ()
    first, last = int(facts.panel.first.min()), int((facts.panel.first + facts.panel.history).max()) - 1
    begin, end = frequency.times(np.array([first, last])).astype("M8[h]").astype(np.int64)
    lengths = {"hour": 1, "day": 24, "week": 168, "year": 8766}
    return tuple(name for name in frequency.cycles() if end - begin >= 2 * lengths[name])


def _batch_size(facts: Facts) -> int:
    return int(min(128, max(16, 2 ** int(math.log2(max(1, facts.rows / 100))))))


def _updates(facts: Facts) -> int:
    """In whole hundreds. On held-out months of ETTh1 1,500 left a squared error of 0.637, 400 one of 0.677."""
    return int(min(MOST_UPDATES, max(FEWEST_UPDATES, 100 * round(UPDATES * math.sqrt(facts.rows) / 100))))


def _inside(panel: Panel) -> NDArray[np.bool_]:
    place = np.arange(len(panel.target)) - np.repeat(panel.offsets[:-1], panel.lengths)
    return np.asarray(place < np.repeat(panel.history, panel.lengths))


def _and(numbers: tuple[int, ...]) -> str:
    return " and ".join(map(str, numbers))


def _fill(chosen: dict[str, Any], **values: Any) -> None:
    chosen |= {name: value for name, value in values.items() if chosen[name] == AUTO}


def checked(panel: Panel, settings: ForecastSettings) -> None:
    """Raise `DataError` where nothing can be learnt from so little."""
    horizon = int(settings.windows.horizon)
    if int(panel.history.max()) <= horizon:
        raise DataError(
            f"the longest series has {int(panel.history.max())} steps; to learn to tell {horizon} more are needed."
        )
