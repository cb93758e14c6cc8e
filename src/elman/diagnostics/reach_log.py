"""Gradient reach and saturation while a model trains."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import final

from elman.diagnostics.gradient_flow import gradient_flow
from elman.diagnostics.saturation import saturation
from elman.errors import SettingsError, UsageError
from elman.nn.subject import Subject
from elman.settings import TrainingSettings
from elman.system import write_atomically
from elman.training.events import Callback, Progress
from elman.training.logs import TensorBoardLog

COLUMNS = ("step", "reach", "reach_is_whole", "saturated_gates", "saturated_units", "stuck", "clipped_gradients")

_logger = logging.getLogger(__name__)


@final
class ReachLog(Callback):
    """Looks at a model every so many steps of its training: how far its gradients reach, and what is saturated.

    Args:
        directory: Gets the table ``reach.csv``, one row for each look, and event files for TensorBoard in
            ``tensorboard``; without it nothing is written.
        every: Steps between two looks; each takes about as long as some training steps.
        warn: Is told in a sentence when the reach falls below the window of truncated backpropagation through time, so
            that what lies further back is computed and hardly teaches; by default a warning of `logging`.

    Give it to `LanguageModel.fit` among its callbacks, or on the command line ask for ``--reach``. For a module of your
    own that a `Trainer` trains, call `on_subject` before, with a few held-out sequences twice as long as the window.

    Rows have the reach, whether it is whole (`GradientFlow.is_whole`), the shares of saturated values of gates and
    units, the number of those that are stuck, and the share of steps since the last look whose gradients were clipped.

    A look draws no random numbers of torch's and changes nothing, so that a run is the same with it and without. A
    resumed run goes on with the table.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        every: int = 500,
        warn: Callable[[str], None] = _logger.warning,
    ) -> None:
        if every < 1:
            raise SettingsError(f"every must be at least 1 step, not {every}.")
        self._table = None if directory is None else directory / "reach.csv"
        self._events = None if directory is None else TensorBoardLog(directory / "tensorboard")
        self._every, self._warn = every, warn
        self._subject: Callable[[], Subject] | None = None
        self._window, self._clip_norm = 0, 0.0
        self._clipped = self._steps = 0
        self._is_short = False
        self.rows: list[dict[str, float]] = []

    def on_subject(self, look: Callable[[], Subject], training: TrainingSettings) -> None:
        """Keep what makes the subject, and the window and the largest norm of the training."""
        self._subject = look
        self._window = training.window if isinstance(training.window, int) else 0
        self._clip_norm = training.clip_norm

    def on_start(self, progress: Progress) -> None:
        """Look at the model before its first step, or take the rows up to where the run goes on."""
        if self._events is not None:
            self._events.on_start(progress)
        if progress.step and self._table is not None and self._table.exists():
            with self._table.open(encoding="utf-8", newline="") as file:
                rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
            self.rows = [row for row in rows if row["step"] <= progress.step]
        if not progress.step:
            self._look(0)

    def on_step(self, progress: Progress) -> None:
        """Count clipped gradients; look where it is time."""
        self._steps += 1
        self._clipped += bool(self._clip_norm and progress.grad_norm > self._clip_norm)
        if progress.step % self._every == 0:
            self._look(progress.step)

    def on_end(self, progress: Progress) -> None:
        """Look at the model as it is left."""
        if not self.rows or self.rows[-1]["step"] < progress.step:
            self._look(progress.step)

    def _look(self, step: int) -> None:
        if self._subject is None:
            raise UsageError("ReachLog has nothing to look at: call its on_subject before the training.")
        seen = self._subject()
        flow, stuck = gradient_flow(seen), saturation(seen)
        clipped = self._clipped / self._steps if self._steps else 0.0
        self._clipped = self._steps = 0
        found = (step, flow.reach, flow.is_whole, stuck.gates, stuck.units, stuck.stuck, clipped)
        row = dict(zip(COLUMNS, map(float, found), strict=True))
        self.rows.append(row)
        if self._table is not None:
            self._write(self._table)
        if self._events is not None:
            self._events.scalars(step, {f"memory/{name}": row[name] for name in COLUMNS[1:]})
        is_short = flow.is_whole and flow.reach < self._window
        if is_short and not self._is_short:
            self._warn(
                f"At step {step} gradients reach {flow.reach} steps back, less than the window of {self._window}: what "
                "lies further back is computed and hardly teaches. Try a cell with gates, memory= of the length that "
                "is needed, or a smaller window."
            )
        self._is_short = is_short

    def _write(self, path: Path) -> None:
        text = io.StringIO(newline="")
        table = csv.DictWriter(text, COLUMNS)
        table.writeheader()
        table.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in self.rows)
        write_atomically(path, lambda part: part.write_text(text.getvalue(), encoding="utf-8", newline=""))
