"""The part of learning channels that needs torch: build the networks, train them, say what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.codecs.channels import ChannelCodec
from elman.codecs.panel import Floats, Panel
from elman.codecs.sequence import Steps
from elman.data.hidden import BATCHES, ChannelBatch, HiddenWindows
from elman.errors import DataError, NonFiniteLossError
from elman.nn.channels import ChannelNetworks
from elman.runtime.alarms import Alarms
from elman.runtime.channel_model import ChannelModel
from elman.settings import AUTO, TrainingSettings
from elman.settings.channels import AnomalySettings, ImputerSettings
from elman.shapes import LabelShape
from elman.tasks.run_folder import RunRecord, record_in
from elman.tasks.training_run import tensors_of, train
from elman.training.events import Callback
from elman.training.problem import Loss, Score

Settings: TypeAlias = ImputerSettings | AnomalySettings
Record: TypeAlias = RunRecord[ChannelModel, Any]

#: Seasons that a window holds; the shortest and the longest window, and the shortest where steps are few.
WINDOW_SEASONS, WINDOWS, SHORTEST = 8, (64, 256), 8

#: Optimiser steps where nothing limits the run, and windows of each.
STEPS, WINDOWS_AT_ONCE = 3000, 32

#: Units for up to so many channels, and for more.
UNITS, MANY_CHANNELS, MORE_UNITS = 64, 16, 128

#: Steps over which lasting signs are averaged where no season is known, and the most.
USUAL_WIDTH, WIDEST = 12, 48

RATE = 3e-3

#: Share of a window beyond which a channel counts as wholly hidden.
MOSTLY = 0.9


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind; ``held_out`` are the scaled values that it did not learn from."""

    settings: Any
    model: ChannelModel
    training: dict[str, Any]
    failure: NonFiniteLossError | None
    held_out: tuple[Floats, NDArray[np.int64]]


class Objective:
    """The mean absolute difference from what was hidden, and from what came next in units of the usual change."""

    def __call__(self, module: torch.nn.Module, batch: ChannelBatch, carry: Any) -> Loss:
        """All windows of the batch; nothing is carried."""
        assert isinstance(module, ChannelNetworks)
        losses = losses_of(module, batch)
        return Loss(torch.stack(losses).sum(), batch.rebuilding.inputs.shape[0] * batch.rebuilding.inputs.shape[1])


def losses_of(module: ChannelNetworks, batch: ChannelBatch) -> list[Tensor]:
    """The loss of each network: the absolute difference, on average of all that is asked."""
    pairs = [(module.rebuilding, batch.rebuilding), (module.expecting, batch.expecting)]
    losses = []
    for network, part in pairs:
        if network is None or part is None:
            continue
        assert part.targets is not None
        asked = ~part.targets.isnan()
        off = (network(part) - part.targets.where(asked, 0)).abs() * asked
        losses.append(off.sum() / asked.sum().clamp(min=1))
    return losses


def run(
    panel: Panel,
    settings: Settings,
    *,
    source: str,
    out: str | Path | None,
    resume: bool,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a model from start to end; `elman.tasks.impute.Imputer.fit` says what the arguments mean."""
    with record_in(
        out, resume, ChannelModel, settings, sha256=lambda: panel.sha256, source=source,
        begin=lambda: _begin(panel, settings, source, callbacks),
    ) as (folder, record):  # fmt: skip
        return _train(panel, record, folder, resume, callbacks)


def _begin(panel: Panel, settings: Settings, source: str, callbacks: Sequence[Callback]) -> Record:
    """Settle what the settings leave open."""
    rows = int((panel.first + panel.history).max() - panel.first.min())
    learnt = rows - round(settings.hidden.held_out * rows)
    codec = ChannelCodec.fit(panel.until(np.maximum(learnt - (panel.first - panel.first.min()), 0)))
    settings = _resolved(settings, codec, learnt, rows - learnt)
    window = int(settings.training.window)
    if min(learnt, rows - learnt) < 2 * window:
        raise DataError(
            f"{source}: {rows:,} steps are too few for windows of {window}: {learnt:,} to learn from and "
            f"{rows - learnt:,} held out, at least {2 * window} of each are needed. "
            "Give more rows, or a shorter --window."
        )
    network = settings.network
    units = (int(network.hidden_size),) * network.num_layers
    common: dict[str, Any] = {
        "head": "linear",
        "outputs": len(codec.names),
        "cell": network.cell,
        "hidden_sizes": units,
    }
    rebuilding = LabelShape(**common, frame=(codec.rebuilt_frame,), bidirectional=True)
    with_alarms = isinstance(settings, AnomalySettings)
    expecting = LabelShape(**common, frame=(codec.ahead_frame,)) if with_alarms else None
    model = ChannelModel(codec, rebuilding, expecting)
    count = "two networks" if with_alarms else "a network"
    sentences = (
        panel.describe(), *panel.notes, codec.describe(),
        f"{network.cell} with {'+'.join(map(str, units))} units, {count}; windows of {window} steps, "
        f"the last {rows - learnt:,} steps held out.",
    )  # fmt: skip
    for sentence in sentences:
        for callback in callbacks:
            callback.on_note(sentence)
    return RunRecord(settings, model, source, panel.sha256)


def _resolved(settings: Settings, codec: ChannelCodec, learnt: int, held_out: int) -> Any:
    """The settings with numbers where they say auto; so many steps are learnt from, and held out."""
    season, training, network = codec.frequency.season, settings.training, settings.network
    window = training.window
    if window == AUTO:
        room = max(SHORTEST, min(learnt // 8, held_out // 2))
        window = min(max(WINDOW_SEASONS * season, WINDOWS[0]), WINDOWS[1], room)
    batch = WINDOWS_AT_ONCE if training.batch_size == AUTO else int(training.batch_size)
    limited = any(limit is not None for limit in (training.epochs, training.steps, training.max_time))
    training = replace(
        training, window=int(window), batch_size=batch, steps=training.steps if limited else STEPS,
        learning_rate=RATE if training.learning_rate == AUTO else training.learning_rate,
    )  # fmt: skip
    units = UNITS if len(codec.names) <= MANY_CHANNELS else MORE_UNITS
    network = replace(
        network, cell="gru" if network.cell == AUTO else network.cell,
        hidden_size=units if network.hidden_size == AUTO else network.hidden_size,
    )  # fmt: skip
    longest = settings.hidden.longest_gap
    if longest == AUTO:
        longest = min(3 * season, int(window) // 2) if season > 1 else max(4, int(window) // 4)
    settings = replace(
        settings, training=training, network=network, hidden=replace(settings.hidden, longest_gap=int(longest))
    )
    if isinstance(settings, AnomalySettings) and settings.alarm.smoothing == AUTO:
        width = min(season, WIDEST) if season > 2 else USUAL_WIDTH
        settings = replace(settings, alarm=replace(settings.alarm, smoothing=width))
    return settings


def _train(panel: Panel, record: Record, folder: Path | None, resume: bool, callbacks: Sequence[Callback]) -> Trained:
    settings, model = record.settings, record.model
    values, steps = model.codec.matrix(panel)
    learnt = len(values) - round(settings.hidden.held_out * len(values))
    held_out = values[learnt:], steps[learnt:]
    training: TrainingSettings = settings.training
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = ChannelNetworks(model.rebuilding, model.expecting, dropout=settings.network.dropout)
    drawn: dict[str, Any] = {
        "window": int(training.window), "longest": int(settings.hidden.longest_gap),
        "batch_size": int(training.batch_size), "expecting": model.expecting is not None, "seed": training.seed,
    }  # fmt: skip
    batches = HiddenWindows(model.codec, values[:learnt], steps[:learnt], **drawn)
    scored = HiddenWindows(model.codec, *held_out, **drawn)

    def evaluate(module: torch.nn.Module) -> Score:
        assert isinstance(module, ChannelNetworks)
        device = next(module.parameters()).device
        found = [[float(loss) for loss in losses_of(module, batch.to(device))] for batch in scored.held_out()]
        means = np.mean(found, 0)
        names = ("rebuilt", "expected")
        return Score(float(means.sum()), dict(zip(names, means.tolist(), strict=False)))

    outcome = train(network, Objective(), batches, evaluate, record, folder=folder, resume=resume, callbacks=callbacks)
    model = replace(model, tensors=tensors_of(network))
    if isinstance(settings, AnomalySettings):
        model = replace(
            model, alarms=usual(model, *held_out, int(settings.alarm.smoothing), settings.alarm.false_alarms)
        )
    else:
        model = trusted(model, scored)
    units = BATCHES * int(training.batch_size) * int(training.window)
    figures = outcome.figures(record.source, record.sha256, units)
    return Trained(replace(settings, training=outcome.settings), model, figures, outcome.failure, held_out)


def usual(model: ChannelModel, values: Floats, steps: NDArray[np.int64], width: int, false_alarms: float) -> Alarms:
    """What held-out data show of usual signs."""
    return Alarms.fit(
        width, model.signs(values, steps, width)[0], model.live_signs(values, steps, width)[0], false_alarms
    )


def trusted(model: ChannelModel, windows: HiddenWindows) -> ChannelModel:
    """The model with what it says of each channel brought as near to the straight line as held-out data ask for.

    The share a of its difference from the line is that which makes the squared error least, from 0 to 1.
    """
    products = np.zeros((2, len(model.codec.names)))
    engine = model.engine("rebuilding")
    for batch in windows.held_out():
        part = batch.rebuilding
        assert part.targets is not None
        frames = part.inputs.numpy()
        for row, truth in zip(frames, part.targets.numpy(), strict=True):
            said = engine.scores([Steps(row)])[0]
            asked = np.isfinite(truth)
            asked &= asked.mean(0) < MOSTLY  # a channel that is all hidden has no line
            products[0] += np.where(asked, said * np.nan_to_num(truth), 0).sum(0)
            products[1] += np.where(asked, said * said, 0).sum(0)
    shares = np.clip(products[0] / np.maximum(products[1], 1e-12), 0, 1).astype(np.float32)
    tensors = dict(model.tensors)
    tensors["rebuilding.head.weight"] = tensors["rebuilding.head.weight"] * shares[:, None]
    tensors["rebuilding.head.bias"] = tensors["rebuilding.head.bias"] * shares
    return replace(model, tensors=tensors)
