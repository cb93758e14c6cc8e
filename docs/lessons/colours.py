"""First lesson: a network that remembers which colour came before. Run: python docs/lessons/colours.py.

Trains two small networks on a row of coloured blocks, one with memory and one without, and writes the pictures and
the numbers that colours.md shows into the folder colours/ beside this file.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from writing import number, table, write

import elman.nn
from elman import plots
from elman.plots.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ["blue", "red", "yellow"]
PAINT = {"blue": "#2f6db5", "red": "#d1442f", "yellow": "#f2c230"}
PATTERN = ["blue", "red", "yellow", "red"]


# --8<-- [start:with-memory]
class WithMemory(nn.Module):
    """Sees one block at a time, and its own hidden values of the run before."""

    def __init__(self, hidden_size: int = 4) -> None:
        super().__init__()
        self.remember = elman.nn.Recurrent("rnn", 3, hidden_size)
        self.guess = nn.Linear(hidden_size, 3)

    def forward(self, blocks: Tensor, state: dict[str, Tensor] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Guess what follows each of the blocks (1, time, 3), and return what is remembered."""
        hidden, state = self.remember(blocks, state)
        return self.guess(hidden), state


# --8<-- [end:with-memory]
# --8<-- [start:without-memory]
class WithoutMemory(nn.Module):
    """The same network, but nothing is handed from run to run."""

    def __init__(self, hidden_size: int = 4) -> None:
        super().__init__()
        self.see = nn.Linear(3, hidden_size)
        self.guess = nn.Linear(hidden_size, 3)

    def forward(self, blocks: Tensor, state: None = None) -> tuple[Tensor, None]:
        """Guess what follows each of the blocks (1, time, 3)."""
        return self.guess(torch.tanh(self.see(blocks))), None


# --8<-- [end:without-memory]


def row_of_blocks(length: int) -> Tensor:
    """Return the pattern, over and over, as numbers: 0 blue, 1 red, 2 yellow."""
    return torch.tensor([COLOURS.index(PATTERN[i % len(PATTERN)]) for i in range(length)])


def one_hot(blocks: Tensor) -> Tensor:
    """Turn blocks (time,) into the three inputs of the network, (1, time, 3)."""
    return nn.functional.one_hot(blocks, 3).float()[None]


def bits(network: nn.Module, blocks: Tensor) -> Tensor:
    """Mean surprise per block in bits, -log2 of the probability that the network gave to what came next."""
    guesses, _ = network(one_hot(blocks[:-1]))
    return nn.functional.cross_entropy(guesses[0], blocks[1:]) / math.log(2)


# --8<-- [start:train]
def train(network: nn.Module, blocks: Tensor, steps: int) -> list[float]:
    """Show the row of blocks ``steps`` times; return the surprise in bits at each."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.03)
    curve = []
    for _ in range(steps):
        loss = bits(network, blocks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return curve


# --8<-- [end:train]


def best_without_memory(blocks: Tensor) -> float:
    """Bits per block of the best guesser that sees only the present block: the entropy H(next | present)."""
    pairs = Counter(pairwise(blocks.tolist()))
    seen = Counter(blocks[:-1].tolist())
    return -sum(n / len(blocks[1:]) * math.log2(n / seen[now]) for (now, _), n in pairs.items())


def most_right_without_memory(blocks: Tensor) -> float:
    """Largest share of right guesses of a guesser that sees only the present block."""
    pairs = Counter(pairwise(blocks.tolist()))
    return sum(max(pairs[now, following] for following in range(3)) for now in range(3)) / len(blocks[1:])


def share_right(network: nn.Module, blocks: Tensor) -> float:
    """How often the colour that the network thinks most likely is the one that comes."""
    with torch.no_grad():
        guesses, _ = network(one_hot(blocks[:-1]))
    return (guesses[0].argmax(-1) == blocks[1:]).float().mean().item()


@dataclass(frozen=True)
class Run:
    """The numbers of one run of the network."""

    block: str
    before: list[float]
    after: list[float]
    probabilities: dict[str, float]
    next_block: str


# --8<-- [start:runs]
@torch.no_grad()
def run_by_run(network: WithMemory, blocks: Tensor) -> list[Run]:
    """Run the network once per block, handing its hidden values to the next run."""
    state = {"hidden_l0": torch.zeros(1, network.remember.output_size)}
    runs = []
    for block, following in pairwise(blocks):
        before = state["hidden_l0"]
        guess, state = network(one_hot(block[None]), state)
        chances = dict(zip(COLOURS, guess.flatten().softmax(0).tolist(), strict=True))
        after = state["hidden_l0"]
        runs.append(Run(COLOURS[block], before[0].tolist(), after[0].tolist(), chances, COLOURS[following]))
    return runs


# --8<-- [end:runs]


@torch.no_grad()
def with_borrowed_memory(network: WithMemory, block: str, memory: list[float]) -> dict[str, float]:
    """What the network guesses after ``block`` if it is given the hidden values ``memory``."""
    inputs = one_hot(torch.tensor([COLOURS.index(block)]))
    guess, _ = network(inputs, {"hidden_l0": torch.tensor([memory])})
    return dict(zip(COLOURS, guess.flatten().softmax(0).tolist(), strict=True))


@torch.no_grad()
def one_value_by_hand(network: WithMemory, run: Run) -> tuple[str, float]:
    """Work out the first hidden value of a run from the weights: the sum as text, and its result."""
    weights = {name: value.double() for name, value in network.remember.named_parameters()}
    row = COLOURS.index(run.block)
    seen = (weights["weight_ih_l0"][0, row] + weights["bias_ih_l0"][0] + weights["bias_hh_l0"][0]).item()
    products = list(zip(weights["weight_hh_l0"][0].tolist(), run.before, strict=True))
    text = " + ".join(f"({number(w, 3)} × {number(h, 3)})" for w, h in products)
    value = math.tanh(seen + sum(w * h for w, h in products))
    return f"tanh( {number(seen, 3)} + {text} ) = {number(value, 3)}", value


def draw_runs(runs: list[Run]) -> Figure:
    """Draw the runs side by side: the block, the hidden values, the guess, and what came."""
    figure, axes = plots.new(9.6, 5.6)
    with plots.context():
        axes.set(xlim=(-1.6, 4 * len(runs) - 2.3), ylim=(-1.2, 8.0), aspect="equal")
        axes.axis("off")
        for y, text in [(0.0, "sees"), (2.9, "hidden\nvalues"), (5.6, "guesses"), (7.35, "comes\nnext")]:
            axes.text(-0.95, y, text, va="center", ha="right", color=MUTED, fontsize=9.5)
        for i, run in enumerate(runs):
            _draw_run(axes, 4.0 * i + 0.4, run)
            axes.text(4.0 * i + 0.4, -1.0, f"run {i + 1}", ha="center", color=MUTED, fontsize=9.5)
        for i in range(len(runs) - 1):
            _arrow(axes, (4.0 * i + 1.2, 2.9), (4.0 * i + 3.6, 2.9), INK, 2.0)
            axes.text(4.0 * i + 2.4, 3.1, "hands over", ha="center", va="bottom", fontsize=9, color=INK)
    return figure


def _draw_run(axes: Axes, x: float, run: Run) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("values", ["#d98a52", "#ffffff", "#4f9d8a"])
    _block(axes, x, 0.0, run.block)
    _arrow(axes, (x, 0.65), (x, 1.6))
    for k, value in enumerate(run.after):
        y = 3.8 - 0.6 * k
        _box(axes, x - 0.7, y - 0.3, 1.4, 0.6, shades((value + 1) / 2), MUTED)
        axes.text(x, y, number(value), ha="center", va="center", fontsize=9)
    _arrow(axes, (x, 4.2), (x, 4.95))
    axes.plot([x - 0.95, x + 0.95], [5.05, 5.05], color=MUTED, linewidth=0.8)
    for k, colour in enumerate(COLOURS):
        left, height = x - 0.9 + 0.62 * k, run.probabilities[colour]
        _box(axes, left, 5.05, 0.56, max(height, 0.03), PAINT[colour])
        text = f"{100 * height:.0f}%"
        axes.text(left + 0.28, 5.12 + height, text, ha="center", va="bottom", fontsize=7.5, color=MUTED)
    _block(axes, x, 7.35, run.next_block)


def _block(axes: Axes, x: float, y: float, colour: str) -> None:
    _box(axes, x - 0.6, y - 0.55, 1.2, 1.1, PAINT[colour])
    ink = INK if colour == "yellow" else "white"
    axes.text(x, y, colour, ha="center", va="center", fontsize=9, color=ink)


def _box(axes: Axes, x: float, y: float, width: float, height: float, face: object, edge: str = "none") -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, height, facecolor=face, edgecolor=edge, linewidth=0.8))


def _arrow(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], ink: str = MUTED, width: float = 1.2
) -> None:
    axes.annotate(
        "", end, start, arrowprops={"arrowstyle": "-|>", "color": ink, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    )


def percent(probabilities: dict[str, float]) -> list[str]:
    """Return the probabilities of blue, red and yellow, the largest in bold."""
    best = max(probabilities, key=probabilities.__getitem__)
    texts = {colour: f"{100 * value:.1f}%" for colour, value in probabilities.items()}
    return [f"**{texts[colour]}**" if colour == best else texts[colour] for colour in COLOURS]


def lesson(folder: Path, seed: int = 0, steps: int = 300) -> dict[str, float]:
    """Do everything the lesson shows; write its pictures and numbers to ``folder`` and return its figures."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    shown, later = row_of_blocks(33), row_of_blocks(401)
    with_memory, without_memory = WithMemory(), WithoutMemory()
    curves = {"with memory": train(with_memory, shown, steps), "without memory": train(without_memory, shown, steps)}
    bound = best_without_memory(shown)
    runs = run_by_run(with_memory, row_of_blocks(5))
    borrowed = with_borrowed_memory(with_memory, "red", runs[2].after)
    by_hand, _ = one_value_by_hand(with_memory, runs[1])

    curve = plots.learning_curves(
        {name: (range(1, steps + 1), values) for name, values in curves.items()},
        baselines={"best without memory": bound},
        measure="surprise, bits per block",
        against="rounds of training",
    )
    (folder / "learning.svg").write_bytes(plots.svg(curve))
    (folder / "runs.svg").write_bytes(plots.svg(draw_runs(runs)))

    figures = {"best_without_memory": bound}
    for name, network in [("with_memory", with_memory), ("without_memory", without_memory)]:
        figures[f"{name}_bits"] = bits(network, later).item()
        figures[f"{name}_right"] = share_right(network, later)
    (folder / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    heads = [
        "Run",
        "Sees",
        "Hidden values before",
        "Hidden values after",
        "Blue next?",
        "Red next?",
        "Yellow next?",
        "Comes",
    ]
    rows = [
        [str(i), run.block, values(run.before), values(run.after), *percent(run.probabilities), run.next_block]
        for i, run in enumerate(runs, 1)
    ]
    write(folder / "runs.md", table(heads, rows))
    write(folder / "by_hand.md", f"```text\n{by_hand}\n```\n")
    rows = [
        ["from run 1, as it happened", values(runs[0].after), *percent(runs[1].probabilities)],
        ["borrowed from run 3", values(runs[2].after), *percent(borrowed)],
    ]
    write(folder / "borrowed.md", table(["Memory given to run 2", "Hidden values", "Blue?", "Red?", "Yellow?"], rows))
    rows = [
        ["with memory", f"{100 * figures['with_memory_right']:.0f}%", f"{figures['with_memory_bits']:.3f}"],
        ["without memory", f"{100 * figures['without_memory_right']:.0f}%", f"{figures['without_memory_bits']:.3f}"],
        ["the best there can be without memory", f"{100 * most_right_without_memory(shown):.0f}%", f"{bound:.3f}"],
    ]
    write(folder / "scores.md", table(["Network", "Guesses that are right", "Bits per block"], rows))
    return figures


def values(row: list[float]) -> str:
    """Return hidden values as one cell of a table."""
    return " ".join(number(value) for value in row)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(""))
    arguments = parser.parse_args()
    for name, value in lesson(arguments.out).items():
        print(f"{name:24} {value:.3f}")
