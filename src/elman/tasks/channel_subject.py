"""A model of channels as `elman.nn.subject.Subject`, for `elman inspect`: what reads forward, and what it expects."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from elman.codecs.panel import Panel
from elman.errors import DataError, UsageError
from elman.nn.channels import ChannelNetworks
from elman.nn.subject import Subject
from elman.runtime.channel_model import ChannelModel
from elman.tasks.training_run import put_weights


def subject(model: ChannelModel, panel: Panel, steps: int, batch: int, title: str) -> Subject:
    """The network that says what comes next, and stretches of the table, as far apart as can be.

    It is asked for the change of every channel to the next step, in units of its usual change.

    Raises `DataError` where the table is too short, `UsageError` for a model that does not say what comes next.
    """
    if model.expecting is None:
        raise UsageError("A model that fills gaps reads in both directions: a look at its memory has no meaning.")
    values, clock = model.codec.matrix(panel)
    time = min(steps, len(values) - 1)
    if time < 2:
        raise DataError(f"A look at this model needs at least 3 steps, found {len(values)}.")
    begins = np.linspace(0, len(values) - 1 - time, batch).round().astype(np.int64)
    network = ChannelNetworks(model.rebuilding, model.expecting)
    put_weights(network, model.tensors)
    expecting = network.eval().requires_grad_(False).expecting
    assert expecting is not None
    inputs, targets = [], []
    for begin in begins:
        rows = slice(int(begin), int(begin) + time)
        frames, held = model.codec.to_expect(values[rows], clock[rows])
        inputs.append(frames.values)
        targets.append((values[int(begin) + 1 : int(begin) + 1 + time] - held) / model.codec.change)
    truth = torch.from_numpy(np.stack(targets).astype(np.float32))
    return Subject(
        recurrent=expecting.recurrent,
        inputs=torch.from_numpy(np.stack(inputs)),
        readout=expecting.head,
        losses=_off,
        targets=truth.nan_to_num(),
        counts=~truth.isnan().all(2),
        labels=[[str(each) for each in model.codec.frequency.times(clock[b : b + time])] for b in begins],
        title=f"{title}, {model.expecting.cell} {' + '.join(map(str, model.expecting.hidden_sizes))}",
    )


def _off(scores: Tensor, targets: Tensor) -> Tensor:
    return (scores - targets).abs().mean(-1)
