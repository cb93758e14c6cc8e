"""One live session with a model of forecasts: values come one by one, and at any time it says how they go on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.panel import LEVELS, Forecast, Panel
from elman.errors import DataError, UsageError
from elman.runtime.session import Arrays, Session

if TYPE_CHECKING:
    from elman.runtime.forecast_model import ForecastModel


@final
class ForecastStream(Session):
    """A live session with one series: `push` each value when it comes, ask for a `forecast` at any time.

    It keeps the values and covariates of one window and forgets what is older, so memory stays the same however long
    it runs; a forecast is what the model says of a table that ends here.

    Args:
        model: What was learnt.
        series: One of the training, from whose end it goes on; None for another.
        start: The time of the first value of another series, needed where the calendar is read.

    Raises `UsageError` where the start is missing or the series is not known.
    """

    format = {"format": "elman-forecast-stream", "version": "1"}  # noqa: RUF012 - never changed
    own = ("kept.",)

    def __init__(self, model: ForecastModel, series: str | None, start: Any = None) -> None:
        self._model = model
        known = model.latest.ids
        if series is not None and series not in known:
            raise UsageError(f"The training had no series '{series}', only {', '.join(known[:5])}. Leave series out.")
        if series is None and start is None and model.codec.calendar:
            raise UsageError("This model reads the calendar: say by start when the first value of the series is.")
        self.series = series
        self._first = 0
        if series is not None:
            number = known.index(series)
            self._first = int(model.latest.first[number])
        elif start is not None:
            kind = np.int64 if model.codec.frequency.unit == "step" else "M8[ns]"
            self._first = int(model.codec.frequency.steps(np.array([start], kind))[0])
        self.reset()

    @property
    def steps(self) -> int:
        """Values that came, with those of the training that the session began with."""
        return self._count

    def push(
        self, value: float | None, *, past: Sequence[float] = (), future: Sequence[float] = (), static: Any = None
    ) -> None:
        """Take the next value.

        Args:
            value: None or NaN where nothing was measured at this step.
            past: The covariates of this step that are known only now, as many numbers as the training had.
            future: Those that were known in advance, likewise.
            static: The numbers of a series that training had not, once.

        Raises `DataError` for other numbers of covariates.
        """
        for name, given, kept in (("past", past, self._past), ("future", future, self._future)):
            if len(given) != kept.shape[1]:
                raise DataError(f"Each step has {kept.shape[1]} {name} covariates, found {len(given)}.")
        if static is not None:
            self._static = np.asarray(static, np.float64)
        for kept, given in ((self._values, [np.nan if value is None else value]), (self._past, past),
                            (self._future, future)):  # fmt: skip
            kept[:-1] = kept[1:]
            kept[-1] = given
        self._count += 1

    def forecast(
        self,
        horizon: int | None = None,
        *,
        future: NDArray[Any] | None = None,
        levels: Sequence[float] = LEVELS,
        seed: int = 0,
    ) -> Forecast:
        """How the series goes on after the last value.

        Args:
            horizon: Steps, by default those of the training.
            future: What is known in advance of them, (horizon, future), for a model that reads it.
            levels: Of the quantiles.
            seed: Of drawn paths.

        Raises `DataError` where nothing was measured yet, or ``future`` is missing.
        """
        if np.isnan(self._values).all():
            raise DataError("A forecast needs a value to go on from: nothing was measured in the window so far.")
        return self._model.forecast(self._panel(future), horizon, levels=levels, seed=seed)

    def _panel(self, future: NDArray[Any] | None) -> Panel:
        """What is kept, as a panel of one series."""
        rows = min(self._count, len(self._values))
        wide = self._future.shape[1]
        ahead = np.empty((0, wide)) if future is None else np.asarray(future, np.float64).reshape(-1, wide)
        target = np.concatenate([self._values[len(self._values) - rows :, 0], np.full(len(ahead), np.nan)])
        past = np.concatenate(
            [self._past[len(self._past) - rows :], np.full((len(ahead), self._past.shape[1]), np.nan)]
        )
        return Panel(
            (self.series or "",), self._model.codec.frequency, np.array([0, rows + len(ahead)]),
            np.array([self._first + self._count - rows]), np.array([rows]), target, past,
            np.concatenate([self._future[len(self._future) - rows :], ahead]), self._static[None],
            columns=self._model.columns,
        )  # fmt: skip

    # What is remembered ------------------------------------------------------------------------------------

    def _initial_state(self) -> Arrays:
        return {}

    def _begin(self) -> None:
        latest, reach = self._model.latest, self._model.codec.reach
        self._count = 0
        self._values = np.full((reach, 1), np.nan)
        self._past, self._future = (np.full((reach, each.shape[1]), np.nan) for each in (latest.past, latest.future))
        self._static = np.full(latest.static.shape[1], np.nan)
        if self.series is None:
            return
        number = latest.ids.index(self.series)
        rows = int(latest.history[number])
        begin = int(latest.offsets[number])
        end = slice(begin + max(0, rows - reach), begin + rows)
        self._count, self._static = rows, latest.static[number].copy()
        for kept, source in (
            (self._values, latest.target[:, None]), (self._past, latest.past), (self._future, latest.future),
        ):  # fmt: skip
            kept[reach - (end.stop - end.start) :] = source[end]

    def _held(self) -> tuple[Arrays, dict[str, str]]:
        kept = {"values": self._values, "past": self._past, "future": self._future, "static": self._static}
        return {f"kept.{name}": value.copy() for name, value in kept.items()}, {
            "held": json.dumps({"count": self._count, "first": self._first, "series": self.series})
        }

    def _take(self, arrays: Arrays, texts: Mapping[str, str]) -> None:
        plain = json.loads(texts["held"])
        if arrays["kept.values"].shape != self._values.shape:
            raise DataError(f"This model reads {len(self._values)} values; found {len(arrays['kept.values'])}.")
        self._count, self._first, self.series = plain["count"], plain["first"], plain["series"]
        self._values, self._past, self._future, self._static = (
            arrays[f"kept.{name}"].copy() for name in ("values", "past", "future", "static")
        )
