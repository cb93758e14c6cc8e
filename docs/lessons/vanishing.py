"""Lesson: why gradients vanish, and what does not let them. Run: python docs/lessons/vanishing.py.

Four networks are to name the first number of a row once they have seen the last. Measures how far back their
gradients reach, trains them on longer and longer rows, and writes what vanishing.md shows.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from writing import keep, number, percent, run, short, table

from elman import diagnostics
from elman.nn import Recurrent
from elman.nn.subject import Subject

LENGTHS = [5, 20, 60]

#: Name -> cell, how its first weights are drawn, and whether its gates are opened for the length of the rows.
KINDS = {
    "simple, narrow weights": ("rnn", "torch", False),
    "simple, turning weights": ("rnn", "memory", False),
    "LSTM": ("lstm", "memory", False),
    "LSTM, gates open": ("lstm", "memory", True),
}


# --8<-- [start:network]
class FirstNumber(nn.Module):
    """Reads a row of numbers and says, after the last one, what the first one was."""

    def __init__(self, cell: str, initial: str, memory: int) -> None:
        super().__init__()
        self.remember = Recurrent(cell, 1, 16, initial=initial, memory=memory)
        self.answer = nn.Linear(16, 1)

    def forward(self, numbers: Tensor) -> Tensor:
        """The answers (batch,) to numbers (batch, time, 1)."""
        hidden, _ = self.remember(numbers)
        return self.answer(hidden[:, -1])[:, 0]


# --8<-- [end:network]


def rows_of_numbers(length: int, count: int, seed: int) -> Tensor:
    """Draw rows of random numbers between -1 and 1, (count, length, 1)."""
    return torch.rand(count, length, 1, generator=torch.Generator().manual_seed(seed)) * 2 - 1


# --8<-- [start:train]
def train(network: nn.Module, length: int, rounds: int = 300) -> float:
    """Train on rows of one length; return how much of the first number it knows on rows that it never saw."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for seed in range(rounds):
        numbers = rows_of_numbers(length, 32, seed)
        loss = (network(numbers) - numbers[:, 0, 0]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        numbers = rows_of_numbers(length, 500, rounds)
        first = numbers[:, 0, 0]
        return 1 - ((network(numbers) - first).square().mean() / first.var()).item()


# --8<-- [end:train]


# --8<-- [start:flow]
def flow(network: FirstNumber, title: str, length: int = 101) -> diagnostics.GradientFlow:
    """How large the gradient of the last step's loss is, at every step before it."""
    numbers = rows_of_numbers(length, 16, seed=1000)
    only_the_last = torch.zeros(16, length, dtype=torch.bool)
    only_the_last[:, -1] = True
    subject = Subject(
        recurrent=network.remember,
        inputs=numbers,
        readout=network.answer,
        losses=lambda answers, wanted: (answers[..., 0] - wanted).square(),
        targets=numbers[:, :1, 0].expand(-1, length),
        counts=only_the_last,
        labels=[[number(x) for x in row] for row in numbers[..., 0].tolist()],
        title=title,
    )
    return diagnostics.gradient_flow(subject)


# --8<-- [end:flow]


def make(kind: str, length: int, seed: int = 0) -> FirstNumber:
    """Return a fresh network of one kind; gates are opened for twice the length of the rows."""
    torch.manual_seed(seed)
    cell, initial, opened = KINDS[kind]
    return FirstNumber(cell, initial, 2 * length if opened else 0)


def powers() -> str:
    """What is left of a nudge after some steps of h(now) = w · h(before)."""
    steps = [1, 10, 50, 100]
    rows = [
        [number(w), *(short(w**k) for k in steps), f"{math.log(0.5) / math.log(w):.0f}" if w < 1 else "never"]
        for w in (0.5, 0.8, 0.9, 0.99, 1.0, 1.1)
    ]
    return table(["w", *(f"after {k} step{'s' * (k > 1)}" for k in steps), "steps until half of it is gone"], rows)


def left_of(found: diagnostics.GradientFlow, distance: int) -> str:
    """Which part of the first gradient is left at a distance; nothing is followed below a thousand billionth."""
    if distance >= len(found.median):
        return "less than 10⁻¹²"
    return short(math.exp(float(found.median[distance] - found.median[0])))


def lesson(folder: Path) -> dict[str, float]:
    """Do everything the lesson shows; write its pictures and numbers to ``folder`` and return its figures."""
    before, after, rows, figures = [], [], [], {}
    for kind in KINDS:
        networks = [make(kind, length) for length in LENGTHS]
        before.append(flow(networks[-1], kind))
        known = [train(network, length) for network, length in zip(networks, LENGTHS, strict=True)]
        after.append(flow(networks[-1], kind))
        rows.append(
            [
                kind,
                before[-1].shown_reach,
                left_of(before[-1], LENGTHS[-1]),
                *map(percent, known),
                after[-1].shown_reach,
            ]
        )
        figures |= {f"{kind}, known of {length}": share for length, share in zip(LENGTHS, known, strict=True)}
        figures |= {f"{kind}, reach": before[-1].reach, f"{kind}, reach after": after[-1].reach}
    columns = ["Network", "Reach, fresh", f"Left of the gradient {LENGTHS[-1]} steps back"]
    columns += [f"Knows, {length} numbers" for length in LENGTHS] + [f"Reach, trained on {LENGTHS[-1]}"]
    pictures = {"before": diagnostics.plot_gradient_flows(*before), "after": diagnostics.plot_gradient_flows(*after)}
    keep(folder, pictures, {"powers": powers(), "reaches": table(columns, rows)}, figures)
    return figures


if __name__ == "__main__":
    run(lesson, __doc__)
