"""Weights from other libraries, as layers of `elman.nn` that compute the same outputs.

Every function reads only: nothing in a file is run. What cannot be computed exactly is refused with the reason.
"""

from __future__ import annotations

from elman.interop.directions import Backwards, Bidirectional
from elman.interop.flax_trees import from_flax
from elman.interop.haiku_trees import from_haiku
from elman.interop.keras_models import from_keras
from elman.interop.onnx_nodes import from_onnx
from elman.interop.torch_layers import from_torch, to_torch

__all__ = [
    "Backwards",
    "Bidirectional",
    "from_flax",
    "from_haiku",
    "from_keras",
    "from_onnx",
    "from_torch",
    "to_torch",
]
