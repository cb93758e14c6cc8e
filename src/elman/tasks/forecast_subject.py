"""A model of forecasts as `elman.nn.subject.Subject`, for `elman inspect`: its recurrent layers and what they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from elman.codecs.forecast_windows import Windows
from elman.codecs.panel import Panel
from elman.data.windows import tensors
from elman.errors import DataError, UsageError
from elman.nn.forecast import ForecastNetwork
from elman.nn.subject import Subject
from elman.runtime.forecast_model import ForecastModel
from elman.tasks.training_run import put_weights


def subject(model: ForecastModel, panel: Panel, steps: int, batch: int, title: str) -> Subject:
    """The model and the last windows of some series whose future is known, in units of the windows.

    An autoregressive network is asked for the next value after every step. A direct one is asked after every segment
    for the mean of the first segment ahead, as if its window ended there; what smoothing and the linear map add to that
    is taken off the truth, and what is known of the steps ahead is left out.

    Raises `DataError` where no series is long enough, `UsageError` for a direct network whose layers remember more than
    their output.
    """
    horizon = model.shape.horizon
    long = np.flatnonzero(panel.history > horizon)
    if not len(long):
        raise DataError(f"A look at this model needs a series of more than {horizon} steps.")
    chosen = long[np.linspace(0, len(long) - 1, min(batch, len(long))).round().astype(np.int64)]
    origins = panel.history[chosen] - horizon
    windows = tensors(model.codec.encode(panel, chosen, origins, horizon, targets=True))
    network = ForecastNetwork(model.shape)
    put_weights(network, model.tensors)
    network.eval()
    with torch.no_grad():
        inputs, targets, readout = (_steps if model.shape.autoregressive else _segments)(network, windows)
    inputs, targets = inputs[:, -steps:], targets[:, -steps:]
    every = 1 if model.shape.autoregressive else model.shape.segment
    last = origins + (horizon if model.shape.autoregressive else 0)
    places = [end - every * np.arange(inputs.shape[1])[::-1] - 1 for end in last]
    return Subject(
        recurrent=network.recurrent,
        inputs=inputs,
        readout=readout,
        losses=lambda scores, truth: (scores[..., 0] - truth) ** 2,
        targets=targets.nan_to_num(),
        counts=~targets.isnan(),
        labels=[
            [str(time) for time in panel.frequency.times(panel.first[number] + place)]
            for number, place in zip(chosen, places, strict=True)
        ],
        title=f"{title}, {model.shape.network}, {model.shape.cell}",
    )


def _steps(network: ForecastNetwork, windows: Windows) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """What is read value by value, the next value after each, and what is told of it."""
    context = network.shape.context
    values = windows.values[:, -context:].where(windows.observed[:, -context:] > 0, torch.nan)
    return network.step_inputs(windows), torch.cat([values, windows.targets], 1), lambda rows: _middle(network, rows)


def _segments(network: ForecastNetwork, windows: Windows) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """What is read segment by segment, the mean of the first segment ahead, and what is told of it."""
    if len(network.recurrent.state_sizes) > 1:
        raise UsageError(
            "A look at a direct network needs one layer that remembers nothing but its output, such as gru or rnn."
        )
    inputs, location = network.segment_inputs(windows)
    told = min(network.shape.segment, network.shape.horizon)
    truth = windows.targets if location is None else windows.targets - location
    targets = truth[:, :told].nanmean(1, keepdim=True).expand(-1, inputs.shape[1])
    (state,) = network.recurrent.state_sizes

    def readout(outputs: Tensor) -> Tensor:
        before = outputs.reshape(-1, outputs.shape[-1])
        ahead = network.position.weight[:1].expand(len(before), 1, -1)
        rows = network.recurrent(ahead, {state: before})[0]
        return _middle(network, rows)[:, :told].mean(1).reshape(*outputs.shape[:-1], 1)

    return inputs, targets, readout


def _middle(network: ForecastNetwork, rows: Tensor) -> Tensor:
    """The middle of what is told, (..., 1) after rows (..., features) of single steps, (B, steps) of segments."""
    shape = network.shape
    flat = rows.reshape(1, -1, rows.shape[-1]) if shape.autoregressive else rows
    if shape.distribution == "implicit-quantile":
        middle = network.head(flat, torch.tensor([0.5]))[..., 0]
    else:
        told = network.head(flat)
        middle = told[..., len(shape.quantiles) // 2 if shape.quantiles else 0]
        middle = F.softplus(middle) if shape.distribution == "negative-binomial" else middle
    found: Tensor = middle.reshape(*rows.shape[:-1], 1) if shape.autoregressive else middle
    return found
