"""Lesson: the same input, different answers. Run: python docs/lessons/same_input.py.

Trains a small network on sentences in which a verb must agree with a noun that stands far before it, looks for one word
that gets different answers at different places, and writes what same_input.md shows.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from writing import keep, percent, run, table

import elman
from elman import diagnostics
from elman.tasks.language_model import TextData

# --8<-- [start:sentences]
NOUNS = {"one": ["boy", "girl", "dog", "cat"], "many": ["boys", "girls", "dogs", "cats"]}
VERBS = {"one": ["runs", "sleeps", "sings"], "many": ["run", "sleep", "sing"]}
OF_OTHERS = {"one": ["chases", "sees"], "many": ["chase", "see"]}


def sentence(rng: np.random.Generator) -> str:
    """One sentence: its first noun and its last verb are both for one, or both for many."""
    outer, inner = rng.choice(["one", "many"], 2)
    words = ["the", rng.choice(NOUNS[outer])]
    if rng.random() < 0.6:
        words += ["who", "the", rng.choice(NOUNS[inner]), rng.choice(OF_OTHERS[inner])]
    return " ".join([*words, rng.choice(VERBS[outer])]) + " ."


# --8<-- [end:sentences]

#: What is asked, and whether the answer has to be a verb for one or for many.
ASKED = {
    "the boy who the dogs chase": "one",
    "the boys who the dogs chase": "many",
    "the cat who the girl sees": "one",
    "the cats who the girl sees": "many",
}


def text(sentences: int, seed: int) -> str:
    """So many sentences, one after the other."""
    rng = np.random.default_rng(seed)
    return " ".join(sentence(rng) for _ in range(sentences))


# --8<-- [start:train]
def train() -> elman.LanguageModel:
    """A model of words with 24 hidden values, that has read 4,000 sentences eight times."""
    model = elman.LanguageModel(
        codec="words", cell="gru", hidden_size=24, num_layers=1, embedding_size=12, tie_weights=False,
        dropout=0.0, dropout_input=0.0, epochs=8, batch_size=16, window=32, learning_rate=0.01,
        precision="32", threads=1,
    )  # fmt: skip
    return model.fit_texts(TextData([text(4_000, seed=0)], [text(200, seed=1)]))


# --8<-- [end:train]


# --8<-- [start:chances]
def chances(model: elman.LanguageModel, beginning: str) -> dict[str, float]:
    """How likely the next word is a verb for one, and a verb for many."""
    next_words = dict(model.next(". " + beginning + " ", top=100))
    return {kind: sum(next_words[verb] for verb in VERBS[kind]) for kind in VERBS}


# --8<-- [end:chances]


def lesson(folder: Path) -> dict[str, float]:
    """Do everything the lesson shows; write its picture and numbers to ``folder`` and return its figures."""
    model = train()
    figures, lines = {}, []
    for beginning, right in ASKED.items():
        found = chances(model, beginning)
        figures[beginning] = found[right]
        lines.append([beginning, *(percent(found[kind]) for kind in VERBS)])
    alone = chances(model, "chase")
    # --8<-- [start:search]
    subject = model.subject(text(300, seed=2), steps=60, batch=16)
    verbs = {verb for verbs in OF_OTHERS.values() for verb in verbs}
    looked_at = torch.tensor([[word in verbs for word in row] for row in subject.labels])
    found = diagnostics.same_input(dataclasses.replace(subject, counts=looked_at), pairs=2)
    # --8<-- [end:search]
    pair = found.pairs[0]
    figures |= {"difference": pair.difference, "alone_one": alone["one"], "alone_many": alone["many"]}
    texts = {
        "chances": table(["After", "a verb for one", "a verb for many"], lines),
        "found": f"> {found}\n",
    }
    keep(folder, {"pasts": found.plot()}, texts, figures)
    return figures


if __name__ == "__main__":
    run(lesson, __doc__)
