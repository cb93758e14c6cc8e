"""Cells without recurrent products in training: how near their recurrence comes to the speed at which memory is copied.

What is timed is a whole training step of `elman.nn.unroll`, torch's part in it too, on products of the input that are
given, as if the layer's large products had just been made: these run at the rate of the library that makes them,
whatever the cell is. The bytes are those of `benchmarks.recurrences.Projected.least_bytes`, and no others. Beside it,
in the same turns, torch copies an array: as many bytes are read and written together.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

import elman.nn
from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND, training_step
from benchmarks.recurrences import Given, Projected
from elman.baselines.layers import agree
from elman.timing import interleaved

CELLS = ("sru", "qrnn", "mingru", "minlstm", "hgrn", "rg_lru", "indrnn")

#: Batch, time, units; the first has the goal, in the second the fixed cost of a call weighs.
SIZES, QUICK = [(32, 400, 128), (32, 100, 128)], [(3, 5, 20), (2, 4, 20)]

#: Share of the copy bandwidth.
GOAL = 0.5


def measure(data: Data) -> Sequence[Figure]:
    """The shares of all cells at both sizes, then the layers with their products."""
    sizes = QUICK if data.quick else SIZES
    goals = {sizes[0]: GOAL}
    shares = [share(cell, *each, data, goals.get(each)) for each in sizes for cell in CELLS]
    return [*shares, *(layer(cell, *sizes[0], data) for cell in CELLS)]


def share(name: str, batch: int, time: int, units: int, data: Data, goal: float | None) -> Figure:
    """The share of one cell."""
    cell = Projected.of(name, units)
    given = Given.of(cell, batch, time)
    step = given.training(cell, BACKEND)
    agree(name, step(), given.training(cell, "reference")())
    count = cell.least_bytes() * batch * time
    source = torch.zeros(count // 8)
    target = torch.empty_like(source)
    times = interleaved(
        {"step": step, "copy": lambda: target.copy_(source)}, data.seconds(3), least=1 if data.quick else 15
    )
    found, copied = (count / times[who] / 1e9 for who in ("step", "copy"))
    shape = f"{name}, batch {batch}, {time} steps, {units} units"
    ours = f"ours {found:.3g} GB/s, {times['step'] * 1e3:.3g} ms"
    beside = f"copy, {copied:.3g} GB/s on {torch.get_num_threads()} threads; {ours}"
    return Figure(f"share of the copy bandwidth: {shape}", found / copied, "", "higher", goal, beside)


def layer(name: str, batch: int, time: int, units: int, data: Data) -> Figure:
    """A training step of the whole layer beside its three large products alone."""
    torch.manual_seed(0)
    own = elman.nn.Recurrent(name, units, units, backend=BACKEND)
    inputs, upstream = torch.randn(batch, time, units, requires_grad=True), torch.randn(batch, time, units)
    rows, weight = inputs.detach().flatten(0, 1), own.get_parameter("weight_ih_l0").detach()
    made = rows @ weight.T

    def products() -> None:
        torch.mm(rows, weight.T)
        torch.mm(made, weight)
        torch.mm(made.T, rows)

    steps = {"step": training_step(own, inputs, upstream), "products": products}
    times = interleaved(steps, data.seconds(3), least=1 if data.quick else 9)
    beside = f"three products by torch, {times['products'] * 1e3:.3g} ms; ours {times['step'] * 1e3:.3g} ms"
    shape = f"{name}, batch {batch}, {time} steps, {units} units"
    return Figure(
        f"layer: {shape}", times["step"] / times["products"], "times the time of its products", "lower", None, beside
    )
