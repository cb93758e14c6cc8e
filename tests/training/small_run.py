"""A run of seconds for the tests of `elman.training`: an LSTM with dropout whose state is carried.

As a program (``small_run.py DIR [--resume] [--hold EVENT]``) it trains in DIR and reports every event on a
line; after the line EVENT it waits to be killed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from elman import system
from elman.settings import TrainingSettings
from elman.training.events import Callback, Progress
from elman.training.loop import Trainer
from elman.training.problem import Loss, Score

STEPS_PER_EPOCH = 6


def settings(**changes: Any) -> TrainingSettings:
    if not changes.keys() & {"epochs", "steps", "max_time"}:
        changes["epochs"] = 4
    return TrainingSettings(**{"threads": 1, "precision": "32", "seed": 7, **changes})


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(3, 5, num_layers=2, dropout=0.3, batch_first=True)
        self.output = nn.Linear(5, 3)

    def forward(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        outputs, state = self.recurrent(inputs, state)
        return self.output(outputs), state


class Windows:
    def steps_in(self, epoch: int) -> int:
        return STEPS_PER_EPOCH

    def batch(self, epoch: int, index: int) -> Tensor:
        return torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(100 + 10 * epoch + index))


def objective(module: nn.Module, batch: Tensor, carry: Any) -> Loss:
    outputs, (hidden, cell) = module(batch[:, :-1], None if carry is None else (carry["hidden"], carry["cell"][0]))
    value = nn.functional.mse_loss(outputs, batch[:, :-1].cumsum(1).tanh())
    return Loss(value, batch.shape[0] * (batch.shape[1] - 1), {"hidden": hidden, "cell": (cell, None)})


def evaluate(module: nn.Module) -> Score:
    torch.rand(3)  # a held-out score may draw random numbers without changing the run
    value = float(objective(module, Windows().batch(77, 0), None).value)
    return Score(value, {"error": value})


def network() -> Network:
    torch.manual_seed(1)
    return Network()


class Reporter(Callback):
    """Writes every event on a line and stops for good at the one called ``hold``."""

    def __init__(self, hold: str) -> None:
        self._hold = hold
        self._step = 0
        flush = system._flush
        # The moment at which a checkpoint is written but not yet in its place.
        system._flush = lambda path: (self.report("writing"), flush(path))  # type: ignore[func-returns-value]

    def report(self, event: str) -> None:
        line = f"{event} {self._step}"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if line == self._hold:
            sys.stdin.read()

    def on_step(self, progress: Progress) -> None:
        self._step = progress.step
        self.report("step")

    def on_score(self, progress: Progress) -> None:
        self.report("score")

    def on_checkpoint(self, progress: Progress) -> None:
        self.report("checkpoint")


def main(directory: str, *options: str) -> None:
    hold = options[options.index("--hold") + 1] if "--hold" in options else ""
    trainer = Trainer(settings(evaluate_every=4), Path(directory), events=[Reporter(hold)])
    trainer.fit(network(), objective, Windows(), evaluate, resume="--resume" in options)


if __name__ == "__main__":
    main(*sys.argv[1:])
