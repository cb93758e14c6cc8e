"""Lesson: why a feed-forward network fails. Run: python docs/lessons/feed_forward.py.

A lamp and its switch: trains a recurrent network and feed-forward networks that see more and more of the past to say
whether the lamp is on, asks them on rows that are longer than those they learnt from, and writes what feed_forward.md
shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from writing import keep, percent, run, table

from elman import plots
from elman.nn import Recurrent
from elman.plots.style import COLOURS, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Steps of the rows that are learnt from, and of those that are asked about.
LEARNT, ASKED = 20, 200

#: How many steps the feed-forward networks see, the present one included.
WINDOWS = [1, 2, 5, 10]

#: Steps of which the page tells how many answers are right.
TOLD = [1, 2, 5, 10, 20, 50, 200]


# --8<-- [start:recurrent]
class WithMemory(nn.Module):
    """Reads, step by step, whether the switch is pressed, and says whether the lamp is on."""

    def __init__(self) -> None:
        super().__init__()
        self.remember = Recurrent("gru", 1, 4)
        self.answer = nn.Linear(4, 1)

    def forward(self, pressed: Tensor) -> Tensor:
        """The answers (batch, time), on if above 0, to presses (batch, time)."""
        hidden, _ = self.remember(pressed[..., None])
        return self.answer(hidden)[..., 0]


# --8<-- [end:recurrent]


# --8<-- [start:feed-forward]
class Window(nn.Module):
    """Sees the last steps at once, through two layers of 64 hidden values, and says whether the lamp is on."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps
        self.layers = nn.Sequential(nn.Linear(steps, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, pressed: Tensor) -> Tensor:
        """The answers (batch, time), on if above 0, to presses (batch, time)."""
        # Before the first step stands -1: it can tell that a row has just begun, with the lamp off.
        seen = functional.pad(pressed, (self.steps - 1, 0), value=-1.0).unfold(1, self.steps, 1)
        return self.layers(seen)[..., 0]


# --8<-- [end:feed-forward]


# --8<-- [start:rows]
def rows(count: int, length: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw presses (count, length), and whether the lamp is on after each: off at first, changed by every press."""
    pressed = torch.randint(0, 2, (count, length), generator=torch.Generator().manual_seed(seed)).float()
    return pressed, pressed.cumsum(1) % 2


# --8<-- [end:rows]


# --8<-- [start:train]
def train(network: nn.Module, rounds: int = 600) -> None:
    """Train on short rows first, then on longer ones."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for round in range(rounds):
        length = min(LEARNT, 2 + 2 * LEARNT * round // rounds)
        pressed, on = rows(64, length, seed=round)
        loss = functional.binary_cross_entropy_with_logits(network(pressed), on)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# --8<-- [end:train]


@torch.no_grad()
def share_right(network: nn.Module) -> Tensor:
    """How many answers are right at each step (ASKED,) of rows that were never seen."""
    pressed, on = rows(2000, ASKED, seed=10_000)
    return ((network(pressed) > 0) == (on > 0)).float().mean(0)


def weights(network: nn.Module) -> int:
    """How many numbers it can learn."""
    return sum(parameter.numel() for parameter in network.parameters())


def draw(right: dict[str, Tensor]) -> Figure:
    """Draw the share of right answers by step."""
    from matplotlib.figure import Figure

    with plots.context():
        figure = Figure(figsize=(7.6, 3.8), layout="constrained")
        axes = figure.subplots()
        axes.axvspan(0.5, LEARNT, color=MUTED, alpha=0.12, linewidth=0)
        axes.annotate("rows it learnt from", (3.2, 106), color=MUTED, ha="center", annotation_clip=False)
        steps = torch.arange(1, ASKED + 1)
        for (name, shares), colour in zip(right.items(), COLOURS, strict=False):
            axes.plot(steps, 100 * shares, color=colour, label=name)
        axes.set_xscale("log")
        axes.set_xticks(TOLD, [str(step) for step in TOLD])
        axes.set_xlim(1, ASKED)
        axes.set_ylim(40, 103)
        axes.set_xlabel("step of the row")
        axes.set_ylabel("right answers, percent")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def same_input() -> str:
    """Two rows that end alike, as a table."""
    lines = []
    for presses in ("1 0 0 0 0 0", "1 1 0 0 0 0"):
        on = sum(map(int, presses.split())) % 2
        shown = " ".join("press" if press == "1" else "·" for press in presses.split())
        lines.append([shown, "on" if on else "off"])
    return table(["What has been", "The lamp is"], lines)


def lesson(folder: Path) -> dict[str, float]:
    """Do everything the lesson shows; write its picture and numbers to ``folder`` and return its figures."""
    networks: dict[str, nn.Module] = {}
    torch.manual_seed(0)
    networks["with memory"] = WithMemory()
    for steps in WINDOWS:
        networks[f"sees {steps} step{'s' * (steps > 1)}"] = Window(steps)
    right, figures, lines = {}, {}, []
    for name, network in networks.items():
        train(network)
        right[name] = share_right(network)
        figures |= {f"{name}, step {step}": float(right[name][step - 1]) for step in TOLD}
        lines.append([name, str(weights(network)), *(percent(figures[f"{name}, step {step}"]) for step in TOLD)])
    columns = ["Network", "weights", *(f"step {step}" for step in TOLD)]
    texts = {"pasts": same_input(), "right": table(columns, lines)}
    keep(folder, {"right": draw(right)}, texts, figures)
    return figures


if __name__ == "__main__":
    run(lesson, __doc__)
