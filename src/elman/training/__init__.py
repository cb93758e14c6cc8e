"""Training: a loop for any torch module, optimisers, schedules, checkpoints, and what a run tells.

The parts, in the order of reading: `problem` (what is trained), `loop` (the run), `events` (what it tells),
`schedules`, `optimizers`, `checkpoint`, `nonfinite`, `device`, `probe`, `display`, `logs`.
"""

from __future__ import annotations

from elman.training.display import make_display
from elman.training.events import Callback, Progress
from elman.training.logs import CsvLog, TensorBoardLog, read_curve
from elman.training.loop import Result, Trainer
from elman.training.probe import Machine, measure
from elman.training.problem import Batches, Evaluate, Loss, Objective, Score

__all__ = [
    "Batches",
    "Callback",
    "CsvLog",
    "Evaluate",
    "Loss",
    "Machine",
    "Objective",
    "Progress",
    "Result",
    "Score",
    "TensorBoardLog",
    "Trainer",
    "make_display",
    "measure",
    "read_curve",
]
