"""Lesson: reading a trained character model. Run: python docs/lessons/reading.py.

Trains a small network on stories full of quotations, character by character, finds a unit that knows whether a
quotation is open, takes it away, and writes what reading.md shows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from writing import keep, number, run, short, table

import elman
from elman import diagnostics
from elman.tasks.language_model import TextData

# --8<-- [start:stories]
TOLD = ["the", "wet", "hen", "fell", "near", "ten", "red", "elms", "then", "let", "her", "rest", "there"]
SAID = ["moo", "oh", "no", "go", "on", "to", "town", "look", "good", "folks", "do", "not", "corn", "too", "soon"]


def line(rng: np.random.Generator) -> str:
    """A line of a story: some words, a quotation of other words, some more."""
    before, said, after = (" ".join(rng.choice(words, rng.integers(2, 7))) for words in (TOLD, SAID, TOLD))
    return f'{before} "{said}" {after}.\n'


# --8<-- [end:stories]

#: What the unit is to know.
PROPERTY = "inside quotes"


def text(lines: int, seed: int) -> str:
    """So many lines."""
    rng = np.random.default_rng(seed)
    return "".join(line(rng) for _ in range(lines))


# --8<-- [start:train]
def train() -> elman.LanguageModel:
    """A model of characters with 32 hidden values."""
    model = elman.LanguageModel(
        cell="gru", hidden_size=32, num_layers=1, dropout=0.0, dropout_input=0.0,
        epochs=4, batch_size=16, window=64, learning_rate=0.01, precision="32", threads=1,
    )  # fmt: skip
    return model.fit_texts(TextData([text(3_000, seed=0)], [text(100, seed=1)]))


# --8<-- [end:train]


def lesson(folder: Path) -> dict[str, float]:
    """Do everything the lesson shows; write its pictures and numbers to ``folder`` and return its figures."""
    model = train()
    # --8<-- [start:search]
    subject = model.subject(text(100, seed=2), steps=200, batch=16)
    found = diagnostics.units(subject)
    unit = found.best(PROPERTY)[0]
    # --8<-- [end:search]
    row, column = found.properties.index(PROPERTY), found.units.index(unit)
    followers = found.followers(PROPERTY)
    # --8<-- [start:remove]
    quote = subject.answers.index('"')
    closing = subject.targets == quote
    removed = diagnostics.ablation(subject, [found.best(PROPERTY, 3)], at=closing)
    # --8<-- [end:remove]
    assert removed.rises_at is not None
    assert removed.rises_elsewhere is not None
    with torch.no_grad():
        losses = subject.loss_of(subject.run()[0])
    figures = {
        "bits": float(model.metrics["held_out"]["model"]["bits_per_character"]),
        "correlation": float(found.correlations[row, column]),
        "p": float(found.p[row, column]),
        "followers": float(len(followers)),
        "rise_at_quotes": removed.rises_at[0],
        "rise_elsewhere": removed.rises_elsewhere[0],
        "loss_at_quotes": float(losses[closing].mean()),
        "loss_elsewhere": float(losses[~closing].mean()),
    }
    lines = [
        ["at quotation marks", number(figures["loss_at_quotes"]), "+" + number(figures["rise_at_quotes"])],
        ["elsewhere", number(figures["loss_elsewhere"]), "+" + number(figures["rise_elsewhere"])],
    ]
    written = model.generate('the hen "', length=300, temperature=0.8, seed=1)
    texts = {
        "written": '```text\nthe hen "' + written.rsplit("\n", 1)[0] + "\n```\n",
        "found": table(
            ["Unit", "correlation with being inside quotes", "p, corrected"],
            [[unit, number(figures["correlation"]), short(figures["p"])]],
        ),
        "removed": table(["Loss in nats", "with all units", "without the three"], lines),
    }
    pictures = {
        "unit": diagnostics.activity(subject, unit).plot(),
        "excitation": diagnostics.excitation(subject, unit).plot(),
    }
    keep(folder, pictures, texts, figures)
    return figures


if __name__ == "__main__":
    run(lesson, __doc__)
