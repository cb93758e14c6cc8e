"""Torch's own OpenMP threads, lent to compiled loops.

After a product torch's threads wait for the next one on their cores for a while, and a second pool would fight them.
GNU OpenMP, which torch brings along on Linux, can be entered by its own door: the library that is already loaded is
found in the process and asked to run a function. Elsewhere compiled loops run in one thread.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cached_property
from pathlib import Path
from typing import final

import torch

from elman.compiler.threads import OneThread, Pool


@final
class TorchThreads:
    """The threads of the GNU OpenMP library at ``path``, as many as torch uses."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        self._parallel = library.GOMP_parallel
        self._parallel.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
        self._parallel.restype = None
        self._number = library.omp_get_thread_num

    @property
    def threads(self) -> int:
        """As many as torch uses now."""
        return torch.get_num_threads()

    @cached_property
    def number(self) -> int:
        """See `Pool.number`."""
        return ctypes.cast(self._number, ctypes.c_void_p).value or 0

    @cached_property
    def give_way(self) -> int:
        """See `Pool.give_way`."""
        return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0

    def run(self, worker: int, frame: int, threads: int) -> None:
        """See `Pool.run`."""
        self._parallel(worker, frame, threads, 0)


def torch_pool() -> Pool:
    """Torch's pool where it can be entered, else one thread."""
    loaded = _loaded_library() if sys.platform == "linux" else None
    return OneThread() if loaded is None else TorchThreads(loaded)


def _loaded_library() -> str | None:
    """Path of the GNU OpenMP library that torch has loaded into this process."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    own = str(Path(torch.__file__).parent)
    paths = {line.split(maxsplit=5)[5] for line in maps if "libgomp" in line}
    return min(paths, key=lambda path: (not path.startswith(own), path), default=None)
