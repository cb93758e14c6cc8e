"""Forecasting: from series to what comes next, with how sure one may be.

Training needs torch (`elman.tasks.forecast_training`, imported when it is asked for); what was learnt runs without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from elman.codecs.calendar import Frequency
from elman.codecs.panel import LEVELS, Forecast, Panel, PanelColumns
from elman.errors import UsageError
from elman.runtime.bundle import Bundle
from elman.runtime.forecast_model import ForecastModel
from elman.runtime.forecast_stream import ForecastStream
from elman.settings.forecast import ForecastSettings
from elman.tasks.panel_task import PanelTask, as_panel, source_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from elman.nn.subject import Subject
    from elman.plots.forecast import Fan
    from elman.plots.page import Page
    from elman.tasks.forecast_report import ForecastReport
    from elman.training.events import Callback

#: Origins of a backtest that nobody asked for.
MOST_FOLDS = 10


@final
class Forecaster(PanelTask[ForecastSettings, ForecastModel]):
    """A network that learns how series go on, one for all of them.

    Options are the fields of `elman.settings.forecast.ForecastSettings`, by name. Series come as files, as a data frame
    with the columns unique_id, ds and y (or a wide one), or as a `Panel`.

    Raises `SettingsError` for an option that is unknown or out of range.

    >>> import pandas as pd
    >>> months = pd.date_range("2015-01-01", periods=60, freq="MS")
    >>> table = pd.DataFrame({"ds": months, "y": [10.0 + month.month for month in months]})
    >>> model = Forecaster(horizon=3, steps=2, hidden_size=4).fit(table)
    >>> list(model.predict().columns)[:3], len(model.predict())
    (['unique_id', 'ds', 'forecast'], 3)
    """

    task = "forecast"
    Settings = ForecastSettings
    Model = ForecastModel

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._report: ForecastReport | None = None
        self._panel: Panel | None = None

    # To learn ----------------------------------------------------------------------------------------------

    def fit(
        self,
        data: Any,
        *,
        out: str | Path | None = None,
        resume: bool = False,
        start_from: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on series.

        Args:
            data: A table in a file or several of them, a data frame, or a `Panel`.
            out: Folder for model, report, logs and checkpoints; without it all stays in memory, and no baselines are
                fitted.
            resume: Go on with the run in ``out``.
            start_from: Folder of a model that goes on learning, with the rows that came since.
            callbacks: Follow the run.

        Raises:
            DataError: A table is not what was expected, or too short.
            SaveError: ``out`` is in use or cannot be written to.
            NonFiniteLossError: The loss became NaN; the last good model is kept.
        """
        from elman.tasks import forecast_training as training

        asked = self._asked()
        known = None if start_from is None else Bundle.read(start_from, ForecastModel).model
        panel = as_panel(data, asked.data, None if known is None else self._known(known))
        trained = training.run(
            panel, asked, source=source_of(data), out=out, resume=resume, start_from=start_from, callbacks=callbacks
        )
        self._effective, self._model = trained.settings, trained.model
        self._sample = trained.model.record()
        self._metrics = {"training": trained.training}
        self._panel = panel
        if out is not None:
            self.save(out)
            if not trained.stopped_early and int(self.settings.windows.held_out):
                self._report = self.backtest()
                self._metrics = {"held_out": self._report.figures["data"], "training": trained.training}
                self.save(out)
                self._report.write(out)
        if trained.failure is not None:
            raise trained.failure
        return self

    @property
    def report(self) -> ForecastReport | None:
        """The backtest on what `fit` held out; None without a folder, where nothing was held out, and after `load`."""
        return self._report

    # To say something --------------------------------------------------------------------------------------

    def predict(self, h: int | None = None, data: Any = None, **options: Any) -> pd.DataFrame:
        """How series go on: a row for each step with unique_id, ds, forecast, and ``lo-80``, ``hi-80`` and so on.

        Args:
            h: Steps ahead, by default those of the training.
            data: Series to go on from, as for `fit`, with what is known in advance of the steps ahead; by default those
                of the training, from where they ended.
            options: Those of `forecast`.
        """
        return self.forecast(h, data, **options).frame()

    def forecast(
        self, h: int | None = None, data: Any = None, *, levels: Sequence[float] = LEVELS, seed: int = 0
    ) -> Forecast:
        """As `predict`, as arrays; ``levels`` are those of the quantiles, ``seed`` that of drawn paths.

        Raises:
            DataError: The table is of another kind than that of the training, or covariates of what lies ahead are
                missing.
            UsageError: More steps are asked for than the network tells.
        """
        return self.model.forecast(None if data is None else self.panel(data), h, levels=levels, seed=seed)

    def backtest(
        self,
        data: Any = None,
        h: int | None = None,
        *,
        folds: int | None = None,
        step: int | None = None,
        statistics: Sequence[str] = (),
        seed: int = 0,
    ) -> ForecastReport:
        """How good forecasts from origins in the past would have been, beside those of simple models.

        At each origin nothing is known of what comes after; the model itself is as it was trained, so rows that it was
        trained on are told of. Simple models are fitted to what came before the first origin.

        Args:
            data: Series whose end is forecast, as for `fit`; by default those of the training with what was held out.
            h: Steps of each forecast, by default those of the training.
            folds: Origins, by default as many as what was held out has.
            step: Steps from one origin to the next, by default ``h``.
            statistics: Names of models of statsforecast to compare with, such as AutoETS and AutoTheta.
            seed: Of drawn paths.

        Raises `DataError` where no series is longer than the forecast.
        """
        from elman.tasks.forecast_report import backtested

        horizon = self.model.shape.horizon if h is None else h
        panel = self._trained_on() if data is None else self.panel(data)
        return backtested(
            self.model,
            panel,
            horizon,
            folds=folds or self._folds(horizon),
            step=step,
            statistics=statistics,
            seed=seed,
            trained=self._trained_until(),
            title=f"Forecasts by a network, {self.settings.network.architecture}",
        )

    def evaluate(self, data: Any, **options: Any) -> ForecastReport:
        """`backtest` on series whose end is forecast: a file, a data frame or a panel."""
        return self.backtest(data, **options)

    def plot(self, h: int | None = None, data: Any = None, *, history: int | None = None, seed: int = 0) -> Figure:
        """A picture of history, forecast and intervals, of up to eight series; arguments as for `predict`.

        ``history`` is how many steps before the forecast are shown.
        """
        from elman.plots.forecast import fans

        return fans(self._fans(h, data, seed), history=history)

    def page(self, h: int | None = None, data: Any = None, *, seed: int = 0) -> Page:
        """The same of up to 200 series as a page to move, enlarge and ask; `Page.write` makes one file of it."""
        from elman.plots.forecast_page import forecast_page

        series = self._fans(h, data, seed)
        summary = f"{len(series[0].ahead):,} steps ahead, with the intervals that hold the truth so often."
        return forecast_page(series, f"Forecasts by a network, {self.settings.network.architecture}", summary)

    def _fans(self, h: int | None, data: Any, seed: int) -> list[Fan]:
        from elman.tasks.forecast_report import fans_of

        panel = self.model.latest if data is None else self.panel(data)
        return fans_of(panel, self.model.forecast(panel, h, seed=seed))

    def stream(self, series: str | None = None, *, start: Any = None) -> ForecastStream:
        """A live session: values come one by one, and at any time it says how they go on.

        It goes on from the end of a ``series`` of the training, or begins a new one at the time ``start``; see
        `elman.runtime.forecast_stream.ForecastStream`.
        """
        return self.model.stream(series, start=start)

    def subject(self, data: Any = None, *, steps: int = 250, batch: int = 4) -> Subject:
        """The model and the end of some series, for `elman.diagnostics`; `elman.tasks.forecast_subject` says more.

        ``data`` are series as for `fit`, by default the end of those of the training.
        """
        from elman.tasks import forecast_subject

        panel = self.model.latest if data is None else self.panel(data)
        return forecast_subject.subject(self.model, panel, steps, batch, self.task)

    # What it remembers -------------------------------------------------------------------------------------

    def _known(self, model: ForecastModel) -> tuple[PanelColumns, Frequency]:
        return model.columns, model.codec.frequency

    def _trained_on(self) -> Panel:
        if self._panel is None:
            raise UsageError("A loaded model knows only the end of its series: give the data of the backtest.")
        return self._panel

    def _folds(self, horizon: int) -> int:
        """Origins of a backtest: as many as what is held out has room for, up to `MOST_FOLDS`."""
        return max(1, min(MOST_FOLDS, int(self.settings.windows.held_out) // horizon))

    def _trained_until(self) -> dict[str, int]:
        """The last step of each series that was learnt from."""
        latest, held_out = self.model.latest, int(self.settings.windows.held_out)
        last = latest.first + latest.history - 1 - held_out
        return dict(zip(latest.ids, last.tolist(), strict=True))
