"""Small networks of labels with random weights, one for every part that there is, for tests of what runs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.codecs.sequence import Steps
from elman.codecs.text_steps import TextSteps
from elman.data.examples import Examples
from elman.runtime.answers import Answers
from elman.runtime.label_model import LabelModel
from elman.runtime.labels import LabelEngine
from elman.shapes import LabelShape

FRAMES: dict[str, Any] = {"symbols": (), "embedding_sizes": (), "frame": (4,)}
PIXELS: dict[str, Any] = {
    "symbols": (), "embedding_sizes": (), "frame": (6, 5, 2), "frame_convolutions": ((3, 3, 2), (4, 3, 1)),
}  # fmt: skip
CONVOLVED: dict[str, Any] = {"convolutions": ((6, 3, 2), (5, 4, 1))}
PLANES: dict[str, Any] = {**FRAMES, "frame": (7,), "planes": ((3, 3, 3, 2, 2), (2, 2, 1, 3, 1))}
STRANDS: dict[str, Any] = {"symbols": (4,), "embedding_sizes": (3,), "two_strands": (3, 2, 1, 0)}

#: What is special in each, by name.
SHAPES: dict[str, dict[str, Any]] = {
    "symbols": {},
    "symbols, both directions": {"bidirectional": True},
    "frames": FRAMES,
    "convolved": CONVOLVED,
    "convolved, both directions": {**CONVOLVED, "bidirectional": True},
    "pixels": PIXELS,
    "two strands": STRANDS,
    "two strands of frames, by step": {**FRAMES, "two_strands": (3, 2, 1, 0), "pooling": ()},
    "a bag": {"bag": 7},
    "tags": {"pooling": ()},
    "crf": {"pooling": (), "head": "crf", "bidirectional": True},
    "ctc": {**FRAMES, **CONVOLVED, "pooling": (), "head": "ctc"},
    "ctc, both directions": {**FRAMES, **CONVOLVED, "pooling": (), "head": "ctc", "bidirectional": True},
    "planes": {**PLANES, "pooling": ("mean",)},
    "planes, both directions": {**PLANES, "pooling": (), "head": "ctc", "bidirectional": True},
    "irregular time": {**FRAMES, "cell": "cfc", "bidirectional": True},
    "irregular time, convolved": {**FRAMES, **CONVOLVED, "cell": "phased_lstm"},
}


def shape(**changes: Any) -> LabelShape:
    return LabelShape(**{
        "head": "softmax", "outputs": 3, "cell": "gru", "hidden_sizes": (5, 4), "symbols": (9, 4),
        "embedding_sizes": (3, 2), "pooling": ("mean", "max", "last", "attention"), **changes,
    })  # fmt: skip


def tensors(of: LabelShape, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    # With large random weights what RWKV-7 remembers grows from step to step, and rounding errors with it.
    scale = 0.25 if of.cell == "rwkv7" else 0.5
    drawn = {name: rng.normal(0, scale, size).astype(np.float32) for name, size in of.parameter_shapes().items()}
    return {name: abs(value) if ".variance" in name else value for name, value in drawn.items()}


def engine(*, backend: str = "auto", **changes: Any) -> LabelEngine:
    of = shape(**changes)
    return LabelEngine(of, tensors(of), backend=backend)


def steps(of: LabelShape, length: int, seed: int = 0, *, timed: bool = True) -> Steps:
    rng = np.random.default_rng([seed, length])
    if of.symbols:
        values: Any = np.stack([rng.integers(0, count, length) for count in of.symbols], 1)
    else:
        values = rng.normal(size=(length, *of.frame)).astype(np.float32)
    return Steps(values, rng.uniform(0.5, 1.5, length).astype(np.float32) if timed else None)


TEXT = "a fine film, but long: not bad at all, only slow"

#: Kind of answer -> four targets for sequences of the text above.
TARGETS: dict[str, list[Any]] = {
    "class": ["good", "bad", "good", "bad"],
    "classes": [frozenset({"long", "fine"}), frozenset({"long"}), frozenset(), frozenset({"long"})],
    "numbers": [np.array([1.0, 5.0]), np.array([2.0, 4.0]), np.array([3.0, 3.0]), np.array([5.0, 5.0])],
    "tags": [tuple("AB"[letter in "aeiou"] for letter in TEXT[number:]) for number in range(4)],
}


def model(answer: str = "class", **changes: Any) -> tuple[LabelModel, Examples]:
    """A model that reads characters, with random weights, and sequences that it may read."""
    texts = [TEXT[number:] for number in range(4)]
    targets = TARGETS[answer]
    codec, answers = TextSteps.fit(texts), Answers.fit(answer, targets)
    of = shape(**{
        "symbols": codec.symbols, "embedding_sizes": (3,), "head": answers.head, "outputs": len(answers.names),
        "pooling": () if answer == "tags" else ("mean", "max"), **changes,
    })  # fmt: skip
    weights = tensors(of)
    examples = Examples("text", texts, targets, [f"text {number}" for number in range(4)])
    return LabelModel(of, codec, answers.of_network(weights), None, weights), examples
