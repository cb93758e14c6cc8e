"""Small networks of pairs with random weights, one for every part that there is, for tests of what runs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.codecs.text import TextCodec
from elman.runtime.pair_model import PairModel
from elman.shapes import DecoderShape, EncoderShape, PairShape

#: What is special in each decoder, by name.
DECODERS: dict[str, dict[str, Any]] = {
    "general, fed": {},
    "general": {"input_feeding": False},
    "additive, fed, two layers": {"attention": "additive", "hidden_sizes": (6, 4)},
    "additive, coverage": {"attention": "additive", "input_feeding": False, "coverage": True},
    "additive, two layers": {"attention": "additive", "input_feeding": False, "hidden_sizes": (6, 4)},
    "dot, fed, coverage, tied": {"attention": "dot", "coverage": True, "tied": True},
    "dot, two layers, tied": {"attention": "dot", "input_feeding": False, "hidden_sizes": (6, 5), "tied": True},
}


def shape(
    *, cell: str = "gru", encoder: dict[str, Any] | None = None, shared: bool = False, **changes: Any
) -> PairShape:
    """A network with 11 symbols of the source and 9 of the target, or 9 of both where they share an embedding."""
    reads = EncoderShape(**{
        "symbols": 9 if shared else 11, "embedding_size": 5, "cell": cell, "hidden_sizes": (3,), **(encoder or {}),
    })  # fmt: skip
    writes = DecoderShape(**{
        "symbols": 9, "embedding_size": 5, "cell": cell, "hidden_sizes": (6,), "memory": reads.features,
        "attentional_size": 5, **changes,
    })  # fmt: skip
    return PairShape(reads, writes, shared)


def tensors(of: PairShape, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    scale = 0.25 if "rwkv7" in (of.encoder.cell, of.decoder.cell) else 0.5
    drawn = {name: rng.normal(0, scale, size).astype(np.float32) for name, size in of.parameter_shapes().items()}
    return {name: abs(value) if ".variance" in name else value for name, value in drawn.items()}


def sources(of: PairShape, lengths: tuple[int, ...] = (7, 1, 4), seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, of.encoder.symbols, length) for length in lengths]


def model(name: str = "general, fed") -> PairModel:
    """From words of a, b, c to words of x, y, z."""
    codec, target = TextCodec.fit("characters", ["abc"]), TextCodec.fit("characters", ["xyz"])
    of = shape(symbols=len(target) + 1, encoder={"symbols": len(codec)}, **DECODERS[name])
    return PairModel(of, codec, target, 2.0, tensors(of))
