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
from elman.compiler.streaming import StreamingStack
from elman.timing import interleaved

name, precision = sys.argv[1:3]
units, steps, seconds = int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
cell = cells.make(name, units, units)
rng = np.random.default_rng(0)
params = {n: np.float32(rng.normal(0, 0.05, p.shape)) for n, p in cell.parameters().items()}
state = {f"{n}_l0": np.zeros((1, size), np.float32) for n, size in cell.state_sizes.items()}
inputs = np.float32(rng.normal(size=(steps, 1, units)))
stack = StreamingStack([(cell, params)], precision=precision)
race = {"loop": lambda: stack.run(inputs, state, hoist=False), "call": lambda: stack.step(inputs[0], state)}
times = interleaved(race, seconds, least=3)
print(json.dumps({"loop": times["loop"] / steps, "call": times["call"], "torch": "torch" in sys.modules}))
"""


def measure(data: Data) -> Sequence[Figure]:
    """For every cell and size the step and the call, and the step with weights of half the size."""
    figures = []
    for cell in CELLS[:1] if data.quick else CELLS:
        for units, goal in {20: None}.items() if data.quick else LOOP.items():
            name, seconds = f"{cell.upper()}, {units} units", data.seconds(1.5)
            found, half = (run(cell, precision, units, seconds) for precision in ("float32", "bfloat16"))
            loop, beside = found["loop"], f"the step, {found['loop']:.2g} us"
            figures += [
                Figure(f"one of {STEPS:,} steps in the loop: {name}", loop, "us", "lower", goal),
                Figure(f"call from Python on top: {name}", found["call"] - loop, "us", "lower", CALL, beside),
                Figure(f"one step with bfloat16 weights: {name}", half["loop"], "us", "lower", None, beside),
            ]
    return figures


def run(cell: str, precision: str, units: int, seconds: float) -> dict[str, float]:
    """Microseconds of a step in the loop and in a call of its own, from a fresh process that never loads torch."""
    command = [sys.executable, "-c", CODE, cell, precision, str(units), str(STEPS), str(seconds)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    if found["torch"]:
        raise SystemExit("The process has loaded torch; a stream must not.")
    return {name: found[name] * 1e6 for name in ("loop", "call")}
