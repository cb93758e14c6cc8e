"""Outputs of one layer beside the better of torch.nn and ONNX Runtime: float32, over grid G."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness import Data, Figure
from benchmarks.races import figures
from elman.baselines.layers import Name, inference
from elman.baselines.onnx_layer import installed

#: Geometric mean over the grid that was asked for; and what no shape may be under.
MEANS: dict[Name, float] = {"lstm": 1.2, "gru": 1.6, "rnn": 2.0}
FLOOR = 0.9


def measure(data: Data) -> Sequence[Figure]:
    """Every shape in turn."""
    if not installed():
        raise SystemExit("This benchmark needs its rival: pip install onnx onnxruntime.")
    return figures(data, "inference", inference, MEANS, FLOOR)
