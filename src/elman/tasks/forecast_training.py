"""The part of learning forecasts that needs torch: build the network, train it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from elman.codecs.forecast_windows import WindowCodec, Windows
from elman.codecs.panel import LEVELS, Panel
from elman.data.windows import TrainingWindows, origins_of, tensors
from elman.errors import NonFiniteLossError
from elman.metrics.conformal import Conformal
from elman.nn.forecast import ForecastNetwork
from elman.runtime.backends import Array
from elman.runtime.bundle import Bundle
from elman.runtime.forecast_model import ForecastModel, tail
from elman.settings import flat, update
from elman.settings.forecast import ForecastSettings
from elman.shapes.forecast import ForecastShape
from elman.tasks import forecast_budget as budget
from elman.tasks.forecast_linear import takes_linear, with_linear
from elman.tasks.run_folder import RunRecord, as_in, changes, record_in, start_folder
from elman.tasks.training_run import goes_on, put_weights, tensors_of, train
from elman.training.events import Callback
from elman.training.problem import Loss, Score

Record: TypeAlias = RunRecord[ForecastModel, ForecastSettings]

#: Held-out windows that are scored, at most, and how many at once.
SCORED, SCORED_AT_ONCE = 1024, 256

#: Batches between held-out scores, at least, where no number of epochs is asked for.
BATCHES_OF_EPOCH = 50

#: Share of the squared error of the last value that held-out forecasts must stay under to be told.
BETTER = 0.99

#: What a model that is trained further keeps, and the share of the usual updates and learning rate that it gets.
FURTHER_STEPS, FURTHER_RATE = 0.25, 0.25


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind."""

    settings: ForecastSettings
    model: ForecastModel
    training: dict[str, Any]
    failure: NonFiniteLossError | None

    @property
    def stopped_early(self) -> bool:
        """Whether nobody should be kept waiting: it failed, or was interrupted."""
        return self.failure is not None or self.training["stopped_by"] == "interrupt"


def objective(module: torch.nn.Module, batch: Windows, carry: Any) -> Loss:
    """The loss of a batch of windows; nothing is carried."""
    assert isinstance(module, ForecastNetwork)
    told = module.shape.horizon + (module.shape.context if module.shape.autoregressive else 0)
    return Loss(module.loss(batch), len(batch.values) * told)


def run(
    panel: Panel,
    settings: ForecastSettings,
    *,
    source: str,
    out: str | Path | None,
    resume: bool,
    start_from: str | Path | None,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a model from start to end; `elman.tasks.forecast.Forecaster.fit` says what the arguments mean."""

    def begin() -> Record:
        record = _begin(panel, settings, source, start_from)
        sentences = (panel.describe(), *panel.notes, budget.describe(record.settings, record.model.shape))
        for callback in callbacks:
            for sentence in sentences:
                callback.on_note(sentence)
        return record

    with record_in(
        out, resume, ForecastModel, settings, sha256=lambda: panel.sha256, source=source, begin=begin, start=start_from
    ) as (folder, record):
        return _train(panel, record, folder, resume, callbacks)


def _begin(panel: Panel, settings: ForecastSettings, source: str, start_from: str | Path | None) -> Record:
    """Settle what the settings leave open."""
    if start_from is not None:
        return _begin_further(panel, settings, source, start_from)
    facts = budget.Facts(panel)
    settings = budget.resolve(settings, facts)
    budget.checked(panel, settings)
    windows = settings.windows
    calendar = budget.calendar_columns(facts) if windows.calendar else ()
    shape = budget.shape_of(settings, facts, len(calendar))
    codec = WindowCodec.fit(
        learnt_from(panel, settings), context=shape.context, reach=shape.reach, logarithm=bool(windows.logarithm),
        level=windows.level, scale=windows.scale, calendar=calendar, numbered=bool(shape.series),
    )  # fmt: skip
    model = ForecastModel(
        shape, codec, panel.columns, _latest(panel, shape), point=settings.point, paths=settings.paths
    )
    return RunRecord(settings, model, source, panel.sha256)


def _begin_further(panel: Panel, settings: ForecastSettings, source: str, start_from: str | Path) -> Record:
    """A model that is there goes on with new rows: its network and units stay."""
    bundle = Bundle.read(start_from, ForecastModel)
    own = update(ForecastSettings(), bundle.config["settings"], str(start_from))
    training = {name for name, value in flat(own.training).items() if value is not None}
    fixed = {name: value for name, value in flat(own).items() if name not in training and name != "held_out"}
    asked = changes(settings)
    settings = as_in(settings, {name: value for name, value in fixed.items() if value is not None})
    facts = budget.Facts(panel)
    chosen: dict[str, Any] = {}
    if not {"epochs", "steps", "max_time"} & asked.keys():
        chosen["steps"] = max(1, round(FURTHER_STEPS * (own.training.steps or 1)))
    if "learning_rate" not in asked:
        chosen["learning_rate"] = FURTHER_RATE * float(own.training.learning_rate)
    settings = budget.resolve(update(settings, chosen, "--from"), facts)
    model = replace(bundle.model, persistent=(), conformal=None, latest=_latest(panel, bundle.model.shape), tensors={})
    return RunRecord(settings, model, source, panel.sha256, start_folder(start_from))


def _latest(panel: Panel, shape: ForecastShape) -> Panel:
    return tail(panel, shape.reach + shape.horizon)


def learnt_from(panel: Panel, settings: ForecastSettings) -> Panel:
    """The panel without what is held out; series that have nothing else keep their first rows."""
    return panel.until(_learnt(panel, int(settings.windows.held_out), int(settings.windows.horizon)))


def _learnt(panel: Panel, held_out: int, horizon: int) -> NDArray[np.int64]:
    """Rows of each series that are learnt from: of those that are too short to hold anything out, all."""
    left = panel.history - held_out
    return np.where(left >= 2 * horizon, left, panel.history) if held_out else panel.history


def held_out_windows(panel: Panel, settings: ForecastSettings, reach: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Series and origin of the windows whose future is held out: up to `SCORED`, evenly through them all."""
    horizon, held_out = int(settings.windows.horizon), int(settings.windows.held_out)
    learnt = _learnt(panel, held_out, horizon)
    some = np.flatnonzero(learnt < panel.history)
    if not len(some):
        return some, some
    series, origins = origins_of(panel, reach, horizon, first=learnt)
    inside = np.isin(series, some) & (origins >= learnt[series])
    series, origins = series[inside].astype(np.int64), origins[inside].astype(np.int64)
    if len(some) * 2 <= SCORED:  # all over the time that is held out
        chosen = np.linspace(0, len(series) - 1, min(SCORED, len(series))).round().astype(np.int64)
    else:  # the last window of some series
        last = np.append(np.flatnonzero(np.diff(series)), len(series) - 1)
        chosen = last[np.linspace(0, len(last) - 1, min(SCORED, len(last))).round().astype(np.int64)]
    return series[chosen], origins[chosen]


def _train(panel: Panel, record: Record, folder: Path | None, resume: bool, callbacks: Sequence[Callback]) -> Trained:
    settings, model = record.settings, record.model
    training, shape = settings.training, model.shape
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = build(shape, None, season=_first_season(panel, shape), **_training_only(settings))
    if record.start is not None and not goes_on(folder, resume):
        put_weights(network, Bundle.read(record.start, ForecastModel).model.tensors)
    learnt = _learnt(panel, int(settings.windows.held_out), shape.horizon)
    fewest = BATCHES_OF_EPOCH if training.epochs is None else 1
    batch_size = int(training.batch_size)
    windows = TrainingWindows(
        model.codec,
        panel,
        shape.horizon,
        batch_size,
        seed=training.seed,
        per_epoch=max(_windows_of_epoch(learnt, shape), fewest * batch_size),
        last=learnt - shape.horizon,
    )
    batches = Repeated(windows, fewest)
    series, origins = held_out_windows(panel, settings, shape.reach)
    outcome = train(
        network, objective, batches, _evaluation(model, panel, series, origins) if len(series) else None, record,
        folder=folder, resume=resume, callbacks=callbacks,
    )  # fmt: skip
    model = replace(model, tensors=tensors_of(network))
    if len(series) and outcome.failure is None:
        if settings.network.linear == "beside" and takes_linear(model):
            model, share = with_linear(model, panel, learnt, (series, origins), training.seed)
            for callback in callbacks:
                callback.on_note(
                    f"A linear map beside the network has {share:.0%} of the forecast, by held-out windows."
                )
        model = _checked(model, panel, series, origins, settings.conformal, callbacks)
    figures = outcome.figures(record.source, record.sha256, int(learnt.sum()))
    figures["sequences"] = len(panel)
    return Trained(replace(settings, training=outcome.settings), model, figures, outcome.failure)


def _checked(
    model: ForecastModel,
    panel: Panel,
    series: NDArray[Any],
    origins: NDArray[Any],
    conformal: bool,
    callbacks: Sequence[Callback],
) -> ForecastModel:
    """The model with what held-out windows say of it: where it tells the last value, and how wide its intervals are."""
    model = replace(model, persistent=_persistent(model, panel, series, origins))
    if any(model.persistent):
        for callback in callbacks:
            callback.on_note(
                f"At {sum(model.persistent)} of {model.shape.horizon} steps held-out forecasts are no better than the "
                "last value: it is told there."
            )
    if not conformal:
        return model
    told, truth = model.at(panel, series, origins), truth_of(panel, series, origins, model.shape.horizon)
    return replace(model, conformal=Conformal.fit(truth, told.quantiles, LEVELS))


def build(shape: ForecastShape, weights: Mapping[str, Array] | None = None, **training_only: Any) -> ForecastNetwork:
    """The torch network of ``shape``, with the given weights or fresh ones."""
    network = ForecastNetwork(shape, **training_only)
    if weights is not None:
        put_weights(network, weights)
    return network


def _first_season(panel: Panel, shape: ForecastShape) -> int:
    """The season with which a linear map begins; 0 where smoothing has taken it away."""
    return 0 if shape.seasons else max(budget.seasons(budget.Facts(panel), shape.context), default=0)


def _windows_of_epoch(learnt: NDArray[np.int64], shape: ForecastShape) -> int:
    """So many that each value is told about once."""
    return int(learnt.sum()) // (shape.horizon + (shape.context if shape.autoregressive else 0))


def _evaluation(
    model: ForecastModel, panel: Panel, series: NDArray[Any], origins: NDArray[Any]
) -> Callable[[torch.nn.Module], Score]:
    """The mean loss of held-out windows."""
    horizon = model.shape.horizon
    parts = [slice(begin, begin + SCORED_AT_ONCE) for begin in range(0, len(series), SCORED_AT_ONCE)]
    windows = [tensors(model.codec.encode(panel, series[part], origins[part], horizon, targets=True)) for part in parts]

    def evaluate(module: torch.nn.Module) -> Score:
        assert isinstance(module, ForecastNetwork)
        device = next(module.parameters()).device
        total = 0.0
        for each in windows:
            batch = Windows(*(None if value is None else value.to(device) for value in each))
            total += float(module.loss(batch)) * len(each.values)
        return Score(total / len(series), {"held-out loss": total / len(series)})

    return evaluate


def _persistent(model: ForecastModel, panel: Panel, series: NDArray[Any], origins: NDArray[Any]) -> tuple[bool, ...]:
    """The steps ahead at which the squared error of held-out medians is not 1% below that of the last value.

    Only networks that tell all steps at once, from the last value on, are asked.
    """
    if model.shape.autoregressive or model.codec.level != "last":
        return ()
    windows = model.codec.encode(panel, series, origins, model.shape.horizon, targets=True)
    median = model.engine().quantiles(windows, (0.5,))[..., 0]
    known = ~np.isnan(windows.targets)
    truth = np.where(known, windows.targets, 0.0)
    own, last = (np.where(known, error**2, 0).sum(0) for error in (median - truth, truth))
    found = own >= BETTER * last
    return tuple(bool(each) for each in found) if found.any() else ()


def truth_of(panel: Panel, series: NDArray[Any], origins: NDArray[Any], horizon: int) -> NDArray[np.float64]:
    """What was measured after each origin (B,) of series (B,), (B, horizon)."""
    place = origins[:, None] + np.arange(horizon)
    known = place < panel.history[series][:, None]
    rows = np.where(known, panel.offsets[series][:, None] + place, 0)
    return np.where(known, panel.target[rows], np.nan)


class Repeated:
    """Batches of which an epoch goes through all several times, where they are few."""

    def __init__(self, batches: TrainingWindows, fewest: int) -> None:
        self._batches = batches
        self._times = -(-fewest // batches.steps_in(0))

    def steps_in(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        return self._times * self._batches.steps_in(epoch)

    def batch(self, epoch: int, index: int) -> Windows:
        """A batch of an epoch."""
        steps = self._batches.steps_in(0)
        return self._batches.batch(epoch * self._times + index // steps, index % steps)


def _training_only(settings: ForecastSettings) -> dict[str, Any]:
    return {name: getattr(settings.network, name) for name in ("dropout", "memory", "backend")}
