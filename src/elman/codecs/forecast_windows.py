"""From series to the windows that networks of forecasts read, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.calendar import Frequency
from elman.codecs.panel import Panel
from elman.errors import DataError

Floats = NDArray[np.float32]

#: The scale of a window is at least this share of the spread of its series.
LEAST_SCALE = 0.1

#: Numbers that were never measured vary by this.
NO_SPREAD = 1.0


class Windows(NamedTuple):
    """Pieces of series side by side: B of them with ``reach`` values that are known, and maybe what follows.

    Arrays of NumPy or torch alike; what the network does not take is None. Values are in units of their own window,
    y = (x - level) / scale.

    Attributes:
        values: What is known, (B, reach), the latest last; where there is none, the value before.
        observed: 1 where there is a value, else 0, (B, reach).
        past: Covariates known up to now only, (B, context, past).
        future: Covariates of the context and of what lies ahead, (B, context + horizon, future).
        static: Numbers of the series, (B, static).
        series: Which series it is, (B,) from 1 on; 0 for one that training had not.
        level: (B,), in the units of the series.
        scale: (B,), likewise, above 0.
        targets: What follows, (B, horizon), for training; NaN where there is none.
    """

    values: Any
    observed: Any
    past: Any
    future: Any
    static: Any
    series: Any
    level: Any
    scale: Any
    targets: Any = None


@final
@dataclass(frozen=True, eq=False)
class Standard:
    """Columns brought to mean 0 and deviation 1 of training; NaN becomes the mean."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def fit(cls, rows: NDArray[Any]) -> Standard:
        """Of rows (n, columns) with NaN where something is missing."""
        known = ~np.isnan(rows)
        counts = np.maximum(known.sum(0), 1)
        mean = np.where(known, rows, 0).sum(0) / counts
        deviation = np.sqrt(np.where(known, (rows - mean) ** 2, 0).sum(0) / counts)
        return cls(tuple(mean.tolist()), tuple(np.where(deviation > 0, deviation, 1.0).tolist()))

    def __call__(self, rows: NDArray[Any]) -> Floats:
        """Rows (..., columns) in these units."""
        found = (rows - np.array(self.mean)) / np.array(self.deviation)
        return np.asarray(np.nan_to_num(found), np.float32)


@final
@dataclass(frozen=True, eq=False)
class WindowCodec:
    """Series to windows in their own units, and forecasts back into those of the series.

    Attributes:
        context: Steps of the window, for whose covariates a network looks.
        reach: Values of it, the context and what lags need before it.
        frequency: The clock of the series.
        ids, spreads: The series of the training and the deviation of each.
        spread: A usual one of them. Other series have that of their window.
        level: What is taken off: the ``last`` value, the ``mean`` of the window, or nothing, ``zero``.
        scale: By what is divided: the deviation of the ``window``, that of the ``series``, or the ``mean`` of the
            window's absolute values.
        logarithm: Whether logarithms are taken first.
        calendar: Which columns of `Frequency.features` are shown.
        past, future, static: The units of the covariates.
        numbered: Whether a network knows the series by their numbers.
    """

    context: int
    reach: int
    frequency: Frequency
    ids: tuple[str, ...]
    spreads: tuple[float, ...]
    spread: float
    level: Literal["last", "mean", "zero"] = "last"
    scale: Literal["window", "series", "mean"] = "window"
    logarithm: bool = False
    calendar: tuple[int, ...] = ()
    past: Standard = Standard((), ())
    future: Standard = Standard((), ())
    static: Standard = Standard((), ())
    numbered: bool = False

    @classmethod
    def fit(cls, panel: Panel, *, context: int, reach: int, logarithm: bool, **options: Any) -> WindowCodec:
        """Learn the units of a panel's series and covariates, from their histories."""
        numbers = range(len(panel))
        spreads = np.array([_spread(_transformed(panel.series(number), logarithm)) for number in numbers])
        known = spreads[spreads > 0]
        spread = float(np.median(known)) if len(known) else NO_SPREAD
        return cls(
            context, reach, panel.frequency, panel.ids, tuple(np.where(spreads > 0, spreads, spread).tolist()), spread,
            logarithm=logarithm,
            past=Standard.fit(panel.past), future=Standard.fit(panel.future), static=Standard.fit(panel.static),
            **options,
        )  # fmt: skip

    @property
    def future_size(self) -> int:
        """Covariates that are known of what lies ahead: of the calendar, and of the panel."""
        return len(self.calendar) + len(self.future.mean)

    def encode(
        self, panel: Panel, series: NDArray[Any], origins: NDArray[Any], ahead: int, *, targets: bool = False
    ) -> Windows:
        """Windows that end where forecasts begin.

        Args:
            panel: With series as those of the training, or others.
            series: Which of its series, (B,).
            origins: Rows of each that are known, (B,); nothing later is looked at, but covariates known in advance.
            ahead: Steps that are told.
            targets: Whether to give what follows, too.

        Raises `DataError` where nothing is known of a series, or its covariates of the future are not.
        """
        place = origins[:, None] + np.arange(-self.reach, 0)
        inside = place >= 0
        rows = np.where(inside, panel.offsets[series][:, None] + place, 0)
        found = _transformed(panel.target[rows], self.logarithm)
        observed = inside & ~np.isnan(found)
        if not observed.any(1).all():
            number = int(series[np.flatnonzero(~observed.any(1))[0]])
            raise DataError(
                f"series '{panel.ids[number]}': nothing was measured in the {self.reach} steps before the forecast."
            )
        spread = self._spreads(panel)[series]
        values = _filled(found, observed)
        level, scale = self._units(values, observed, spread)
        windows = Windows(
            values=((values - level[:, None]) / scale[:, None]).astype(np.float32),
            observed=observed.astype(np.float32),
            past=self._past(panel, rows[:, -self.context :], inside[:, -self.context :]) if self.past.mean else None,
            future=self._future(panel, series, origins, ahead) if self.future_size else None,
            static=self.static(panel.static[series]) if self.static.mean else None,
            series=self._numbers(panel)[series] if self.numbered else None,
            level=level,
            scale=scale,
        )
        if not targets:
            return windows
        truth = _transformed(_truth(panel, series, origins, ahead), self.logarithm)
        return windows._replace(targets=((truth - level[:, None]) / scale[:, None]).astype(np.float32))

    def decode(self, told: NDArray[Any], windows: Windows) -> NDArray[np.float64]:
        """What was told (B, ...) in the units of windows, in those of their series."""
        shape = (-1, *[1] * (told.ndim - 1))
        found = told * windows.scale.reshape(shape) + windows.level.reshape(shape)
        return np.asarray(np.exp(found) if self.logarithm else found, np.float64)

    def _units(
        self, values: NDArray[Any], observed: NDArray[np.bool_], spread: NDArray[Any]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        counts = observed.sum(1)
        mean = np.where(observed, values, 0).sum(1) / counts
        deviation = np.sqrt(np.where(observed, (values - mean[:, None]) ** 2, 0).sum(1) / counts)
        spread = np.where(np.isnan(spread), np.where(deviation > 0, deviation, self.spread), spread)
        if self.scale == "series":
            scale = spread
        elif self.scale == "mean":
            scale = np.maximum(np.where(observed, np.abs(values), 0).sum(1) / counts, LEAST_SCALE * spread)
        else:
            scale = np.maximum(deviation, LEAST_SCALE * spread)
        level = {"last": values[:, -1], "mean": mean, "zero": np.zeros_like(mean)}[self.level]
        return level, scale

    def _spreads(self, panel: Panel) -> NDArray[np.float64]:
        """The spread of each series of a panel; NaN where training had it not."""
        return np.array([self._known.get(name, np.nan) for name in panel.ids])

    def _numbers(self, panel: Panel) -> NDArray[np.int64]:
        known = {name: number for number, name in enumerate(self.ids, 1)}
        return np.array([known.get(name, 0) for name in panel.ids])

    def _past(self, panel: Panel, rows: NDArray[Any], inside: NDArray[np.bool_]) -> Floats:
        return self.past(np.where(inside[..., None], panel.past[rows], np.nan))

    def _future(self, panel: Panel, series: NDArray[Any], origins: NDArray[Any], ahead: int) -> Floats:
        """Calendar and other covariates of the context and of the steps ahead."""
        place = origins[:, None] + np.arange(-self.context, ahead)
        parts = []
        if self.calendar:
            steps = panel.first[series][:, None] + place
            first = int(steps.min())
            table = self.frequency.features(np.arange(first, int(steps.max()) + 1))[:, self.calendar]
            parts.append(table[steps - first])
        if self.future.mean:
            inside = (place >= 0) & (place < panel.lengths[series][:, None])
            rows = np.where(inside, panel.offsets[series][:, None] + place, 0)
            known = np.where(inside[..., None], panel.future[rows], np.nan)
            missing = np.isnan(known[:, self.context :]).any((1, 2))
            if missing.any() and not inside[:, self.context :].all():
                number = int(series[np.flatnonzero(~inside[:, self.context :].all(1))[0]])
                names = ", ".join(panel.columns.features("future"))
                raise DataError(
                    f"series '{panel.ids[number]}': {names} must be known of all {ahead} steps of the forecast. Add "
                    "rows for them, with the target left empty."
                )
            parts.append(self.future(known))
        return np.concatenate(parts, 2)

    # To keep -----------------------------------------------------------------------------------------------

    @cached_property
    def _known(self) -> dict[str, float]:
        return dict(zip(self.ids, self.spreads, strict=True))

    @cached_property
    def _units_of_covariates(self) -> dict[str, Standard]:
        return {"past": self.past, "future": self.future, "static": self.static}

    def to_config(self) -> dict[str, Any]:
        """All that it is, in plain values."""
        return {
            "kind": "windows",
            **{name: getattr(self, name) for name in ("context", "reach", "spread", "level", "scale", "logarithm")},
            "frequency": self.frequency.to_config(),
            "ids": list(self.ids), "spreads": list(self.spreads), "calendar": list(self.calendar),
            "numbered": self.numbered,
            **{name: {"mean": list(each.mean), "deviation": list(each.deviation)}
               for name, each in self._units_of_covariates.items()},
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> WindowCodec:
        """What `to_config` gave. Raises `DataError`."""
        try:
            values = {name: value for name, value in config.items() if name != "kind"}
            for name in ("past", "future", "static"):
                values[name] = Standard(tuple(values[name]["mean"]), tuple(values[name]["deviation"]))
            for name in ("ids", "spreads", "calendar"):
                values[name] = tuple(values[name])
            return cls(**{**values, "frequency": Frequency.from_config(values["frequency"])})
        except (TypeError, KeyError) as error:
            raise DataError(f"expected the configuration of windows ({error}).") from None


def _truth(panel: Panel, series: NDArray[Any], origins: NDArray[Any], ahead: int) -> NDArray[np.float64]:
    """What follows the origins, (B, ahead); NaN where nothing was measured."""
    place = origins[:, None] + np.arange(ahead)
    known = place < panel.history[series][:, None]
    return np.where(known, panel.target[np.where(known, panel.offsets[series][:, None] + place, 0)], np.nan)


def _transformed(values: NDArray[Any], logarithm: bool) -> NDArray[np.float64]:
    """Values, or their logarithms; NaN where a value has none."""
    if not logarithm:
        return values
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.log(values)
    return np.where(np.isfinite(found), found, np.nan)


def _spread(values: NDArray[Any]) -> float:
    known = values[~np.isnan(values)]
    return float(known.std()) if len(known) else 0.0


def _filled(values: NDArray[np.float64], observed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Rows (B, T) with the latest value before where there is none, and before all the first one."""
    steps = np.arange(values.shape[1])
    latest = np.maximum.accumulate(np.where(observed, steps, -1), axis=1)
    first = observed.argmax(1)
    return np.take_along_axis(values, np.where(latest < 0, first[:, None], latest), 1)
