"""One step of a stream, batch 1, in a fresh process without torch: in the native loop, and called from Python."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.harness import Data, Figure

CELLS = ("lstm", "gru", "rnn")

#: Units (= inputs) -> microseconds of a step in the loop that were asked for.
LOOP = {32: 1.0, 64: None, 128: 5.0, 256: None}

#: Microseconds that a call from Python may cost on top.
CALL = 5.0

STEPS = 1000

CODE = """
import json, sys
import numpy as np
from elman import cells
from elman.compiler.loop import CompiledCell
from elman.timing import interleaved

name, units, steps, seconds = sys.argv[1], *map(float, sys.argv[2:])
cell = cells.make(name, int(units), int(units))
rng = np.random.default_rng(0)
params = {n: np.float32(rng.normal(0, 0.05, p.shape)) for n, p in cell.parameters().items()}
state = {n: np.zeros((1, size), np.float32) for n, size in cell.state_sizes.items()}
inputs = np.float32(rng.normal(size=(int(steps), int(units))))
sizes, one = np.ones(int(steps), np.int64), np.ones(1, np.int64)
compiled = CompiledCell(cell)
times = interleaved(
    {
        "loop": lambda: compiled.infer(inputs, sizes, state, params),
        "call": lambda: compiled.infer(inputs[:1], one, state, params),
    },
    seconds,
    least=3,
)
print(json.dumps({"loop": times["loop"] / steps, "call": times["call"], "torch": "torch" in sys.modules}))
"""


def measure(data: Data) -> Sequence[Figure]:
    """Two figures for every cell and size."""
    figures = []
    for cell in CELLS[:1] if data.quick else CELLS:
        for units, goal in {20: None}.items() if data.quick else LOOP.items():
            found = run(cell, units, STEPS, data.seconds(1.5))
            loop, call = found["loop"] * 1e6, found["call"] * 1e6
            name, beside = f"{cell.upper()}, {units} units", f"the step, {loop:.2g} us"
            figures += [
                Figure(f"one of {STEPS:,} steps in the loop: {name}", loop, "us", "lower", goal),
                Figure(f"call from Python on top: {name}", call - loop, "us", "lower", CALL, beside),
            ]
    return figures


def run(cell: str, units: int, steps: int, seconds: float) -> dict[str, float]:
    """Seconds of a step in the loop and in a call of its own, from a fresh process that never loads torch."""
    command = [sys.executable, "-c", CODE, cell, str(units), str(steps), str(seconds)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if found.pop("torch"):
        raise SystemExit("The process has loaded torch; a stream must not.")
    return found
