"""The vanishing gradient and its cure: who learns to add two numbers 100 steps apart, and how far its gradients reach.

Tanh RNN, LSTM and GRU, each from torch's uniform first weights and from memory-minded ones (orthogonal, gates that keep
for about as long as is needed), with the same units, batches, optimiser and seconds of one core. The reach is the
distance at which the median gradient of the loss by the state falls below 1% of that at the end of the sequence
(`elman.diagnostics.gradient_flow`), before and after training, on sequences drawn anew. Who solves the problem should
reach back over the whole sequence, who does not should reach less far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks.harness import Data, Figure
from benchmarks.memory_problems import Adding, Batch
from benchmarks.memory_tasks import TEST, Memory, Training, fit, score
from elman import plots
from elman.diagnostics import GradientFlow, gradient_flow
from elman.nn.subject import Subject
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

PROBLEM = Adding(100)
CELLS = ("rnn", "lstm", "gru")

#: First weights by the name that `benchmarks.memory_tasks.Memory` has for them -> what they are called here.
INITIAL = {"torch": "default", "paper": "memory-minded"}

SECONDS, SEQUENCES = 60.0, 32

PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "gradient-reach"


@dataclass(frozen=True)
class Reached:
    """One cell from one kind of first weights."""

    cell: str
    initial: str
    before: GradientFlow
    after: GradientFlow
    error: float
    training: Training

    @property
    def is_solved(self) -> bool:
        """Whether it learnt to add."""
        return PROBLEM.is_solved(self.error)

    def figure(self) -> Figure:
        """The reach after training, beside what is expected of who solved the problem or did not."""
        beside = (
            f"{self.before.shown_reach} before training; error {self.error:.4f} after {self.training.batches} batches"
        )
        name = f"reach of {self.cell}, {INITIAL[self.initial]}, {'solved' if self.is_solved else 'not solved'}"
        if self.is_solved:
            return Figure(name, self.after.reach, "steps", "higher", PROBLEM.steps, beside)
        return Figure(name, self.after.reach, "steps", "lower", PROBLEM.steps - 1, beside)


def look(model: Memory, batch: Batch) -> GradientFlow:
    """The gradients of a model on some sequences."""
    subject = Subject(
        recurrent=model.layer,
        inputs=batch.inputs,
        readout=model.readout,
        losses=lambda scores, targets: (scores[..., 0] - targets).square(),
        targets=batch.targets,
        counts=batch.counts,
        labels=[[""] * batch.inputs.shape[1]] * len(batch.inputs),
    )
    return gradient_flow(subject, losses=len(batch.inputs))


def race(cell: str, initial: str, seconds: float) -> Reached:
    """Look, train, and look again."""
    torch.manual_seed(0)
    model = Memory(cell, initial, PROBLEM)
    test = np.random.default_rng(1)
    seen = PROBLEM.draw(test, SEQUENCES, "test")
    before = look(model, seen)
    training = fit(model, PROBLEM, seconds, test)
    error = score(model, PROBLEM, PROBLEM.draw(test, 2 * TEST, "test"))
    return Reached(cell, initial, before, look(model, seen), error, training)


def picture(runs: Sequence[Reached]) -> Drawing:
    """The gradients by distance before and after training, side by side."""
    from matplotlib.figure import Figure as Drawing

    with style.context():
        figure = Drawing(figsize=(9.0, 4.0), layout="constrained")
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, title in zip(panels, ("Before training", "After training"), strict=True):
            axes.axhline(0.01, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)))
            axes.set_title(title)
            axes.set_xlabel("steps back from the answer")
            for run in runs:
                flow = run.before if axes is panels[0] else run.after
                shares = (flow.median - flow.median[0]).exp()
                label = f"{run.cell}, {INITIAL[run.initial]}: {flow.reach}{'' if flow.is_whole else '+'}"
                if axes is panels[1] and run.is_solved:
                    label += ", solved"
                axes.plot(
                    shares, label=label, color=style.COLOURS[CELLS.index(run.cell)],
                    linestyle="-" if run.initial == "paper" else (0, (2, 1.5)),
                )  # fmt: skip
            axes.legend(
                title="reach in steps",
                title_fontsize=9,
                loc="upper center",
                bbox_to_anchor=(0.5, -0.16),
                ncols=2,
                fontsize=8,
            )
        panels[0].set_yscale("log")
        panels[0].set_ylim(1e-10, 100)
        panels[0].set_xlim(0, PROBLEM.steps)
        panels[0].set_ylabel("gradient, share of the first")
        return figure


def measure(data: Data) -> Sequence[Figure]:
    """Race all, draw them, and tell."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        runs = [
            race(cell, initial, data.seconds(SECONDS))
            for cell in CELLS[: 1 if data.quick else None]
            for initial in INITIAL
        ]
    finally:
        torch.set_num_threads(threads)
    drawn = picture(runs)
    if not data.quick:
        plots.save(drawn, PICTURE)
    return [run.figure() for run in runs]
