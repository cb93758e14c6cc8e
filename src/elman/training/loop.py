"""The training loop: any torch module, any objective, any data that can be indexed.

`Trainer.fit` builds a `_Run`; `_Run.go` is the run, `_Run.step` is one step of it.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from elman.errors import DataError, NonFiniteLossError, SettingsError
from elman.settings import AUTO, TrainingSettings, to_dict
from elman.system import Interrupt, catch_interrupt
from elman.training.checkpoint import (
    Position,
    load_checkpoint,
    load_weights,
    own_random_numbers,
    random_state,
    resumed_settings,
    save_checkpoint,
    set_random_state,
)
from elman.training.device import choose_device, make_fabric
from elman.training.events import Callback, Progress
from elman.training.nonfinite import find_nonfinite, is_finite
from elman.training.optimizers import WeightAverage, averaging_starts, learning_rate, make_optimizer, weight_decay
from elman.training.probe import measure
from elman.training.problem import Batches, Evaluate, Objective, detach
from elman.training.schedules import make_schedule

StoppedBy = Literal["epochs", "steps", "max_time", "patience", "interrupt"]

#: Largest share of a timed run that held-out scores may take, where the user did not say when to score.
_SCORING_SHARE = 0.05

_clock = time.perf_counter


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended.

    Attributes:
        best_score: Best held-out score, that of the module as `Trainer.fit` leaves it; None without held-out data.
        figures: The same score in units people know.
        steps: Optimiser steps taken.
        epochs: Complete passes over the data.
        elapsed: Seconds, earlier sessions of a resumed run included.
        stopped_by: The limit that was reached first, or "patience", or "interrupt" (Ctrl-C).
    """

    best_score: float | None
    figures: Mapping[str, float]
    steps: int
    epochs: int
    elapsed: float
    stopped_by: StoppedBy


class Trainer:
    """Trains a torch module as `TrainingSettings` say.

    ``directory`` takes the checkpoint; without one nothing is written. ``events`` follow the run.
    After `fit`, ``settings`` are the effective ones: where they said auto, they hold what was chosen.

    Raises `SettingsError` when none of ``epochs``, ``steps`` and ``max_time`` limits the run.
    """

    def __init__(
        self, settings: TrainingSettings, directory: Path | None = None, *, events: Sequence[Callback] = ()
    ) -> None:
        if settings.epochs is None and settings.steps is None and settings.max_time is None:
            raise SettingsError("Training needs a limit: give epochs, steps or max_time (such as 20m).")
        self.settings = settings
        self.directory = directory
        self.events = tuple(events)

    def fit(
        self,
        module: nn.Module,
        objective: Objective,
        batches: Batches,
        evaluate: Evaluate | None = None,
        *,
        resume: bool = False,
    ) -> Result:
        """Train ``module`` and leave it, in evaluation mode, with the weights of the best held-out score.

        Two runs with the same module, data, settings and threads agree to the last bit on one CPU; so does a
        run that was killed and is continued with ``resume`` (unless ``max_time`` limits it: the clock decides
        then). Limits, ``patience`` and ``checkpoint_every`` may be others on resuming; the learning rate
        follows the new limits from there on.

        Ctrl-C ends the run cleanly at the next step: checkpoint, a last held-out score, best weights.

        Raises `NonFiniteLossError` when loss or gradient is NaN or infinite, the module holding its last
        good weights; `CheckpointError` when ``resume`` cannot go on from what is on disk; `SaveError`.
        """
        saved = self._saved_run() if resume else None
        with own_random_numbers(), catch_interrupt() as interrupt:
            self._settle()
            run = _Run(self.settings, self.directory, self.events, module, objective, batches, evaluate, saved)
            run.tell("on_start")
            try:
                return run.go(interrupt)
            finally:
                run.tell("on_end")

    def _saved_run(self) -> dict[str, Any]:
        if self.directory is None:
            raise SettingsError("resume needs the directory of the run.")
        saved = load_checkpoint(self.directory)
        self.settings = resumed_settings(saved["settings"], self.settings)
        return saved

    def _settle(self) -> None:
        """Decide what the settings leave open, and say so."""
        device = choose_device(self.settings.device)
        choices: dict[str, Any] = {
            "device": str(device),
            "learning_rate": learning_rate(self.settings),
            "weight_decay": weight_decay(self.settings),
        }
        if AUTO in (self.settings.threads, self.settings.precision):
            machine = measure(device, threads=self.settings.threads, precision=self.settings.precision)
            choices |= {"threads": machine.threads, "precision": machine.precision}
            for sentence in machine.sentences:
                for callback in self.events:
                    callback.on_note(sentence)
        self.settings = dataclasses.replace(self.settings, **choices)


class _Run:
    """One run, or one session of a resumed one."""

    def __init__(
        self,
        settings: TrainingSettings,
        directory: Path | None,
        events: Sequence[Callback],
        module: nn.Module,
        objective: Objective,
        batches: Batches,
        evaluate: Evaluate | None,
        saved: Mapping[str, Any] | None,
    ) -> None:
        self.settings, self.directory, self.events = settings, directory, events
        self.module, self.objective, self.batches, self.evaluate = module, objective, batches, evaluate
        torch.set_num_threads(int(settings.threads))
        torch.manual_seed(settings.seed)
        self.fabric = make_fabric(torch.device(settings.device), settings.precision)
        self.fabric.setup_module(module)  # moves it; the objective sees the module itself, without a wrapper
        optimizer = make_optimizer(module, settings, fused=settings.precision != "fp16")
        wrapped = self.fabric.setup_optimizers(optimizer)
        assert not isinstance(wrapped, tuple)
        self.optimizer = wrapped
        self.optimizer.zero_grad()
        self.schedule = make_schedule(settings.schedule, settings.warmup, settings.final_learning_rate)
        self.average = WeightAverage(module)
        self.position = Position()
        self.carry: Any = None
        self.best_weights: dict[str, Tensor] | None = None
        self.saved_at = (-1, 0)  # step and number of scores of the last checkpoint
        if saved is not None:
            self._restore(saved)
        self.total = self._total_steps()
        self.epoch_steps = self._steps_in(self.position.epoch)
        self.loss, self.grad_norm, self.rate = math.nan, math.nan, 0.0
        self.began = self.saved_time = _clock()
        self.earlier = dataclasses.replace(self.position)
        self.earlier_fraction = self._fraction(self.position.step)
        module.train()

    # The run ------------------------------------------------------------------------------------------

    def go(self, interrupt: Interrupt) -> Result:
        """Step, score and save until there is a reason to stop."""
        self.save()  # a kill before the first epoch ends can be resumed too
        while (reason := self._reason_to_stop(interrupt)) is None:
            self.step()
            if self._score_is_due():
                self.score()
            if self._save_is_due():
                self.save()
        return self._finish(reason)

    def step(self) -> None:
        """Take one optimiser step on the next batch."""
        position, settings = self.position, self.settings
        self.rate = float(settings.learning_rate) * self.schedule(self._fraction(position.step + 1), position.scores)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        batch = self.fabric.to_device(self.batches.batch(position.epoch, position.index))
        random = random_state()
        with self.fabric.autocast():
            loss = self.objective(self.module, batch, self.carry)
        self.fabric.backward(loss.value)
        norm = self.fabric.clip_gradients(
            self.module, self.optimizer, max_norm=settings.clip_norm or math.inf, error_if_nonfinite=False
        )
        self.loss, self.grad_norm = float(loss.value.detach()), float(norm or 0)
        # float16 scaling expects infinite gradients now and then, and leaves such a step out by itself.
        if not math.isfinite(self.loss) or not (math.isfinite(self.grad_norm) or settings.precision == "fp16"):
            set_random_state(random)  # the same dropout masks when the batch is run again
            raise self._diverged(batch)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update()
        self.carry = detach(loss.carry)
        position.symbols += loss.count
        self._advance()
        self.tell("on_step")

    def score(self) -> None:
        """Score the module, or its weight average, on held-out data; keep the weights if none were better."""
        assert self.evaluate is not None
        began, position = _clock(), self.position
        self.module.eval()
        with self.average.applied(), own_random_numbers(), torch.no_grad():
            found = self.evaluate(self.module)
            if found.value < (math.inf if position.best is None else position.best):
                self.best_weights = {name: tensor.clone() for name, tensor in self.module.state_dict().items()}
        self.module.train()
        if math.isnan(found.value):
            raise self._stopped(f"The held-out score is NaN after step {position.step}.")
        position.record(float(found.value), {name: float(value) for name, value in found.figures.items()})
        position.scoring_seconds += _clock() - began
        if self.settings.optimizer == "nt-asgd" and not self.average.started and averaging_starts(position.scores):
            self.average.start()
            self.note(f"The held-out score no longer falls: from step {position.step} on weights are averaged.")
        self.tell("on_score")

    def _finish(self, reason: StoppedBy) -> Result:
        """Score and save for the last time, and leave the best weights in the module."""
        position = self.position
        if reason == "interrupt":
            self.note("Interrupted: ending with checkpoint and last score; Ctrl-C again stops at once.")
            self.save()  # without the last score, which the run would not have had if it had gone on
        if self.evaluate is not None and position.scored_step < position.step:
            self.score()
        if reason != "interrupt":
            self.save()
        self._leave_best()
        return Result(
            position.best, position.best_figures, position.step, position.epoch, self.elapsed, stopped_by=reason
        )

    def _leave_best(self) -> None:
        if self.best_weights is not None:
            self.module.load_state_dict(self.best_weights)
        else:
            self.average.keep()
        self.module.eval()

    # Where it stands ----------------------------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds of the run, earlier sessions included."""
        return self.earlier.elapsed + _clock() - self.began

    def _steps_in(self, epoch: int) -> int:
        steps = self.batches.steps_in(epoch)
        if steps < 1:
            raise DataError(f"Epoch {epoch + 1} has no batch; give more data, or a smaller batch_size or window.")
        return steps

    def _total_steps(self) -> int | None:
        limits = [] if self.settings.steps is None else [self.settings.steps]
        if self.settings.epochs is not None:
            limits.append(sum(self._steps_in(epoch) for epoch in range(self.settings.epochs)))
        return min(limits, default=None)

    def _fraction(self, step: int) -> float:
        """Progress of the run from 0 to 1, at ``step`` and now: the largest over its limits."""
        by_steps = step / self.total if self.total else 0.0
        by_time = self.elapsed / self.settings.max_time if self.settings.max_time else 0.0
        return min(1.0, max(by_steps, by_time))

    def _advance(self) -> None:
        position = self.position
        position.step += 1
        position.index += 1
        if position.index == self.epoch_steps:
            position.epoch, position.index, self.carry = position.epoch + 1, 0, None
            self.epoch_steps = self._steps_in(position.epoch)

    def _reason_to_stop(self, interrupt: Interrupt) -> StoppedBy | None:
        settings, position = self.settings, self.position
        if settings.epochs is not None and position.epoch >= settings.epochs:
            return "epochs"
        if settings.steps is not None and position.step >= settings.steps:
            return "steps"
        if settings.max_time is not None and self.elapsed >= settings.max_time:
            return "max_time"
        if settings.patience and position.scores_since_best >= settings.patience:
            return "patience"
        return "interrupt" if interrupt.requested else None

    def _score_is_due(self) -> bool:
        position, every = self.position, self.settings.evaluate_every
        if self.evaluate is None or (position.index > 0 and not (every and position.step % every == 0)):
            return False
        if self.settings.max_time is None or every or not position.scores:
            return True
        after_one_more = position.scoring_seconds * (1 + 1 / len(position.scores))
        return after_one_more <= _SCORING_SHARE * self.elapsed

    def _save_is_due(self) -> bool:
        return self.position.index == 0 or _clock() - self.saved_time >= self.settings.checkpoint_every

    # What is told -------------------------------------------------------------------------------------

    def tell(self, event: str) -> None:
        """Call one hook of every callback with the progress as it is now."""
        if self.events:
            progress = self._progress()
            for callback in self.events:
                getattr(callback, event)(progress)

    def note(self, text: str) -> None:
        """Hand a sentence for the reader to every callback."""
        for callback in self.events:
            callback.on_note(text)

    def _progress(self) -> Progress:
        position = self.position
        seconds, fraction = self.elapsed - self.earlier.elapsed, self._fraction(position.step)
        training = seconds - (position.scoring_seconds - self.earlier.scoring_seconds)
        gained = fraction - self.earlier_fraction
        return Progress(
            step=position.step,
            epoch=position.epoch,
            total=self.total,
            fraction=fraction,
            loss=self.loss,
            learning_rate=self.rate,
            grad_norm=self.grad_norm,
            symbols=position.symbols,
            symbols_per_second=(position.symbols - self.earlier.symbols) / training if training > 0 else 0.0,
            elapsed=self.elapsed,
            seconds_left=seconds / gained * (1 - fraction) if gained > 0 else None,
            score=position.scores[-1] if position.scores else None,
            figures=position.figures,
            best=position.best,
        )

    # What is kept -------------------------------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint, unless the one on disk is of this very moment."""
        moment = (self.position.step, len(self.position.scores))
        if self.directory is None or self.saved_at == moment:
            return
        if not is_finite(list(self.module.parameters())):  # else the checkpoint on disk would not be a good one
            place = find_nonfinite(self.module, lambda: torch.zeros(()))
            raise self._stopped(f"The weights became NaN or infinite at step {self.position.step}, in {place}.")
        self.position.elapsed = self.elapsed
        state = {
            "settings": to_dict(self.settings),
            "position": dataclasses.asdict(self.position),
            "weights": self.module.state_dict(),
            "best_weights": self.best_weights,
            "optimizer": self.optimizer.optimizer.state_dict(),
            "scaler": self.fabric.strategy.precision.state_dict(),
            "average": self.average.state_dict(),
            "random": random_state(),
            "carry": self.carry,
        }
        save_checkpoint(self.directory, state)
        self.saved_at, self.saved_time = moment, _clock()
        self.tell("on_checkpoint")

    def _restore(self, saved: Mapping[str, Any]) -> None:
        load_weights(self.module, saved["weights"])
        self.best_weights = self.fabric.to_device(saved["best_weights"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.fabric.strategy.precision.load_state_dict(saved["scaler"])
        self.average.load_state_dict(saved["average"])
        self.carry = self.fabric.to_device(saved["carry"])
        self.position = Position(**saved["position"])
        self.saved_at = (self.position.step, len(self.position.scores))
        set_random_state(saved["random"])

    # When it goes wrong -------------------------------------------------------------------------------

    def _diverged(self, batch: Any) -> NonFiniteLossError:
        def again() -> Tensor:
            with self.fabric.autocast():
                return self.objective(self.module, batch, self.carry).value

        what, value = ("loss", self.loss) if not math.isfinite(self.loss) else ("gradient", self.grad_norm)
        word = "NaN" if math.isnan(value) else "infinite"
        place = find_nonfinite(self.module, again)
        return self._stopped(f"The {what} became {word} at step {self.position.step + 1}, first in {place}.")

    def _stopped(self, what: str) -> NonFiniteLossError:
        """Bring the last good weights back into the module and return the error that says so."""
        if self.best_weights is not None:
            self.module.load_state_dict(self.best_weights)
            kept = f"the best so far, of step {self.position.best_step}"
        elif is_finite(list(self.module.parameters())):
            kept = f"those of step {self.position.step}"
        elif self.directory is not None:
            saved = load_checkpoint(self.directory)
            self.module.load_state_dict(saved["weights"])
            kept = f"those of the last checkpoint, step {saved['position']['step']}"
        else:
            kept = "lost: there was no held-out score and no checkpoint to go back to"
        self.optimizer.zero_grad()
        self.module.eval()
        return NonFiniteLossError(f"{what} The weights kept are {kept}. Try a smaller learning_rate or clip_norm.")
