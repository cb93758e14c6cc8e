"""Small networks that caption, with random weights, and pictures, for tests of what runs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from elman.codecs.pictures import PicturesCodec
from elman.codecs.raw import Picture, Series
from elman.codecs.text import TextCodec
from elman.data.examples import Examples
from elman.runtime.caption_model import CaptionModel
from elman.shapes import CaptionShape, DecoderShape, RegionShape

CAPTIONS = ["a red square", "a blue square above a red one", "a red one"]


def shape(*, ready: bool = False, cell: str = "gru", **changes: Any) -> CaptionShape:
    """A network over pictures of 8 x 6 in colour, or with ``ready`` over regions of 5 features."""
    encoder = RegionShape((5,), 7) if ready else RegionShape((8, 6, 3), 7, ((4, 3, 2), (7, 3, 1)))
    decoder = DecoderShape(**{
        "symbols": 9, "embedding_size": 5, "cell": cell, "hidden_sizes": (6,), "memory": 7, "attentional_size": 5,
        "attention": "additive", **changes,
    })  # fmt: skip
    return CaptionShape(encoder, decoder)


def tensors(of: CaptionShape, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.5, size).astype(np.float32) for name, size in of.parameter_shapes().items()}


def raw(count: int, *, ready: bool = False, seed: int = 0) -> list[Picture | Series]:
    rng = np.random.default_rng(seed)
    if ready:
        return [Series(rng.normal(size=(2 + number % 3, 5))) for number in range(count)]
    return [Picture(rng.integers(0, 255, (8, 6, 3), np.uint8)) for _ in range(count)]


def model(*, ready: bool = False, **changes: Any) -> CaptionModel:
    target = TextCodec.fit("words", CAPTIONS, 99)
    of = shape(ready=ready, symbols=len(target) + 1, **changes)
    known = raw(6, ready=ready)
    mean = np.mean(np.concatenate([each.values for each in known]), 0) if ready else np.full(3, 128.0)  # type: ignore[union-attr]
    codec = PicturesCodec(None if ready else (8, 6), mean, np.full(len(mean), 1.0 if ready else 70.0), {})
    return CaptionModel(of, codec, target, 9, tensors(of))


def examples(*, ready: bool = False) -> Examples:
    kind: Any = "series" if ready else "images"
    return Examples(kind, raw(3, ready=ready), CAPTIONS, ["1", "2", "3"])
