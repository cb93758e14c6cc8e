"""Running ONNX files in tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime


def run(file: bytes | Path, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of a file, by name, under ONNX Runtime."""
    session = open_file(file)
    return dict(zip((each.name for each in session.get_outputs()), session.run(None, dict(given)), strict=True))


def open_file(file: bytes | Path) -> onnxruntime.InferenceSession:
    """A session in one thread that says nothing of inputs that may be left out."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
