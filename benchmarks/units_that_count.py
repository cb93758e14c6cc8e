"""A planted rule is found in the units: brackets that close after 10, 20 or 40 characters, by their kind.

A small character model is trained on text of random words in which brackets open now and then. Whatever stands in
them, a round one closes after 10 characters, a square one after 20 and a curly one after 40, so that the closing one
can be foreseen by counting alone. The unit search looks for what follows the steps inside brackets among all other
properties, and the five best units are removed: the loss should rise at closing brackets and hardly elsewhere.
"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.harness import Data, Figure
from elman import LanguageModel
from elman.diagnostics import Units, ablation, units
from elman.nn.subject import Subject
from elman.tasks.language_model import TextData

#: Brackets and the characters between them.
LENGTHS = {"()": 10, "[]": 20, "{}": 40}

WORDS = 60

PROPERTY = "steps inside brackets"

TRAINED, HELD_OUT, STEPS, QUICK_STEPS = 600_000, 40_000, 4_000, 3

#: Sequences that are looked at, and units that are removed.
ROWS, ROW_STEPS, REMOVED = 16, 400, 5


def known_words() -> list[str]:
    """Those of all texts, the frequent ones first."""
    rng, letters = np.random.default_rng(1), list("abcdefghijklmnopqrstuvwxyz")
    return ["".join(rng.choice(letters, rng.integers(2, 8))) for _ in range(WORDS)]


def text(rng: np.random.Generator, characters: int) -> str:
    """Random words, the frequent ones more often, and brackets by the rule."""
    weights = 1 / np.arange(1, WORDS + 1)
    words = " ".join(rng.choice(known_words(), characters // 3, p=weights / weights.sum()))
    parts, used, written = [], 0, 0
    while written < characters:
        before = int(rng.integers(5, 40))
        kind = list(LENGTHS)[rng.integers(len(LENGTHS))]
        inside = used + before + LENGTHS[kind]
        parts.append(words[used : used + before] + kind[0] + words[used + before : inside] + kind[1])
        used, written = inside, written + len(parts[-1])
    return "".join(parts)[:characters]


def at_closing(subject: Subject) -> torch.Tensor:
    """The steps that are to foresee a closing bracket, (batch, time)."""
    closing = [subject.answers.index(kind[1]) for kind in LENGTHS]
    return torch.isin(subject.targets, torch.tensor(closing))


def best_units(found: Units) -> list[str]:
    """The units that follow the steps inside brackets best, each by the state that does so: an LSTM's unit has two."""
    of_unit: dict[str, str] = {}
    for name in found.best(PROPERTY, 2 * REMOVED):
        of_unit.setdefault(name.partition("_")[2], name)
    return list(of_unit.values())[:REMOVED]


def measure(data: Data) -> list[Figure]:
    """Train, search, remove."""
    rng = np.random.default_rng(0)
    texts = TextData([text(rng, 20_000 if data.quick else TRAINED)], [text(rng, 2_000)])
    steps = QUICK_STEPS if data.quick else STEPS
    model = LanguageModel(
        hidden_size=64, num_layers=1, dropout=0.0, steps=steps, batch_size=32, window=128, precision="32", threads=1
    )
    model.fit_texts(texts)
    subject = model.subject(text(rng, 5_000 if data.quick else HELD_OUT), steps=ROW_STEPS, batch=ROWS)
    found = units(subject)
    best = best_units(found)
    closing = at_closing(subject)
    removed = ablation(subject, [best], at=closing)
    assert removed.rises_at is not None
    assert removed.rises_elsewhere is not None
    followers = found.followers(PROPERTY)
    with torch.no_grad():
        losses = subject.loss_of(subject.run()[0])
    place = found.properties.index(PROPERTY)
    unit = found.units.index(best[0])
    ratio = removed.rises_at[0] / max(removed.rises_elsewhere[0], 1e-9)
    return [
        Figure("loss at closing brackets", float(losses[closing].mean()), "nats", "lower"),
        Figure("loss elsewhere", float(losses[~closing].mean()), "nats", "lower"),
        Figure("units that count, p < 0.001 corrected", len(followers), "units", "higher", 1.0),
        Figure("correlation of the best one", abs(float(found.correlations[place, unit])), "", "higher"),
        Figure("p of the best one", float(found.p[place, unit]), "", "lower", 0.001),
        Figure("rise at closing brackets without the best five", removed.rises_at[0], "nats", "higher"),
        Figure("rise elsewhere without the best five", removed.rises_elsewhere[0], "nats", "lower"),
        Figure("rise at closing brackets over rise elsewhere", ratio, "times", "higher", 5.0),
    ]
