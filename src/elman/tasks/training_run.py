"""What training has in common for every task: the loop with its logs, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from elman.errors import NonFiniteLossError
from elman.nn.normed import folded
from elman.runtime.backends import Array
from elman.settings import TrainingSettings
from elman.tasks.run_folder import RunRecord
from elman.training.checkpoint import checkpoint_file
from elman.training.device import choose_device
from elman.training.events import Callback, Progress
from elman.training.logs import CsvLog, TensorBoardLog
from elman.training.loop import Trainer
from elman.training.probe import Machine, measure
from elman.training.problem import Batches, Evaluate, Objective

if TYPE_CHECKING:
    from elman.nn.subject import Subject


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        settings: What it was trained with, nothing left open.
        progress: Its last moment.
        stopped_by: Limit that it reached, or ``patience``, ``interrupt``, ``non-finite loss``.
        failure: The error that ended it, its last good weights kept.
    """

    settings: TrainingSettings
    progress: Progress
    stopped_by: str
    failure: NonFiniteLossError | None

    def figures(self, source: str, sha256: str, units: int) -> dict[str, Any]:
        """What ``metrics.json`` says of the training; ``units`` are the symbols or steps of one epoch."""
        return {
            "source": source,
            "sha256": sha256,
            "symbols": units,
            "epochs": self.progress.symbols / units,
            "steps": self.progress.step,
            "seconds": self.progress.elapsed,
            "stopped_by": self.stopped_by,
        }


def measured(training: TrainingSettings, callbacks: Sequence[Callback]) -> Machine:
    """Choose device, threads and precision where the settings leave them open, and say so."""
    machine = measure(choose_device(training.device), threads=training.threads, precision=training.precision)
    for callback in callbacks:
        for sentence in machine.sentences:
            callback.on_note(sentence)
    return machine


def goes_on(folder: Path | None, resume: bool) -> bool:
    """Whether there is a checkpoint to go on from: a run that was killed before its first one has only its record."""
    return resume and folder is not None and checkpoint_file(folder).exists()


def train(
    network: torch.nn.Module,
    objective: Objective,
    batches: Batches,
    evaluate: Evaluate | None,
    record: RunRecord[Any, Any],
    *,
    folder: Path | None,
    resume: bool,
    callbacks: Sequence[Callback],
    look: Callable[[], Subject] | None = None,
) -> Outcome:
    """Train ``network``, which keeps its best weights, with logs and checkpoints in ``folder``.

    ``callbacks`` follow the run; they may ``look`` at the network on held-out data while it trains.
    """
    progress = _LastProgress()
    logs = [] if folder is None else [CsvLog(folder / "log.csv"), TensorBoardLog(folder / "tensorboard")]
    events = [*logs, *callbacks, progress]
    settings: TrainingSettings = record.settings.training
    if look is not None:
        for event in events:
            event.on_subject(look, settings)
    trainer = Trainer(settings, folder, events=events)
    if folder is not None and not resume:
        record.write(folder)  # only now, when nothing is left to be refused
    failure, stopped_by = None, "non-finite loss"
    try:
        stopped_by = trainer.fit(network, objective, batches, evaluate, resume=goes_on(folder, resume)).stopped_by
    except NonFiniteLossError as error:
        failure = error
    return Outcome(trainer.settings, progress.last, stopped_by, failure)


def tensors_of(network: torch.nn.Module) -> dict[str, Array]:
    """The weights of a network as float32 arrays of their own, norms folded into their convolutions."""
    return {name: value.cpu().float().numpy().copy() for name, value in folded(network).items()}


def put_weights(network: torch.nn.Module, tensors: Mapping[str, Array]) -> None:
    """Give a network weights that `tensors_of` took."""
    network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})


class _LastProgress(Callback):
    """Remembers the latest `Progress`."""

    last: Progress

    def on_start(self, progress: Progress) -> None:
        """Take the first one, so that there always is one."""
        self.last = progress

    def on_step(self, progress: Progress) -> None:
        """Take the newest."""
        self.last = progress
