"""Forecasting: from series to what comes next, with how sure one may be.

Training needs torch (`elman.tasks.forecast_training`, imported when it is asked for); what was learnt runs without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from elman import cells
from elman.codecs.panel import LEVELS, Forecast, Panel
from elman.data.panel import panel_of, read_panel
from elman.errors import BundleError, DataError, SettingsError, UsageError
from elman.runtime.bundle import Bundle
from elman.runtime.forecast_model import ForecastModel
from elman.runtime.forecast_stream import ForecastStream
from elman.settings import AUTO, flat, to_dict, update
from elman.settings.forecast import ForecastSettings

if TYPE_CHECKING:
    import pandas as pd

    from elman.training.events import Callback


@final
class Forecaster:
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

    def __init__(self, **options: Any) -> None:
        self._options = dict(options)
        self._effective: ForecastSettings | None = None
        self._metrics: dict[str, Any] = {}
        self._model: ForecastModel | None = None
        self._sample: dict[str, Any] = {}
        self._report: Any = None
        if self.settings.network.cell != AUTO:
            cells.find(self.settings.network.cell)

    @property
    def settings(self) -> ForecastSettings:
        """The options as they were given; after `fit` nothing in them is left open."""
        return self._asked() if self._effective is None else self._effective

    def _asked(self) -> ForecastSettings:
        return update(self.Settings(), self._options, type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._options.items())})"

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
        panel = _panel(data, asked, known)
        trained = training.run(
            panel, asked, source=_source(data), out=out, resume=resume, start_from=start_from, callbacks=callbacks
        )
        self._effective, self._model = trained.settings, trained.model
        self._sample = trained.model.record()
        self._metrics = {"training": trained.training}
        if out is not None:
            self.save(out)
        if trained.failure is not None:
            raise trained.failure
        return self

    @property
    def metrics(self) -> dict[str, Any]:
        """How good the model is on held-out data, with the baselines, and how it was trained."""
        return self._metrics

    @property
    def report(self) -> Any:
        """All that `fit` found of held-out data; None where there were none, and after `load`."""
        return self._report

    # To say something --------------------------------------------------------------------------------------

    @property
    def model(self) -> ForecastModel:
        """What was learnt, as it runs without torch. Raises `UsageError` before `fit` or `load`."""
        if self._model is None:
            raise UsageError(f"This {type(self).__name__} has not been trained: call fit, or elman.load(DIR).")
        return self._model

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

    def panel(self, data: Any) -> Panel:
        """Series in files or a data frame, read as those of the training were."""
        return _panel(data, self.settings, self.model)

    def stream(self, series: str | None = None, *, start: Any = None) -> ForecastStream:
        """A live session: values come one by one, and at any time it says how they go on.

        It goes on from the end of a ``series`` of the training, or begins a new one at the time ``start``; see
        `elman.runtime.forecast_stream.ForecastStream`.
        """
        return self.model.stream(series, start=start)

    # To keep -----------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder. Raises `BundleError` with one sentence on what is wrong with it."""
        bundle = Bundle.read(folder, ForecastModel)
        if bundle.config["task"] != cls.task:
            raise BundleError(f"{folder}: is a model for the task '{bundle.config['task']}', not '{cls.task}'.")
        try:
            settings = update(cls.Settings(), bundle.config.get("settings", {}), f"{folder}/config.json")
        except SettingsError as error:
            raise BundleError(str(error)) from None
        found = cls(**flat(settings))
        found._effective = settings
        found._metrics, found._model, found._sample = bundle.metrics, bundle.model, bundle.sample
        return found

    def save(self, folder: str | Path) -> None:
        """Write the model folder, whole or not at all. Raises `SaveError`."""
        from elman.export import write_bundle

        write_bundle(
            folder,
            task=self.task,
            model=self.model,
            settings=to_dict(self.settings),
            metrics=self.metrics,
            sample=self._sample,
        )


def _panel(data: Any, settings: ForecastSettings, known: ForecastModel | None) -> Panel:
    """Series as a panel, read like those of a model where there is one."""
    if isinstance(data, Panel):
        return data
    like = None if known is None else (known.columns, known.codec.frequency)
    if hasattr(data, "columns"):
        return panel_of(data, settings.data, known=like)
    several = [data] if isinstance(data, (str, Path)) else data
    if not isinstance(several, (list, tuple)) or not all(isinstance(each, (str, Path)) for each in several):
        raise DataError(f"expected a file, a data frame or a Panel of series, found {type(data).__name__}.")
    return read_panel(several, settings.data, known=like)


def _source(data: Any) -> str:
    """Where the series come from, for the reader."""
    if isinstance(data, Panel):
        return "a panel"
    if hasattr(data, "columns"):
        return "a data frame"
    return ", ".join(Path(path).name for path in ([data] if isinstance(data, (str, Path)) else data))
