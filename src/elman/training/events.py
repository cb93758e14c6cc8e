"""What a training run tells the world: one `Progress` value, handed to callbacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elman.nn.subject import Subject
    from elman.settings import TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a training run.

    Attributes:
        step: Optimiser steps taken so far.
        epoch: Passes over the data that are complete.
        total: Steps of the whole run; None when only time limits it.
        fraction: How far the run is, from 0 to 1.
        loss: Loss of the last step (NaN before the first one).
        learning_rate: Learning rate of the last step.
        grad_norm: Norm of the whole gradient in the last step, before clipping.
        symbols: Symbols trained on so far.
        symbols_per_second: Training speed of this session, time for held-out scores left out.
        elapsed: Seconds of the run, earlier sessions of a resumed run included.
        seconds_left: Estimate of the seconds still to go; None before there is one.
        score: Last held-out score (lower is better); None before the first one.
        figures: The last held-out score in units people know, such as ``{"bits per character": 2.1}``.
        best: Best held-out score so far.
    """

    step: int
    epoch: int
    total: int | None
    fraction: float
    loss: float
    learning_rate: float
    grad_norm: float
    symbols: int
    symbols_per_second: float
    elapsed: float
    seconds_left: float | None
    score: float | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    best: float | None = None


class Callback:
    """Follows a training run. Every hook does nothing; write those you need.

    Hooks run inside the loop, so they should be quick, and must not draw from torch's global random
    numbers. An exception in a hook ends the run.
    """

    def on_subject(self, look: Callable[[], Subject], training: TrainingSettings) -> None:
        """Receive, before the start, what makes a subject for `elman.diagnostics` of the model as it is when called.

        Every task of `elman.tasks` calls it; who trains a module of their own with a `Trainer` calls it themselves.
        """

    def on_start(self, progress: Progress) -> None:
        """Follow the start of the run, or its continuation: ``progress.step`` is 0 or where it goes on."""

    def on_note(self, text: str) -> None:
        """Receive a sentence for the reader, such as how many threads were chosen and why."""

    def on_step(self, progress: Progress) -> None:
        """Follow one optimiser step."""

    def on_score(self, progress: Progress) -> None:
        """Follow a held-out score: ``progress.score`` and ``progress.figures`` are new."""

    def on_checkpoint(self, progress: Progress) -> None:
        """Follow a checkpoint: all up to ``progress.step`` is safe on disk."""

    def on_end(self, progress: Progress) -> None:
        """Follow the end of the run, whatever ended it, an exception included."""
