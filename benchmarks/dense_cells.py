"""Cells with dense recurrent products in training, beside the LSTM: time per multiplication of their products."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND, training_step
from elman.cells import CELLS, make
from elman.compiler.explain import CellPlan
from elman.nn import Recurrent
from elman.timing import interleaved

#: Batch, time, hidden = input.
SIZES, QUICK = (32, 100, 128), (2, 4, 20)

#: At most so many times the LSTM's time per multiplication.
GOAL = 1.3

#: What the others are compared with.
RIVAL = "lstm"


def measure(data: Data) -> Sequence[Figure]:
    """Every cell of the table that is compiled and multiplies its state by a matrix, and has no memory of matrices."""
    units = (QUICK if data.quick else SIZES)[2]
    counts = {name: multiplications(name, units) for name in CELLS if _is_dense(name, units)}
    return [_figure(name, counts, data) for name in counts if name != RIVAL]


def _is_dense(name: str, units: int) -> bool:
    layer = Recurrent(name, units, units)
    if not layer.why().startswith(BACKEND):
        return False  # recurrent batch normalisation trains on the reference loop
    return CellPlan.of(layer.cells[0]).work_forward.products > 0 and max(layer.state_sizes.values()) <= 2 * units


def multiplications(name: str, units: int) -> int:
    """Of the matrix products of one step of one sequence, forward; a training step has three times as many."""
    work = CellPlan.of(make(name, units, units)).work_forward
    return work.products + work.outside


def _figure(name: str, counts: dict[str, int], data: Data) -> Figure:
    batch, time, units = QUICK if data.quick else SIZES
    torch.manual_seed(0)
    inputs, upstream = torch.randn(batch, time, units, requires_grad=True), torch.randn(batch, time, units)
    steps = {
        who: training_step(Recurrent(who, units, units, backend=BACKEND), inputs, upstream) for who in (name, RIVAL)
    }
    times = interleaved(steps, data.seconds(2), least=1 if data.quick else 5)
    found = (times[name] / counts[name]) / (times[RIVAL] / counts[RIVAL])
    shown = [f"{who} {times[who] * 1e3:.3g} ms, {counts[who]:,} multiplications a step" for who in steps]
    shape = f"batch {batch}, {time} steps, {units} units"
    return Figure(
        f"time per multiplication: {name}, {shape}", found, "times the LSTM's", "lower", GOAL, "; ".join(shown[::-1])
    )
