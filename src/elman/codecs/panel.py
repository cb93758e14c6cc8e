"""`Panel`: many time series on one clock, with what goes along with them, and `Forecast`: what is said of their future.

A panel is flat: the rows of all series stand one after another, so that ten thousand series are a few arrays. Series i
is rows ``offsets[i]`` to ``offsets[i + 1]``, one for each step of the clock, whether something was measured or not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.calendar import Frequency
from elman.errors import ArrayError, DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]


@final
@dataclass(frozen=True)
class Covariate:
    """A column that goes along with series: numbers, or one of some categories.

    >>> Covariate("wind", ("N", "S")).features
    ('wind=N', 'wind=S')
    """

    name: str
    categories: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """What it gives at a step: itself, or 0 and 1 for each category."""
        return tuple(f"{self.name}={category}" for category in self.categories) or (self.name,)


@final
@dataclass(frozen=True)
class PanelColumns:
    """How a table holds a panel.

    Attributes:
        layout: ``long`` (rows of all series below each other), ``wide`` (a series in each of several columns) or
            ``rows`` (a series in each row).
        target: The columns of the series.
        id, time: Columns of the names and the times, None where there is none; several are joined by +.
        past, future, static: What goes along with the series: known up to the present, in advance, or always the same.
        day_first: Whether times such as ``03.02.2024`` have the day first; None where there are none.
    """

    layout: Literal["long", "wide", "rows"] = "long"
    target: tuple[str, ...] = ("y",)
    id: str | None = None
    time: str | None = None
    past: tuple[Covariate, ...] = ()
    future: tuple[Covariate, ...] = ()
    static: tuple[Covariate, ...] = ()
    day_first: bool | None = None

    def features(self, role: Literal["past", "future", "static"]) -> tuple[str, ...]:
        """The names of the numbers that a role has."""
        found: tuple[Covariate, ...] = getattr(self, role)
        return tuple(name for covariate in found for name in covariate.features)

    def to_config(self) -> dict[str, Any]:
        """All that it is, in plain values."""
        roles = {
            role: [{"name": each.name, "categories": list(each.categories)} for each in getattr(self, role)]
            for role in ("past", "future", "static")
        }
        named = {"layout": self.layout, "target": list(self.target), "id": self.id, "time": self.time}
        return {**named, **roles, "day_first": self.day_first}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PanelColumns:
        """What `to_config` gave. Raises `DataError`."""
        try:
            past, future, static = (
                tuple(Covariate(str(each["name"]), tuple(each["categories"])) for each in config[role])
                for role in ("past", "future", "static")
            )
            target, first = tuple(config["target"]), config.get("day_first")
            return cls(config["layout"], target, config["id"], config["time"], past, future, static, first)
        except (KeyError, TypeError):
            raise DataError(f"expected the configuration of the columns of series, found {config}.") from None


@final
@dataclass(frozen=True, eq=False)
class Panel:
    """n series on one clock.

    Attributes:
        ids: The name of each.
        frequency: The clock: row k of a series is step ``first + k``.
        offsets: Where each series begins among the rows, and where the last ends, (n + 1,).
        first: The step of the first row of each, (n,). There something was measured.
        history: Rows of each up to and with the last that was measured, (n,). Rows behind them are the future, of which
            only what is known in advance is there.
        target: What was measured, (rows,) float64; NaN where nothing was.
        past: Covariates that are known up to the present, (rows, past features); NaN where missing, and in the future.
        future: Covariates that are known in advance, (rows, future features); NaN where missing.
        static: What is always the same of a series, (n, static features); NaN where missing.
        columns: How tables like the one it came from are read.
        notes: Sentences on what was found and mended, for the first lines of a training.
    """

    ids: tuple[str, ...]
    frequency: Frequency
    offsets: Whole
    first: Whole
    history: Whole
    target: Floats
    past: Floats
    future: Floats
    static: Floats
    columns: PanelColumns = PanelColumns()
    notes: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        series: Sequence[Any] | Mapping[str, Any],
        frequency: Frequency | str = "1",
        *,
        start: Any = 0,
        season: int | None = None,
    ) -> Panel:
        """A panel of arrays (time,), NaN where nothing was measured, that all begin at the time ``start``.

        >>> Panel.of({"a": [1, 2, 3], "b": [4, 5]}, "MS", start="2020-01").frame()["ds"].iloc[-1].strftime("%Y-%m")
        '2020-02'
        """
        named = (
            dict(series) if isinstance(series, Mapping) else {str(number): each for number, each in enumerate(series)}
        )
        arrays = [np.asarray(each, np.float64) for each in named.values()]
        for name, values in zip(named, arrays, strict=True):
            if values.ndim != 1 or not np.isfinite(values).any():
                raise ArrayError(f"series '{name}': expected numbers (time,), found shape {values.shape} or only NaN.")
        clock = frequency if isinstance(frequency, Frequency) else Frequency.named(frequency, season=season)
        begin = int(clock.steps(np.array([start], np.int64 if clock.unit == "step" else "M8[ns]"))[0])
        measured = [np.flatnonzero(~np.isnan(values)) for values in arrays]
        arrays = [values[where[0] : where[-1] + 1] for values, where in zip(arrays, measured, strict=True)]
        lengths = np.array([len(values) for values in arrays], np.int64)
        rows = int(lengths.sum())
        return cls(
            tuple(named), clock, np.concatenate([[0], np.cumsum(lengths)]),
            np.array([begin + where[0] for where in measured], np.int64), lengths, np.concatenate(arrays),
            np.empty((rows, 0)), np.empty((rows, 0)), np.empty((len(arrays), 0)),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> Whole:
        """Rows of each series, future ones too, (n,)."""
        return np.diff(self.offsets)

    @property
    def sha256(self) -> str:
        """Fingerprint of the series, their clock and all that goes with them, wherever they lie."""
        digest = hashlib.sha256("\n".join((*self.ids, str(self.frequency))).encode("utf-8", "surrogatepass"))
        arrays = (self.offsets, self.first, self.history, self.target, self.past, self.future, self.static)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def series(self, number: int) -> Floats:
        """The history of one series, (time,); a view."""
        begin = self.offsets[number]
        return self.target[begin : begin + self.history[number]]

    def times(self, number: int) -> NDArray[Any]:
        """When the steps of the history of one series are, (time,)."""
        return self.frequency.times(self.first[number] + np.arange(self.history[number]))

    def take(self, numbers: Sequence[int] | Whole) -> Panel:
        """The panel of some series, in that order."""
        which = np.asarray(numbers, np.int64)
        lengths = self.lengths[which]
        rows = _ranges(self.offsets[which], lengths)
        return replace(
            self, ids=tuple(self.ids[number] for number in which), first=self.first[which], history=self.history[which],
            offsets=np.concatenate([[0], np.cumsum(lengths)]), target=self.target[rows], past=self.past[rows],
            future=self.future[rows], static=self.static[which],
        )  # fmt: skip

    def until(self, history: Whole | int) -> Panel:
        """The panel as it was when each series had so many rows, (n,): nothing of what came later can be seen.

        What is known in advance stays. A series whose last rows then were not measured ends before them; one with
        nothing left is gone.
        """
        cut = np.minimum(np.broadcast_to(np.asarray(history, np.int64), (len(self),)), self.history)
        place = np.arange(len(self.target)) - np.repeat(self.offsets[:-1], self.lengths)
        seen = place < np.repeat(cut, self.lengths)
        target = np.where(seen, self.target, np.nan)
        latest = np.where(np.isnan(target), -1, place) + 1
        found = np.maximum.reduceat(latest, self.offsets[:-1]) if len(self) else cut
        past = np.where((place < np.repeat(found, self.lengths))[:, None], self.past, np.nan)
        panel = replace(self, target=target, past=past, history=found.astype(np.int64))
        if not self.future.shape[1]:
            panel = panel._shortened()
        return panel if bool((found > 0).all()) else panel.take(np.flatnonzero(found > 0))

    def without_last(self, count: int) -> Panel:
        """The panel without the last rows of each history."""
        return self.until(self.history - count)

    def _shortened(self) -> Panel:
        """Without rows in the future, where nothing is known of them."""
        rows = _ranges(self.offsets[:-1], self.history)
        return replace(
            self, offsets=np.concatenate([[0], np.cumsum(self.history)]), target=self.target[rows],
            past=self.past[rows], future=self.future[rows],
        )  # fmt: skip

    def truth(self, origins: Whole, horizon: int) -> Floats:
        """What was measured in ``horizon`` rows from row ``origins[i]`` of series i on, (n, horizon); else NaN."""
        place = np.asarray(origins, np.int64)[:, None] + np.arange(horizon)
        known = (place >= 0) & (place < self.history[:, None])
        rows = np.where(known, self.offsets[:-1, None] + place, 0)
        return np.where(known, self.target[rows], np.nan)

    def matrix(self) -> Floats:
        """All series side by side, (time, n), from the earliest step to the latest; NaN where one has nothing."""
        begin, end = int(self.first.min()), int((self.first + self.history).max())
        found = np.full((end - begin, len(self)), np.nan)
        for number in range(len(self)):
            at = int(self.first[number]) - begin
            found[at : at + int(self.history[number]), number] = self.series(number)
        return found

    def frame(self) -> pd.DataFrame:
        """The histories as a long table with the columns unique_id, ds, y, as statsforecast and others read it."""
        import pandas as pd

        rows = _ranges(self.offsets[:-1], self.history)
        steps = _ranges(self.first, self.history)
        ids = np.repeat(np.array(self.ids, object), self.history)
        return pd.DataFrame({"unique_id": ids, "ds": self.frequency.times(steps), "y": self.target[rows]})

    def describe(self) -> str:
        """One line: how many series, how long, on which clock, and how much is missing."""
        shortest, longest = int(self.history.min()), int(self.history.max())
        span = f"{longest:,}" if shortest == longest else f"{shortest:,} to {longest:,}"
        rows = int(self.history.sum())
        missing = int(np.isnan(self.target[_ranges(self.offsets[:-1], self.history)]).sum())
        gaps = f"; {missing:,} of {rows:,} steps were not measured" if missing else ""
        return f"{len(self):,} series of {span} steps; {self.frequency.describe()}{gaps}."


def _ranges(begins: Whole, lengths: Whole) -> Whole:
    """``begins[0], begins[0] + 1, ...``, so many of each as ``lengths`` says.

    >>> _ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    return np.asarray(np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(begins - (ends - lengths), lengths))


#: Quantiles that are given by default: the ends of the middle 50, 80 and 95 percent, and the median.
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


@final
@dataclass(frozen=True, eq=False)
class Forecast:
    """What is said of the next steps of n series.

    Attributes:
        ids: Of which series.
        frequency: Their clock.
        first: The step of the first one that is forecast, (n,).
        point: One number for each step, (n, horizon).
        levels: Of the quantiles, rising, from 0 to 1.
        quantiles: (n, horizon, levels); none where ``levels`` is empty.
    """

    ids: tuple[str, ...]
    frequency: Frequency
    first: Whole
    point: Floats
    levels: tuple[float, ...] = ()
    quantiles: Floats = field(default_factory=lambda: np.empty((0, 0, 0)))

    def __post_init__(self) -> None:
        if self.levels and self.quantiles.shape != (*self.point.shape, len(self.levels)):
            raise ArrayError(
                f"expected quantiles (series, horizon, levels) {(*self.point.shape, len(self.levels))}, "
                f"found {self.quantiles.shape}."
            )

    @property
    def horizon(self) -> int:
        """Steps that are forecast."""
        return int(self.point.shape[1])

    @property
    def coverages(self) -> tuple[int, ...]:
        """The central intervals that the quantiles give, in percent, the narrowest first."""
        known = {round(level, 6) for level in self.levels}
        lower = [level for level in self.levels if level < 0.5 and round(1 - level, 6) in known]
        return tuple(round(100 * (1 - 2 * level)) for level in sorted(lower, reverse=True))

    def interval(self, percent: float) -> tuple[Floats, Floats]:
        """The ends of the central interval that holds the truth in so many of 100 cases, (n, horizon) each."""
        places = [self._place((1 - percent / 100) / 2), self._place((1 + percent / 100) / 2)]
        return self.quantiles[..., places[0]], self.quantiles[..., places[1]]

    def _place(self, level: float) -> int:
        for place, known in enumerate(self.levels):
            if abs(known - level) < 1e-6:
                return place
        raise ArrayError(f"quantile {level:g} was not forecast, only {', '.join(f'{each:g}' for each in self.levels)}.")

    def times(self, number: int) -> NDArray[Any]:
        """When the steps of one series are, (horizon,)."""
        return self.frequency.times(self.first[number] + np.arange(self.horizon))

    def frame(self) -> pd.DataFrame:
        """A row for each step: unique_id, ds, forecast, and ``lo-80``, ``hi-80`` for each interval."""
        import pandas as pd

        steps = (self.first[:, None] + np.arange(self.horizon)).ravel()
        columns: dict[str, Any] = {
            "unique_id": np.repeat(np.array(self.ids, object), self.horizon),
            "ds": self.frequency.times(steps),
            "forecast": self.point.ravel(),
        }
        for percent in self.coverages:
            low, high = self.interval(percent)
            columns |= {f"lo-{percent}": low.ravel(), f"hi-{percent}": high.ravel()}
        return pd.DataFrame(columns)
