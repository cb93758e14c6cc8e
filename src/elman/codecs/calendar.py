"""Time as a count of steps: which steps a series has, when each is, and what the calendar says of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError, SettingsError

Steps = NDArray[np.int64]

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
#: What is said of a step of so many nanoseconds.
_NAMES = {_SECOND: "a second", 60 * _SECOND: "a minute", 3600 * _SECOND: "an hour", _DAY: "a day", 7 * _DAY: "a week"}
#: Sines and cosines of each cycle: twice a day and twice a week are told apart from once.
HARMONICS = 2
#: Share of the steps between times that must be whole multiples of the usual one, else times are irregular; and that
#: must be the usual one itself, else there is none.
_REGULAR, _USUAL = 0.99, 0.3
#: Steps in seconds that people like, for times that have none of their own.
_ROUND = (1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)


@final
@dataclass(frozen=True)
class Frequency:
    """The clock of a series: step k is the time ``phase + k * every`` units after 1970.

    Attributes:
        unit: ``step`` (rows are only counted), ``time`` (nanoseconds), ``business day`` (Monday to Friday) or
            ``month``.
        every: Units from step to step.
        phase: The unit at which step 0 is.
        end: Months only: times are the last day of the month, not the first.
        season: Steps after which a pattern is expected to come again; 1 where none is known.
    """

    unit: Literal["step", "time", "business day", "month"] = "step"
    every: int = 1
    phase: int = 0
    end: bool = False
    season: int = 1

    def __post_init__(self) -> None:
        if self.every < 1 or self.season < 1:
            raise SettingsError(f"a step and a season are at least 1 unit long, not {self.every} and {self.season}.")

    @classmethod
    def named(cls, alias: str, times: NDArray[Any] | None = None, season: int | None = None) -> Frequency:
        """The frequency of a pandas alias such as ``h``, ``15min``, ``D``, ``B``, ``W``, ``MS``, ``QE``; ``1`` counts.

        ``times`` (n,) give the phase, such as the weekday of a week. Raises `SettingsError`.

        >>> Frequency.named("h").season, Frequency.named("MS").describe()
        (24, 'a step is a month, and 12 steps are a season')
        """
        if alias.isdigit():
            return cls("step", int(alias), _phase(times, int(alias)), season=season or 1)
        from pandas.tseries import offsets
        from pandas.tseries.frequencies import to_offset

        try:
            offset: Any = to_offset(alias)
        except ValueError:
            raise SettingsError(
                f"frequency takes an alias of pandas, such as h, 15min, D, B, W, MS or QE, or 1, not '{alias}'."
            ) from None
        if isinstance(offset, (offsets.Tick, offsets.Week)):
            every = offset.n * 7 * _DAY if isinstance(offset, offsets.Week) else int(offset.nanos)
            found = cls("time", every, _phase(times, every))
        elif type(offset) is offsets.BusinessDay:
            found = cls("business day", offset.n)
        else:
            name = offset.name.split("-")[0]
            months = {"M": 1, "Q": 3, "Y": 12}.get(name[0])
            if months is None or name not in {f"{first}{last}" for first in "MQY" for last in "SE"}:
                raise SettingsError(f"frequency '{alias}' is not known here. Take h, 15min, D, B, W, MS, QS or YS.")
            every = months * offset.n
            found = cls("month", every, _phase(times, every, "M8[M]"), name.endswith("E"))
        return found.with_season(season)

    @classmethod
    def infer(cls, times: Sequence[NDArray[Any]], season: int | None = None) -> tuple[Frequency, str]:
        """The frequency of some series' rising times, and a sentence where they are irregular, else ``""``.

        ``times`` are datetime64 or whole numbers. The step is what most times are apart; months, quarters and years by
        the calendar; days without any weekend are business days. Where no step is usual a round one near the median is
        taken. Raises `DataError` where no two times differ.
        """
        kinds = {each.dtype.kind for each in times}
        every = np.unique(np.concatenate([np.unique(each) for each in times]))
        if len(every) < 2:
            raise DataError("the step of a series needs at least two times, found one. Say it with --frequency.")
        if kinds != {"M"}:
            gaps = np.concatenate([np.diff(each) for each in times])
            step = _usual(gaps[gaps > 0])
            return cls("step", step, int(every[0]) % step, season=season or 1), _irregular(gaps, step, f"{step}")
        every = every.astype("M8[ns]")
        if (by_month := _by_month(every)) is not None:
            return by_month.with_season(season), ""
        gaps = np.concatenate([np.diff(each.astype("M8[ns]").astype(np.int64)) for each in times])
        step = _usual(gaps[gaps > 0])
        if np.mean(gaps == step) < _USUAL:
            step = _SECOND * min(_ROUND, key=lambda each: abs(math.log(each * _SECOND / np.median(gaps[gaps > 0]))))
        days = every.astype("M8[D]")
        if step == _DAY and len(every) > 5 and bool(np.is_busday(days).all()) and np.ptp(days).astype(int) >= 7:
            return cls("business day").with_season(season), ""
        found = cls("time", step, _phase(every, step)).with_season(season)
        return found, _irregular(gaps, step, found.step_name)

    def with_season(self, season: int | None) -> Frequency:
        """The same with a season, by default the usual one of the frequency: a day of hours, a week, a year."""
        return Frequency(self.unit, self.every, self.phase, self.end, season or _usual_season(self.unit, self.every))

    @property
    def alias(self) -> str:
        """What pandas calls it; the number of units where steps are only counted."""
        if self.unit == "step":
            return str(self.every)
        if self.unit == "business day":
            return f"{self.every if self.every > 1 else ''}B"
        if self.unit == "month":
            base, letter = next((n, name) for n, name in ((12, "Y"), (3, "Q"), (1, "M")) if self.every % n == 0)
            return f"{self.every // base if self.every > base else ''}{letter}{'E' if self.end else 'S'}"
        import pandas as pd
        from pandas.tseries.frequencies import to_offset

        offset: Any = to_offset(pd.Timedelta(self.every, "ns"))
        return str(offset.freqstr)

    @property
    def step_name(self) -> str:
        """A step in words, such as ``an hour``."""
        if self.unit == "step":
            return "a row" if self.every == 1 else f"{self.every} rows"
        if self.unit == "business day":
            return "a business day" if self.every == 1 else f"{self.every} business days"
        if self.unit == "month":
            return {1: "a month", 3: "a quarter", 12: "a year"}.get(self.every, f"{self.every} months")
        return _NAMES.get(self.every, self.alias)

    def describe(self) -> str:
        """A step and a season in words."""
        season = f", and {self.season} steps are a season" if self.season > 1 else ", without a known season"
        return f"a step is {self.step_name}{season}"

    def steps(self, times: NDArray[Any]) -> Steps:
        """The step in which each time falls, (n,): times within a step are its own. Raises `DataError`."""
        if self.unit == "step":
            return np.floor_divide(np.asarray(times, np.int64) - self.phase, self.every)
        stamps = np.asarray(times, "M8[ns]")
        if self.unit == "time":
            return np.floor_divide(stamps.astype(np.int64) - self.phase, self.every)
        if self.unit == "month":
            return np.floor_divide(stamps.astype("M8[M]").astype(np.int64) - self.phase, self.every)
        days = stamps.astype("M8[D]")
        if not np.is_busday(days).all():
            raise DataError(f"{days[~np.is_busday(days)][0]} is no business day. Say --frequency D to count all days.")
        return np.asarray(np.busday_count(np.datetime64("1970-01-01"), days) // self.every, np.int64)

    def times(self, steps: NDArray[Any]) -> NDArray[Any]:
        """When each step is, (n,) datetime64[ns], or whole numbers where steps are only counted."""
        units = np.asarray(steps, np.int64) * self.every + self.phase
        if self.unit == "step":
            return units
        if self.unit == "time":
            return units.astype("M8[ns]")
        if self.unit == "month":
            months = units.astype("M8[M]")
            last = (months + 1).astype("M8[D]") - np.timedelta64(1, "D")
            return (last if self.end else months).astype("M8[ns]")
        return np.busday_offset(np.datetime64("1970-01-01"), units).astype("M8[ns]")

    def cycles(self) -> tuple[str, ...]:
        """The cycles of the calendar that are longer than a step and tell steps apart."""
        if self.unit == "step":
            return ()
        if self.unit == "month":
            return ("year",) if self.every < 12 else ()
        if self.unit == "business day":
            return ("week", "year") if self.every < 5 else ("year",)
        lengths = {"hour": 3600 * _SECOND, "day": _DAY, "week": 7 * _DAY, "year": 365 * _DAY}
        return tuple(name for name, length in lengths.items() if 2 * self.every <= length)

    def feature_names(self) -> tuple[str, ...]:
        """What `features` gives, such as ``day, cosine 2``."""
        kinds = [f"{kind} {number}" for number in range(1, HARMONICS + 1) for kind in ("sine", "cosine")]
        return tuple(f"{cycle}, {kind}" for cycle in self.cycles() for kind in kinds)

    def features(self, steps: NDArray[Any]) -> NDArray[np.float32]:
        """Where each step is in the cycles of the calendar: sin and cos of 2 pi k position, (n, features) float32.

        >>> Frequency.named("h").features(np.array([0, 6]))[:, :2].round(3).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
        """
        found = np.empty((len(steps), 2 * HARMONICS * len(self.cycles())), np.float32)
        if not self.cycles():
            return found
        stamps = self.times(steps)
        days = stamps.astype("M8[D]")
        year = days.astype("M8[Y]")
        in_day = (stamps - days).astype(np.int64) / _DAY
        position = {
            "hour": in_day * 24 % 1,
            "day": in_day,
            "week": ((days.astype(np.int64) + 3) % 7 + in_day) / 7,
            "year": ((days - year.astype("M8[D]")).astype(np.int64) + in_day) / 365.25,
        }
        if self.unit == "month":
            position["year"] = (stamps.astype("M8[M]").astype(np.int64) % 12) / 12
        column = 0
        for cycle in self.cycles():
            for number in range(1, HARMONICS + 1):
                angle = 2 * math.pi * number * position[cycle]
                found[:, column], found[:, column + 1] = np.sin(angle), np.cos(angle)
                column += 2
        return found

    def to_config(self) -> dict[str, Any]:
        """All that it is, in plain values."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Frequency:
        """What `to_config` gave. Raises `DataError`."""
        try:
            return cls(**config)
        except TypeError:
            raise DataError(f"expected the configuration of a frequency, found {config}.") from None


def _phase(times: NDArray[Any] | None, every: int, unit: str = "M8[ns]") -> int:
    """The commonest remainder of some times."""
    if times is None or not len(times):
        return 3 * _DAY * -1 if unit == "M8[ns]" and every % (7 * _DAY) == 0 else 0  # weeks begin on Monday
    counts = np.asarray(times).astype(unit).astype(np.int64) if times.dtype.kind == "M" else times.astype(np.int64)
    found, often = np.unique(counts % every, return_counts=True)
    return int(found[often.argmax()])


def _usual(gaps: NDArray[Any]) -> int:
    values, often = np.unique(gaps, return_counts=True)
    return int(values[often.argmax()])


def _irregular(gaps: NDArray[np.int64], step: int, name: str) -> str:
    whole = float(np.mean(gaps % step == 0))
    if whole >= _REGULAR:
        return ""
    return f"{1 - whole:.0%} of the times are not whole steps of {name} apart; those within one step are averaged"


def _by_month(times: NDArray[Any]) -> Frequency | None:
    """Months, quarters or years, where all times are first days of months, or all are last days."""
    days = times.astype("M8[D]")
    months = times.astype("M8[M]")
    first = bool((days == months.astype("M8[D]")).all())
    last = bool((days + 1 == (months + 1).astype("M8[D]")).all())
    if not (first or last) or not (times == days).all():
        return None
    every = _usual(np.diff(months.astype(np.int64)))
    return Frequency("month", every, _phase(times, every, "M8[M]"), end=last)


def _usual_season(unit: str, every: int) -> int:
    if unit == "step":
        return 1
    if unit == "business day":
        return max(1, 5 // every)
    if unit == "month":
        return max(1, 12 // every)
    if every >= 7 * _DAY:
        return max(1, round(365.25 * _DAY / every))
    cycle = 7 * _DAY if every >= _DAY else _DAY if every >= 60 * _SECOND else 60 * _SECOND
    return max(1, cycle // every)
