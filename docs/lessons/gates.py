"""Lesson: gates, and what they keep. Run: python docs/lessons/gates.py.

Trains an LSTM of a single unit to hold the last number that was marked, looks at its gates while it does so, and
writes what gates.md shows.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from writing import keep, number, run, short, table

from elman import diagnostics, plots
from elman.nn import Recurrent
from elman.nn.subject import Subject
from elman.plots.style import COLOURS, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How often a number is marked.
OFTEN = 0.15


# --8<-- [start:network]
class Keeper(nn.Module):
    """Reads numbers, some of them marked, and says after each which one was marked last."""

    def __init__(self) -> None:
        super().__init__()
        self.remember = Recurrent("lstm", 2, 1, memory=20)
        self.answer = nn.Linear(1, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """The answers (batch, time) to inputs (batch, time, 2): a number, and 1 where it is marked."""
        hidden, _ = self.remember(inputs)
        return self.answer(hidden)[..., 0]


# --8<-- [end:network]


def rows(count: int, time: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw inputs (count, time, 2), and the number that was marked last (count, time); the first one is marked."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.rand(count, time, generator=generator) * 2 - 1
    marks = torch.rand(count, time, generator=generator) < OFTEN
    marks[:, 0] = True
    last = torch.where(marks, torch.arange(time), 0).cummax(1).values
    return torch.stack([numbers, marks.float()], -1), numbers.gather(1, last)


# --8<-- [start:train]
def train(network: nn.Module, rounds: int = 600) -> float:
    """Train; return the root of the mean squared error on rows that were never seen."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for seed in range(rounds):
        inputs, wanted = rows(32, 40, seed)
        loss = (network(inputs) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        inputs, wanted = rows(500, 40, rounds)
        return (network(inputs) - wanted).square().mean().sqrt().item()


# --8<-- [end:train]


# --8<-- [start:gates]
@torch.no_grad()
def gates(network: Keeper, inputs: Tensor) -> dict[str, Tensor]:
    """Work out the gates (time,) of one row of inputs (1, time, 2) from the weights, by the equations of the LSTM."""
    weights = dict(network.remember.named_parameters())
    outputs, _ = network.remember(inputs)
    before = torch.cat([torch.zeros(1, 1), outputs[0, :-1]])
    sums = inputs[0] @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
    sums += before @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]
    write, keep, _, _ = sums.chunk(4, dim=1)
    return {"write": write.sigmoid()[:, 0], "keep": keep.sigmoid()[:, 0]}


# --8<-- [end:gates]


def subject(network: Keeper, inputs: Tensor, wanted: Tensor) -> Subject:
    """What the diagnoses look at; marked numbers are labelled with a star."""
    return Subject(
        recurrent=network.remember,
        inputs=inputs,
        readout=network.answer,
        losses=lambda answers, targets: (answers[..., 0] - targets).square(),
        targets=wanted,
        counts=torch.ones(wanted.shape, dtype=torch.bool),
        labels=[[number(x, 1) + ("*" if mark else "") for x, mark in row] for row in inputs.tolist()],
        title="holds the last marked number",
    )


def draw(inputs: Tensor, wanted: Tensor, answers: Tensor, found: dict[str, Tensor]) -> Figure:
    """Draw the row: numbers and answers, and below them the gates."""
    from matplotlib.figure import Figure

    numbers, marks = inputs[0, :, 0], inputs[0, :, 1] > 0
    steps = torch.arange(len(numbers))
    with plots.context():
        figure = Figure(figsize=(7.6, 5.2), layout="constrained")
        top, bottom = figure.subplots(2, 1, sharex=True)
        top.plot(steps, wanted, drawstyle="steps-post", color=MUTED, linewidth=1.2, label="marked last")
        top.plot(steps, answers, color=COLOURS[0], label="answer")
        top.plot(steps[~marks], numbers[~marks], "o", color=MUTED, markersize=3, label="number")
        top.plot(steps[marks], numbers[marks], "o", color=COLOURS[1], markersize=6, label="marked number")
        top.set_ylim(-1.15, 1.15)
        top.set_title("What it reads and answers")
        for name, colour in (("keep", COLOURS[2]), ("write", COLOURS[1])):
            bottom.plot(steps, found[name], drawstyle="steps-mid", color=colour, label=f"{name} gate")
        for step in steps[marks].tolist():
            bottom.axvline(step, color=COLOURS[1], linewidth=0.8, linestyle=(0, (2, 3)))
        bottom.set_ylim(-0.05, 1.05)
        bottom.set_title("Its gates")
        bottom.set_xlabel("step (dotted: a marked number)")
        for axes in (top, bottom):
            axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def keeping() -> str:
    """What a keep gate of a fixed value leaves of a value, and the sum that it is the sigmoid of."""
    lines = []
    for kept in (0.5, 0.73, 0.9, 0.99, 0.999):
        half = math.log(0.5) / math.log(kept)
        lines.append(
            [f"{kept:g}", number(math.log(kept / (1 - kept)), 1), short(kept**10), short(kept**100), short(half)]
        )
    return table(
        ["Keep gate", "is the sigmoid of", "left after 10 steps", "after 100", "steps until half of it is gone"], lines
    )


def lesson(folder: Path) -> dict[str, float]:
    """Do everything the lesson shows; write its picture and numbers to ``folder`` and return its figures."""
    torch.manual_seed(0)
    network = Keeper()
    figures = {"error": train(network)}
    inputs, wanted = rows(1, 40, seed=10_000)
    found, marked = gates(network, inputs), inputs[0, :, 1] > 0
    with torch.no_grad():
        picture = draw(inputs, wanted[0], network(inputs)[0], found)
    lines = []
    for name, at in (("marked", marked), ("not marked", ~marked)):
        figures |= {f"{gate}_{name}": float(found[gate][at].mean()) for gate in ("write", "keep")}
        lines.append([name, number(figures[f"write_{name}"]), number(figures[f"keep_{name}"], 3)])
    life = diagnostics.half_life(subject(network, *_unmarked(100)))
    figures["half_life_by_gate"] = float(life.implied["cell_l0"])
    figures["half_life_measured"] = life.whole
    lives = [["by its keep gate alone", short(figures["half_life_by_gate"])], ["measured", short(life.whole)]]
    texts = {
        "keeping": keeping(),
        "values": table(["The number is", "Write gate", "Keep gate"], lines),
        "lives": table(["Half of what is held is gone after", "steps"], lives),
    }
    keep(folder, {"gates": picture}, texts, figures)
    return figures


def _unmarked(time: int) -> tuple[Tensor, Tensor]:
    """Rows in which only the first number is marked."""
    inputs, _ = rows(16, time, seed=10_001)
    inputs[:, 1:, 1] = 0
    return inputs, inputs[:, :1, 0].expand(-1, time)


if __name__ == "__main__":
    run(lesson, __doc__)
