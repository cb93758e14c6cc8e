"""What Haiku and Flax computed, from tests/vectors/jax.npz."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

VECTORS = Path(__file__).parents[1] / "vectors" / "jax.npz"


@cache
def _entries() -> dict[str, np.ndarray]:
    with np.load(VECTORS) as file:
        return dict(file)


def inputs() -> np.ndarray:
    """(batch, time, features), for all models."""
    return _entries()["inputs"]


def names(library: str) -> list[str]:
    """The models of ``haiku``, ``linen`` or ``nnx``."""
    return sorted({key.split("/")[0] for key in _entries() if key.startswith(library)})


def tree(name: str) -> dict[str, Any]:
    """A model's parameters, as the library nests them."""
    made: dict[str, Any] = {}
    for key, value in _entries().items():
        model, *path = key.split("/")
        if model == name and path != ["outputs"]:
            inner = made
            for part in path[:-1]:
                inner = inner.setdefault(part.replace("|", "/"), {})
            inner[path[-1]] = value
    return made


def outputs(name: str) -> np.ndarray:
    """(batch, time, units)."""
    return _entries()[f"{name}/outputs"]
