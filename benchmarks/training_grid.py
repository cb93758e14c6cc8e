"""A training step of one layer, outputs and all gradients, beside torch.nn's: float32, over grid G and beside it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.harness import Data, Figure
from benchmarks.races import beside, figures
from elman.baselines.layers import Name, Shape, training

#: Geometric mean over the grid that was asked for; what no shape may be under; and small GRUs, where torch is slow.
MEANS: dict[Name, float] = {"lstm": 1.35, "gru": 3.0, "rnn": 2.5}
FLOOR = 0.95
SMALL = {Shape("gru", batch=1, time=time, units=64): 10.0 for time in (100, 400)}


def measure(data: Data) -> Sequence[Figure]:
    """Every shape in turn."""
    return figures(data, "training", training, MEANS, FLOOR, further=beside, exceptions=SMALL)
