"""Small language models with random weights, for tests of everything that reads or writes a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from elman.codecs import TextCodec
from elman.export import write_bundle
from elman.runtime import Engine, NetworkShape, TextModel
from elman.settings import LanguageModelSettings, to_dict
from elman.training.events import Callback, Progress

TEXT = "The same input may produce different outputs, depending on what came before: naïve or not.\nSo it goes.\n"

FIGURES: dict[str, Any] = {
    "training": {
        "source": "a text", "sha256": "0" * 64, "symbols": 1000, "epochs": 1.5, "steps": 10, "seconds": 2.0,
        "stopped_by": "epochs", "machine": [],
    },
    "held_out": {"model": {"nats_per_symbol": 1.0, "perplexity": 2.718, "bits_per_character": 1.443,
                           "symbols": 10, "characters": 10, "unknown": 0}},
}  # fmt: skip


def codec(kind: str = "characters") -> TextCodec:
    return TextCodec.fit(kind, [TEXT], 300)


def shape(vocabulary: int, cell: str = "lstm", **changes: Any) -> NetworkShape:
    return NetworkShape(**{
        "vocabulary": vocabulary, "cell": cell, "embedding_size": 7, "hidden_sizes": (9, 7), "tie_weights": True,
        "learn_initial_state": True, **changes,
    })  # fmt: skip


def tensors(of: NetworkShape, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    # With large random weights what RWKV-7 remembers grows from step to step, and rounding errors with it.
    scale = 0.25 if of.cell == "rwkv7" else 0.5
    drawn = {name: rng.normal(0, scale, size).astype(np.float32) for name, size in of.parameter_shapes().items()}
    return {name: abs(value) if ".variance" in name else value for name, value in drawn.items()}


def engine(
    kind: str = "characters", cell: str = "lstm", *, backend: str = "auto", precision: Any = "float32", **changes: Any
) -> Engine:
    of = shape(len(codec(kind)), cell, **changes)
    return Engine(of, tensors(of), backend=backend, precision=precision)


def bundle(folder: Path, kind: str = "characters", cell: str = "lstm", **changes: Any) -> Path:
    symbols = codec(kind)
    of = shape(len(symbols), cell, **changes)
    model = TextModel(of, symbols, tensors(of))
    write_bundle(
        folder, task="language-model", model=model, settings=to_dict(LanguageModelSettings()), metrics=FIGURES,
        sample=model.record(symbols.encode(TEXT)),
    )  # fmt: skip
    return folder


class StopAt(Callback):
    """Ends the process's work at a step, as a kill would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, progress: Progress) -> None:
        if progress.step == self.step:
            raise KeyboardInterrupt
