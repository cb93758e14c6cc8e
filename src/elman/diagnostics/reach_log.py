"""Gradient reach and saturation while a model trains."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import final

from torch import nn

from elman.diagnostics.gradient_flow import gradient_flow
from elman.diagnostics.saturation import saturation
from elman.errors import SettingsError
from elman.nn.subject import Subject
from elman.system import write_atomically
from elman.training.events import Callback, Progress
from elman.training.logs import TensorBoardLog

COLUMNS = ("step", "reach", "reach_is_whole", "saturated_gates", "saturated_units", "stuck", "clipped_gradients")

_logger = logging.getLogger(__name__)


@final
class ReachLog(Callback):
    """Looks at a model every so many steps of its training: how far its gradients reach, and what is saturated.

    Args:
        subject: Makes something to look at of the module that is trained, such as a few held-out sequences of
            at least ``window`` steps.
        directory: Gets the table ``reach.csv``, one row for each look, and event files for TensorBoard in
            ``tensorboard``; without it nothing is written.
        window: Steps of truncated backpropagation through time; 0 where whole sequences are trained on.
        clip_norm: To which gradients are clipped in training; 0 for never. The table has the share of the steps since
            the last look at which they were.
        every: Steps between two looks; each takes about as long as some training steps.
        warn: Is told in a sentence when the reach falls below the window, so that what lies further back is computed
            and teaches nothing; by default a warning of `logging`.

    A look draws no random numbers of torch's and changes nothing, so that a run is the same with it and without. A
    resumed run goes on with the table.
    """

    def __init__(
        self,
        subject: Callable[[nn.Module], Subject],
        directory: Path | None = None,
        *,
        window: int = 0,
        clip_norm: float = 0.0,
        every: int = 500,
        warn: Callable[[str], None] = _logger.warning,
    ) -> None:
        if every < 1:
            raise SettingsError(f"every must be at least 1 step, not {every}.")
        self._subject = subject
        self._table = None if directory is None else directory / "reach.csv"
        self._events = None if directory is None else TensorBoardLog(directory / "tensorboard")
        self._window, self._clip_norm, self._every, self._warn = window, clip_norm, every, warn
        self._module: nn.Module | None = None
        self._clipped = self._steps = 0
        self._is_short = False
        self.rows: list[dict[str, float]] = []

    def on_module(self, module: nn.Module) -> None:
        """Keep the module to look at."""
        self._module = module

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
        if self._module is None:
            raise SettingsError("ReachLog has no module yet: give it to a Trainer among its events.")
        seen = self._subject(self._module)
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
