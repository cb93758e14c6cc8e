"""How much of the machine's matrix-product rate an LSTM's training step reaches, both measured in turns."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND
from elman.baselines.layers import Shape, matrix_products, matrix_rate, training
from elman.timing import interleaved

SHAPE, QUICK = Shape("lstm", batch=32, time=100, units=256), Shape("lstm", 2, 3, 20)

#: Share of the rate; 0.76 is what a prototype in C++ reached.
GOAL = 0.7


def measure(data: Data) -> Sequence[Figure]:
    """The share, torch's beside it, and the rate."""
    shape = QUICK if data.quick else SHAPE
    steps = training(shape, BACKEND)
    products = matrix_products((64,)) if data.quick else matrix_products()
    times = interleaved({**steps, **products}, data.seconds(12), least=1 if data.quick else 15)
    rate = matrix_rate({size: times[size] for size in products})
    share = {name: 3 * shape.flops / times[name] / rate for name in steps}
    threads = torch.get_num_threads()
    beside = f"torch.nn, {share['torch']:.2f}; products at {rate / 1e9:.0f} GFLOP/s on {threads} threads"
    return [
        Figure(f"share of the matrix-product rate in training: {shape}", share["ours"], "", "higher", GOAL, beside),
        Figure("float32 matrix products", rate / 1e9, "GFLOP/s", "higher"),
    ]
