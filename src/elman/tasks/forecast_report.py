"""What a backtest of forecasts found: errors and intervals beside those of simple forecasts, in words and pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from elman.baselines import forecasts as baselines
from elman.codecs.panel import Forecast, Panel
from elman.errors import DataError, SaveError
from elman.plots import Page, Picture, Points, Section, Table, png, svg
from elman.plots.forecast import Fan, errors_by_step, fans, held
from elman.plots.forecast_page import Fans
from elman.runtime.backtest import Backtest, backtest, compare, copies_last_value, leaks, seen_in_training
from elman.runtime.forecast_model import ForecastModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: What the model is called beside the others, and which of them is asked what the model found beyond it.
MODEL, PERSISTENCE = "model", "last value"

#: Files of a report.
FOLDER, PAGE, PICTURES, NUMBERS, TABLE = "report", "index.html", "pictures", "numbers.json", "forecasts.csv"

#: Figures in the order in which they are shown, and how they are written.
FIGURES = {"MASE": ".3f", "sMAPE": ".2f", "MAE": ".4g", "RMSE": ".4g", "CRPS": ".4g", "coverage 50": ".0%",
           "coverage 80": ".0%", "coverage 95": ".0%"}  # fmt: skip

DESCRIPTIONS = {
    "forecasts": "Series with what was forecast from the latest origin, intervals, and what came.",
    "by-step": "The mean absolute error of each step ahead, of the model and of simple forecasts.",
    "intervals": "How much of the truth intervals held, against how much they say.",
}


@final
@dataclass(frozen=True)
class ForecastReport:
    """What a rolling-origin backtest found.

    Attributes:
        title: What was forecast.
        panel: The series, whole.
        backtests: By name: the `MODEL` first, then what it is compared with, on the same origins.
        notes: Sentences for the reader, such as what makes the figures doubtful.
    """

    title: str
    panel: Panel
    backtests: Mapping[str, Backtest]
    notes: tuple[str, ...] = ()

    @property
    def figures(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """The figures of each under ``data``, with None for those that cannot be told."""
        return {"data": {name: _plain(found.scores()) for name, found in self.backtests.items()}}

    def words(self) -> list[str]:
        """What follows from the figures, in sentences."""
        model = self.backtests[MODEL]
        found = [
            compare(model, other, name).describe()
            for name, other in self.backtests.items()
            if name != MODEL and other.forecast.ids == model.forecast.ids
        ]
        copied = copies_last_value(model)
        return [*found, *([copied] if copied else []), *self.notes]

    def lines(self) -> list[str]:
        """The figures as a table for the terminal, and the words below it."""
        rows = [["", *FIGURES]]
        for name, figures in self.figures["data"].items():
            rows.append([name, *(_shown(figures.get(key), how) for key, how in FIGURES.items())])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [
            "  ".join(
                cell.ljust(w) if not place else cell.rjust(w)
                for place, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        model = self.backtests[MODEL]
        made, ahead, origins = (
            f"{count:,} {name}{'' if count == 1 else 's'}"
            for count, name in (
                (len(model.truth), "forecast"), (model.forecast.horizon, "step"), (model.folds, "origin")
            )
        )  # fmt: skip
        what = f"{made} of {ahead} from {origins}"
        return [f"{self.title}: {what}", *table, *self.words()]

    def pictures(self) -> dict[str, Figure]:
        """Forecasts from the latest origin, errors by step, and what intervals held."""
        coverages = {name: _coverages(found.forecast, found.scores()) for name, found in self.backtests.items()}
        drawn = {"forecasts": fans(self.fans(), self.title)}
        if self.backtests[MODEL].forecast.horizon > 1:
            drawn["by-step"] = errors_by_step({name: found.by_step() for name, found in self.backtests.items()})
        if any(coverages.values()):
            drawn["intervals"] = held(coverages)
        return drawn

    def fans(self) -> list[Fan]:
        """Some series with the forecast from the latest origin."""
        found = self.backtests[MODEL]
        latest = np.flatnonzero(found.fold == found.folds - 1)
        chosen = latest[np.linspace(0, len(latest) - 1, min(6, len(latest))).round().astype(int)]
        return [self._fan(found, int(row)) for row in chosen]

    def _fan(self, found: Backtest, row: int) -> Fan:
        forecast = found.forecast
        number = self.panel.ids.index(forecast.ids[row])
        known = int(forecast.first[row] - self.panel.first[number])
        ends = {percent: forecast.interval(percent) for percent in forecast.coverages}
        return Fan(
            forecast.ids[row], self.panel.times(number)[:known], self.panel.series(number)[:known], forecast.times(row),
            forecast.point[row],
            {percent: (low[row], high[row]) for percent, (low, high) in ends.items()}, found.truth[row],
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"title": self.title, "figures": self.figures["data"], "words": self.words()}

    def write(self, folder: str | Path) -> Path:
        """Write page, pictures (PNG and SVG), numbers and all forecasts into ``folder/report``; return the page.

        The page is one file that needs neither the others nor a network. Raises `SaveError`.
        """
        home = Path(folder) / FOLDER
        files: dict[str, bytes] = {}
        for name, figure in self.pictures().items():
            files |= {f"{PICTURES}/{name}.png": png(figure), f"{PICTURES}/{name}.svg": svg(figure)}
        pictures = [
            Picture(files[f"{PICTURES}/{name}.svg"], text, text)
            for name, text in DESCRIPTIONS.items()
            if name != "forecasts" and f"{PICTURES}/{name}.svg" in files
        ]
        table = Table(
            ["", *FIGURES],
            [
                [name, *(_shown(each.get(key), how) for key, how in FIGURES.items())]
                for name, each in self.figures["data"].items()
            ],
        )
        words = self.words()
        sections = [
            Section("How good it is", [table, Points([(word, "") for word in words])]),
            Section("Forecasts from the latest origin", [Fans(self.fans())]),
            *([Section("Errors and intervals", pictures)] if pictures else []),
        ]
        files[NUMBERS] = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False).encode()
        files[TABLE] = self.backtests[MODEL].frame().to_csv(index=False).encode()
        files[PAGE] = Page(self.title, sections, words[0] if words else "").html().encode()
        for name, content in files.items():
            try:
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_bytes(content)
            except OSError as error:
                raise SaveError(f"{home / name}: the report cannot be written ({error.strerror}).") from error
        return home / PAGE


def backtested(
    model: ForecastModel,
    panel: Panel,
    horizon: int,
    *,
    folds: int,
    step: int | None,
    statistics: Sequence[str],
    seed: int,
    trained: dict[str, int],
    title: str,
) -> ForecastReport:
    """A backtest of a model and of what it is compared with; `elman.tasks.forecast.Forecaster.backtest` says more.

    ``trained`` has the last step of the training of each series by name.
    """

    def forecast(past: Panel, ahead: int) -> Forecast:
        return model.forecast(past, ahead, seed=seed)

    rivals: dict[str, Callable[[Panel, int], Forecast]] = {PERSISTENCE: baselines.naive}
    if panel.frequency.season > 1:
        rivals["last season"] = baselines.seasonal_naive
    origins = panel.history - horizon - (step or horizon) * (folds - 1)
    notes = leaks(panel)
    try:
        rivals["linear map"] = baselines.DLinear.fit(panel.until(origins), horizon)
    except DataError as error:
        notes.append(f"No linear map was fitted: {error}")
    for name in statistics:
        rivals[name] = partial(baselines.statistics, name=name)
    if seen := seen_in_training(panel, origins, trained):
        notes.append(seen)
    every = {
        name: backtest(panel, each, horizon, folds=folds, step=step)
        for name, each in {MODEL: forecast, **rivals}.items()
    }
    return ForecastReport(title, panel, every, tuple(notes))


def fans_of(panel: Panel, forecast: Forecast) -> list[Fan]:
    """Each series of a panel with its forecast."""
    ends = {percent: forecast.interval(percent) for percent in forecast.coverages}
    return [
        Fan(
            forecast.ids[row], panel.times(row), panel.series(row), forecast.times(row), forecast.point[row],
            {percent: (low[row], high[row]) for percent, (low, high) in ends.items()},
        )
        for row in range(len(panel))
    ]  # fmt: skip


def _plain(scores: Mapping[str, float]) -> dict[str, float | None]:
    return {name: float(value) if np.isfinite(value) else None for name, value in scores.items()}


def _shown(value: float | None, how: str) -> str:
    return "" if value is None else format(value, how)


def _coverages(forecast: Forecast, scores: Mapping[str, float]) -> dict[int, float]:
    return {percent: scores[f"coverage {percent}"] for percent in forecast.coverages}
