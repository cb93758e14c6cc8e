"""A cell in training: beside another one of the package, and beside the loop over its own equations."""

from __future__ import annotations

import torch

import elman.nn
from benchmarks.harness import Data, Figure
from benchmarks.races import BACKEND, training_step
from elman.baselines.layers import agree
from elman.cells import Cell
from elman.timing import interleaved

#: Batch, time, hidden = input.
SIZES, QUICK = [(32, 100, 128), (32, 100, 256)], [(3, 8, 20)]


def contests(cell: str | type[Cell], built_in: str, data: Data, *, slower: float, faster: float) -> list[Figure]:
    """Two figures for every size.

    Args:
        cell: The cell in question, by name or one's own.
        built_in: Name of a cell of the package with the same matrix products.
        data: As every benchmark gets it.
        slower: At most so many times the time of the built-in cell.
        faster: At least so many times as fast as the loop.
    """
    figures = []
    for sizes in QUICK if data.quick else SIZES:
        batch, time, units = sizes
        torch.manual_seed(0)
        own = elman.nn.Recurrent(cell, units, units, backend=BACKEND)
        loop = elman.nn.Recurrent(cell, units, units, backend="reference")
        loop.load_state_dict(own.state_dict())
        layers = {"own": own, "loop": loop, "built-in": elman.nn.Recurrent(built_in, units, units, backend=BACKEND)}
        inputs, upstream = torch.randn(batch, time, units, requires_grad=True), torch.randn(batch, time, units)
        steps = {name: training_step(layer, inputs, upstream) for name, layer in layers.items()}
        name = f"{own.cells[0].name}, batch {batch}, {time} steps, {units} units"
        agree(name, steps["own"](), steps["loop"]())
        times = interleaved(steps, data.seconds(5), least=1 if data.quick else 5)
        shown = {who: f"{seconds * 1e3:.3g} ms" for who, seconds in times.items()}
        figures += [
            Figure(
                f"against {built_in}: {name}", times["own"] / times["built-in"], "times its time", "lower",
                slower, f"{built_in}, {shown['built-in']}; ours {shown['own']}",
            ),
            Figure(
                f"against its own loop: {name}", times["loop"] / times["own"], "times as fast", "higher",
                faster, f"backend reference, {shown['loop']}; ours {shown['own']}",
            ),
        ]  # fmt: skip
    return figures
