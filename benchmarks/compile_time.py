"""Seconds until a layer's forward and backward loops are there, in fresh processes: compiled, and from the cache."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from benchmarks.harness import Data, Figure

CELLS, UNITS, PROCESSES = ("lstm", "gru", "rnn"), 256, 5

#: Seconds.
COLD, CACHED = 1.5, 0.03

#: Times one step forward and backward, which needs both loops; what is imported is imported before.
CODE = """
import sys, time
import numpy as np
from elman import cells
from elman.compiler.compiled_cell import CompiledCell

cell = cells.make(sys.argv[1], int(sys.argv[2]), int(sys.argv[2]))
params = {name: np.ones(parameter.shape, np.float32) for name, parameter in cell.parameters().items()}
state = {name: np.zeros((1, size), np.float32) for name, size in cell.state_sizes.items()}
inputs = np.zeros((1, cell.input_size), np.float32)
began = time.perf_counter()
compiled = CompiledCell(cell)
compiled.backward(compiled.forward(inputs, [1], state, params), {}, state)
print(time.perf_counter() - began)
"""


def measure(data: Data) -> Sequence[Figure]:
    """Medians over fresh processes, each cold one with an empty cache."""
    figures = []
    for cell in CELLS[:1] if data.quick else CELLS:
        processes, units = (1, 20) if data.quick else (PROCESSES, UNITS)
        cold, cached = [], []
        for _ in range(processes):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(seconds(cell, units, cache))
                cached.append(seconds(cell, units, cache))
        what = f"forward and backward of {cell.upper()}, {units} units"
        figures += [
            Figure(f"compile {what}", statistics.median(cold), "s", "lower", COLD, f"{processes} fresh processes"),
            Figure(f"load {what}", statistics.median(cached), "s", "lower", CACHED, "the same code from the cache"),
        ]
    return figures


def seconds(cell: str, units: int, cache: str) -> float:
    """The time that a fresh process takes with this folder as its cache."""
    command = [sys.executable, "-c", CODE, cell, str(units)]
    environment = os.environ | {"ELMAN_CACHE": cache}
    return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)
