"""What each option of the time loop costs in training, in percent of the step without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch

import elman.nn
from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND, training_step
from elman.baselines.layers import Name, Shape, agree
from elman.timing import interleaved

CELLS: tuple[Name, ...] = ("lstm", "gru")
SHAPES = [Shape(cell, *sizes) for cell, sizes in product(CELLS, [(32, 100, 128), (32, 100, 256)])]
QUICK = [Shape("lstm", 3, 8, 20)]

#: Percent.
GOAL = 15.0

#: New sequences begin at this share of the steps.
RESETS = 0.02


@dataclass(frozen=True)
class Flag:
    """An option: of the layer or of its call; and the share of the steps that are left to do."""

    layer: dict[str, Any] = field(default_factory=dict)
    call: dict[str, Any] = field(default_factory=dict)
    share: float = 1.0


def flags(shape: Shape) -> dict[str, Flag]:
    """Every option alone."""
    lengths = torch.randint(3 * shape.time // 4, shape.time + 1, (shape.batch,))
    return {
        "resets": Flag(call={"resets": torch.rand(shape.batch, shape.time) < RESETS}),
        "lengths": Flag(call={"lengths": lengths}, share=float(lengths.sum()) / (shape.batch * shape.time)),
        "all states": Flag(call={"all_states": True}),
        "clip": Flag(layer={"clip": 1.0}),
        "recurrent dropout": Flag(layer={"recurrent_dropout": 0.25}),
        "zoneout": Flag(layer={"zoneout": 0.1}),
    }


def measure(data: Data) -> Sequence[Figure]:
    """One figure for every shape and option."""
    return [figure for shape in (QUICK if data.quick else SHAPES) for figure in of_shape(shape, data)]


def of_shape(shape: Shape, data: Data) -> list[Figure]:
    """The plain step and one step for every option, in turns."""
    torch.manual_seed(0)
    inputs = torch.randn(shape.batch, shape.time, shape.units, requires_grad=True)
    upstream = torch.randn(shape.batch, shape.time, shape.units)
    options = flags(shape)
    steps = {"plain": training_step(layer(shape, BACKEND, Flag()), inputs, upstream)}
    for name, flag in options.items():
        steps[name] = training_step(layer(shape, BACKEND, flag), inputs, upstream, **flag.call)
        reference = training_step(layer(shape, "reference", flag), inputs, upstream, **flag.call)
        agree(f"{shape}, {name}", steps[name](), reference())
    times = interleaved(steps, data.seconds(8), least=1 if data.quick else 7)
    beside = f"the plain step, {times['plain'] * 1e3:.3g} ms"
    return [
        Figure(
            f"cost of {name}: {shape}", 100 * (times[name] / (flag.share * times["plain"]) - 1), "percent", "lower",
            GOAL, beside + (f", times {flag.share:.0%} of the steps" if flag.share < 1 else ""),
        )
        for name, flag in options.items()
    ]  # fmt: skip


def layer(shape: Shape, backend: str, flag: Flag) -> elman.nn.Recurrent:
    """A layer with an option; always of the same weights."""
    torch.manual_seed(1)
    return elman.nn.Recurrent(shape.cell, shape.units, shape.units, backend=backend, **flag.layer)
