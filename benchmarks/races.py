"""Grid G, the shapes beside it, and the figures of a race over them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from statistics import geometric_mean
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness import Data, Figure
from elman.baselines.layers import Name, Race, Shape
from elman.timing import REST, interleaved

#: The backend that is measured.
BACKEND = "compiled"

#: Grid G: batch x time x hidden = input.
GRID = [*product((1, 16, 32, 64), (100, 400), (64, 128, 256, 512))]

#: Beside it: units that fill no whole vectors.
ODD = [*product((1, 32), (100,), (100, 200, 650))]

#: Seconds for one shape, and turns at least; the largest shapes take longer.
SECONDS, TURNS = 1.0, 3

#: Who races -> the name in a figure.
TITLES = {"torch": "torch.nn", "onnx": "ONNX Runtime", "ours": "ours"}


def grid(cell: Name, data: Data) -> list[Shape]:
    """The shapes of grid G."""
    return [Shape(cell, *sizes) for sizes in ([(2, 3, 20)] if data.quick else GRID)]


def beside(cell: Name, data: Data) -> list[Shape]:
    """The shapes beside it: odd units, and two bidirectional layers."""
    if data.quick:
        return [Shape(cell, 2, 3, 20, layers=2, bidirectional=True)]
    deep = [Shape(cell, batch, 100, 256, layers=2, bidirectional=True) for batch in (1, 32)]
    return [Shape(cell, *sizes) for sizes in ODD] + deep


def figures(
    data: Data,
    kind: str,
    race: Callable[[Shape, str], Race],
    means: Mapping[Name, float],
    floor: float,
    *,
    further: Callable[[Name, Data], Sequence[Shape]] = lambda cell, data: (),
    exceptions: Mapping[Shape, float] | None = None,
) -> list[Figure]:
    """Race over all shapes: the means over grid G, then the slowest shape, then every shape.

    Args:
        data: As every benchmark gets it.
        kind: What is raced in, for the names.
        race: Makes the race of a shape and a backend.
        means: Goal of the geometric mean over grid G, for each cell.
        floor: Goal of every shape.
        further: Shapes of a cell beside the grid.
        exceptions: Goals of some shapes that are above the floor.
    """
    means_found, times = [], {}
    for cell, goal in means.items():
        on_grid = grid(cell, data)
        for shape in [*on_grid, *further(cell, data)]:
            times[shape] = interleaved(
                race(shape, BACKEND), data.seconds(SECONDS), least=1 if data.quick else TURNS, rest=REST
            )
        found = geometric_mean([ratio(times[shape]) for shape in on_grid])
        rivals = " and ".join(TITLES[who] for who in times[on_grid[0]] if who != "ours")
        name = f"{kind}: {cell.upper()}, geometric mean over grid G"
        means_found.append(Figure(name, found, "times as fast", "higher", goal, f"{rivals}, {len(on_grid)} shapes"))
    slowest = min(times, key=lambda shape: ratio(times[shape]))
    wanted = dict.fromkeys(times, floor) | dict(exceptions or {})
    return [
        *means_found,
        speed(f"{kind}, slowest: {slowest}", times[slowest], floor),
        *(speed(f"{kind}: {shape}", times[shape], wanted[shape]) for shape in times),
    ]


def ratio(times: Mapping[str, float]) -> float:
    """How many times as fast we are as the best rival."""
    return min(seconds for who, seconds in times.items() if who != "ours") / times["ours"]


def speed(name: str, times: Mapping[str, float], goal: float | None) -> Figure:
    """The figure of one race."""
    shown = ", ".join(f"{TITLES[who]} {seconds * 1e3:.3g} ms" for who, seconds in times.items())
    return Figure(name, ratio(times), "times as fast", "higher", goal, shown)


def training_step(layer: nn.Module, inputs: Tensor, upstream: Tensor, **options: Any) -> Callable[[], list[Tensor]]:
    """A step of an `elman.nn.Recurrent`: its outputs (and states, if asked for), then the gradients of everything.

    Masks are drawn from the same random numbers at every call, so that steps can be compared.
    """
    leaves = [inputs, *layer.parameters()]

    def step() -> list[Tensor]:
        torch.default_generator.manual_seed(0)  # torch.manual_seed takes 0.1 ms to tell absent devices
        outputs, _, *states = layer(inputs, **options)
        results = [*states[0].values()] if states else [outputs]
        return [*results, *torch.autograd.grad(results, leaves, [upstream] * len(results))]

    return step
