"""Compiled loops on an ARM processor that is emulated: linked by a cross compiler, run by qemu."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elman.compiler.graph import Id
from elman.compiler.kernel import Frame, Kernel
from elman.compiler.loop import Loop
from elman.compiler.machine import Host, compile_object
from elman.compiler.schedule import Schedule
from elman.compiler.steps import Place, Steps
from elman.compiler.tile import Target
from elman.compiler.weights import Weights

ARM = Host("aarch64-unknown-linux-gnu", "+neon", 16)
COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"

#: What is missing for it on this machine.
MISSING = [tool for tool in (COMPILER, EMULATOR) if shutil.which(tool) is None]


class EmulatedLoop(Loop):
    """A loop that is run as a program of another processor, with its arrays in files."""

    def __init__(self, plan: Schedule, target: Target, **how: Any) -> None:
        # What surrounds the loop, the packing of weights above all, runs here, for vectors of the same size.
        super().__init__(plan, replace(target, host=Host.named("portable")), **how)
        self.kernel = Kernel(plan, replace(target, host=ARM), **how)
        self.object_file = compile_object(self.kernel.text(), ARM)

    def run(self, weights: Weights, places: Mapping[Id, Place], steps: Steps) -> dict[Id, Any]:
        words: list[Any] = [0] * Frame.SLOTS
        words[Frame.STEPS], words[Frame.PARTS] = len(steps.sizes), 1
        words[Frame.SIZES], words[Frame.BOUNDS] = steps.sizes, steps.slices(1)
        words[Frame.FIRSTS] = steps.tables["now"]
        words[Frame.TOTALS] = sums = np.zeros(self.kernel.totals_width, self.target.precision)
        for slot in self.kernel.slots:
            place: Place = (weights.values[slot], "always") if slot in weights.values else places[slot]
            array, where = place
            lies_anywhere = slot in self.kernel.scattered or not isinstance(where, str)
            words += [array, steps.places(where) if lies_anywhere else steps.tables[where]]
        emulate(self.object_file, [*words, *weights.packed])
        nodes = self.plan.graph.nodes
        return {n: sums[start : start + nodes[n].width] for n, start in self.kernel.totals.items()}


def emulate(object_file: bytes, words: list[Any]) -> None:
    """Run ``loop`` on a frame of numbers and of pointers to arrays, which it changes."""
    arrays = {word.ctypes.data: word for word in words if isinstance(word, np.ndarray)}
    numbers = {address: n for n, address in enumerate(arrays)}
    frame = [(numbers[word.ctypes.data], 0) if isinstance(word, np.ndarray) else (-1, word) for word in words]
    content = np.array([len(arrays), len(words), *np.ravel(frame)], np.int64).tobytes()
    for array in arrays.values():
        assert array.flags.c_contiguous
        content += np.int64(array.nbytes).tobytes() + array.tobytes()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "loop.o").write_bytes(object_file)
        (folder / "before").write_bytes(content)
        driver = Path(__file__).with_name("emulated.c")
        flags = ["-O1", "-Wall", "-Werror", "-static", "-o", "loop"]
        subprocess.run([COMPILER, *flags, driver, "loop.o"], cwd=folder, check=True)
        subprocess.run([EMULATOR, "./loop", "before", "after"], cwd=folder, check=True)
        after = (folder / "after").read_bytes()
    for array in arrays.values():
        if array.flags.writeable:
            array[...] = np.frombuffer(after, array.dtype, array.size).reshape(array.shape)
        after = after[array.nbytes :]
