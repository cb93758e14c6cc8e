"""Who runs the slices of a loop: one thread, unless somebody lends a pool.

Threads of one pool that wait for work keep a core busy for a while, so a second pool beside torch's would fight it
for every core. Where torch computes, `elman.nn` lends torch's own threads with `use_pool`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Protocol, final

#: ``void loop(frame, thread)`` in machine code.
LOOP = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)


class Pool(Protocol):
    """Threads that run one function together."""

    @property
    def threads(self) -> int:
        """How many may run now, the caller among them."""

    @property
    def number(self) -> int:
        """Address of a function without arguments that tells a thread its number; 0 where there is only one."""

    @property
    def give_way(self) -> int:
        """Address of a function without arguments by which a waiting thread lets others have its core."""

    def run(self, worker: int, frame: int, threads: int) -> None:
        """Call ``void worker(frame)`` at that address in so many threads, and wait for all of them."""


@final
class OneThread:
    """The caller alone."""

    threads = 1
    number = 0
    give_way = 0

    def run(self, worker: int, frame: int, threads: int) -> None:
        """Never asked for: loops of one thread are called directly."""
        raise NotImplementedError("one thread runs no worker")


_pool: Pool = OneThread()


def use_pool(pool: Pool) -> None:
    """Let all loops of this process share their work among the threads of ``pool``."""
    global _pool
    _pool = pool


def pool() -> Pool:
    """The pool that was lent last."""
    return _pool


def run_loop(loop: Callable[[int, int], None], worker: int, frame: int, threads: int) -> None:
    """Run a loop on its frame, by the caller alone or by several threads of the pool."""
    if threads == 1:
        loop(frame, 0)
    else:
        _pool.run(worker, frame, threads)
