"""Small transducers with random weights, for tests of what runs them."""

from __future__ import annotations

from typing import Any

import numpy as np

import label_networks
from elman.runtime.transducer import TransducerEngine
from elman.shapes import LabelShape, TransducerShape

SYMBOLS = 3

#: What is special in each, by name.
SHAPES: dict[str, dict[str, Any]] = {
    "frames": {},
    "two layers each": {"hidden_sizes": (5, 4), "encoder": {"hidden_sizes": (6, 5)}},
    "convolved": {"cell": "lstm", "encoder": label_networks.CONVOLVED},
    "convolved, both directions": {"encoder": {**label_networks.CONVOLVED, "bidirectional": True}},
}


def shape(encoder: dict[str, Any] | None = None, **changes: Any) -> TransducerShape:
    frames = LabelShape(
        **{"head": "features", "outputs": 6, "cell": "gru", "hidden_sizes": (5,), "frame": (4,), **(encoder or {})}
    )
    return TransducerShape(
        **{"encoder": frames, "symbols": SYMBOLS, "embedding_size": 4, "cell": "gru", "hidden_sizes": (5,), **changes}
    )


def tensors(of: TransducerShape, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.7, size).astype(np.float32) for name, size in of.parameter_shapes().items()}


def engine(*, backend: str = "auto", seed: int = 0, **changes: Any) -> TransducerEngine:
    of = shape(**changes)
    return TransducerEngine(of, tensors(of, seed), backend=backend)
