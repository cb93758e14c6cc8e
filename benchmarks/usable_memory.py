"""Usable memory found where it is known: text in which answers depend on the symbol a known number of steps ago.

Dots, and now and then a capital letter: so many steps later comes a question mark, and after it that letter as a small
one. Whoever has not seen it can only guess, with a loss of ln 8. The text comes in
documents of many lengths and beginnings, so that a model learns to begin with nothing as well as to go on for long.

A character model is trained on it, and its usable memory is measured at the answers of a long document. Feed-forward
networks that see exactly as many symbols, and half as many, are trained on the same text: the first has all it needs.

With a data folder the same model is trained on real text as well, where nobody knows the right answer: its curve is
shown without a claim.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from benchmarks.harness import Data, Figure
from elman import LanguageModel
from elman.baselines.window import WindowNetwork
from elman.diagnostics import Context, context
from elman.tasks.language_model import TextData

DISTANCES = (10, 20, 40)

CAPITALS, BETWEEN, QUESTION = "EFGHIJKL", ".", "?"

TRAINED, HELD_OUT, STEPS, WINDOW_STEPS, QUICK_STEPS = 600_000, 30_000, 4_000, 2_000, 2

#: Sequences that are looked at.
ROWS, ROW_STEPS = 16, 400

#: Windows at which the curve of real text is shown.
SHOWN = (1, 2, 5, 10, 20, 50, 100)


def text(rng: np.random.Generator, distance: int, symbols: int) -> str:
    """Text in which every answer is the letter ``distance`` steps before the question mark, as a small one."""
    parts: list[str] = []
    block = distance + 2
    while block * len(parts) < symbols:
        key = CAPITALS[rng.integers(len(CAPITALS))]
        between = "".join(rng.choice(list(BETWEEN), distance - 1))
        after = "".join(rng.choice(list(BETWEEN), rng.integers(1, 6)))
        parts.append(key + between + QUESTION + key.lower() + after)
    return "".join(parts)


def documents(rng: np.random.Generator, distance: int, symbols: int) -> list[str]:
    """Such texts of up to 24 answers: half of them begin just before a capital letter, half anywhere."""
    found: list[str] = []
    while symbols > 0:
        before = "".join(rng.choice(list(BETWEEN), rng.integers(0, 3)))
        written = before + text(rng, distance, int(rng.integers(1, 25)) * (distance + 2))
        found.append(written[rng.integers(0, distance + 8) if rng.random() < 0.5 else 0 :])
        symbols -= len(found[-1])
    return found


def train(texts: TextData, distance: int, quick: bool) -> LanguageModel:
    """A small character model that learnt from the text."""
    steps = QUICK_STEPS if quick else STEPS
    model = LanguageModel(
        cell="gru", hidden_size=64, num_layers=1, dropout=0.0, memory=distance, steps=steps, batch_size=16, window=128,
        learning_rate=1e-2, precision="32", threads=1,
    )  # fmt: skip
    return model.fit_texts(texts)


def usable(model: LanguageModel, written: str) -> Context:
    """How far back the model looks at the answers."""
    subject = model.subject(written, steps=ROW_STEPS, batch=ROWS)
    asked = subject.answers.index(QUESTION)
    symbols = torch.tensor([[subject.answers.index(label) for label in row] for row in subject.labels])
    return context(replace(subject, counts=symbols == asked), longest=ROW_STEPS // 4, places=512)


def feed_forward(model: LanguageModel, written: Sequence[str], read: str, window: int, quick: bool) -> float:
    """The loss at the answers of a network that sees the question mark and the ``window`` symbols before it."""
    test = model.codec.encode(read)
    network = WindowNetwork(len(model.codec), window + 1, 16, 128)
    network.fit([model.codec.encode(part) for part in written], steps=QUICK_STEPS if quick else WINDOW_STEPS)
    asked = model.codec.encode(QUESTION)[0]
    answers = np.flatnonzero(test[:-1] == asked) + 1
    answers = answers[answers > window]
    seen = torch.from_numpy(test[answers[:, None] - np.arange(1, window + 2)])
    with torch.no_grad():
        logits = network(seen)
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(test[answers])))


def planted(distance: int, quick: bool) -> list[Figure]:
    """The figures for one distance."""
    rng = np.random.default_rng(distance)
    written = documents(rng, distance, 20_000 if quick else TRAINED)
    read = text(rng, distance, HELD_OUT)
    model = train(TextData(written, [read[:2_000]]), distance, quick)
    found = usable(model, read)
    guess = math.log(len(CAPITALS))
    gap = max(guess - found.full, 1e-9)
    whole, half = (
        (guess - feed_forward(model, written, read, window, quick)) / gap for window in (distance, distance // 2)
    )
    memory = found.usable["cut"]
    # Beyond the longest window is at least that far off.
    steps = min(memory.steps, 2.0 * ROW_STEPS)
    beside = f"usable memory {memory}; with a wrong past {found.usable['shuffled']}; loss {found.full:.3g}"
    name = f"answers from {distance} steps ago"
    return [
        Figure(f"{name}: usable memory, off by", abs(steps - distance) / distance, "of it", "lower", 0.1, beside),
        Figure(f"{name}: gap closed by a feed-forward network that sees them", whole, "of the gap", "higher", 0.9),
        Figure(f"{name}: gap closed by one that sees half as far", half, "of the gap", "lower", 0.6),
    ]


def real(data: Data) -> list[Figure]:
    """How much of the gap each window closes on real text, shown without a claim."""
    written = gzip.decompress(data.path("tinyshakespeare/input.txt.gz").read_bytes()).decode()
    held_out = len(written) * 9 // 10
    model = train(TextData([written[:held_out]], [written[held_out:]]), 0, data.quick)
    found = context(model.subject(written[held_out:], steps=ROW_STEPS, batch=ROWS), places=512)
    beside = f"usable memory {found.usable['cut']}; loss {found.full:.3g} nats"
    return [
        Figure(f"tinyshakespeare: gap closed by a window of {window}", found.closed(window), "of the gap", "higher",
               None, beside)
        for window in SHOWN
    ]  # fmt: skip


def measure(data: Data) -> list[Figure]:
    """Train on each planted distance, then on real text where there is some."""
    figures = [figure for distance in DISTANCES for figure in planted(distance, data.quick)]
    return figures + (real(data) if data.folder is not None else [])
