"""Taking the time of things side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

Name = TypeVar("Name", bound=Hashable)

#: A turn lasts this many seconds or one call, whichever is longer.
TURN = 0.02

#: Seconds in which the threads of any rival come to rest: ONNX Runtime's keep a core busy for 20 ms after a call.
REST = 0.03


def interleaved(
    candidates: Mapping[Name, Callable[[], object]], seconds: float, *, least: int = 1, most: int = 101, rest: float = 0
) -> dict[Name, float]:
    """Median seconds of a call of each candidate, taken in turns, so that a busy moment hits all of them alike.

    Args:
        candidates: What is called, by name. Each is called once before, to warm up.
        seconds: The turns go round until so much time is over...
        least: ...but at least so many times,
        most: and at most so many.
        rest: Seconds to wait before each turn.

    A turn of a quick candidate is many calls. The first of them is not counted: threads of the candidate before may
    still be spinning, and the caches hold its data.

    >>> times = interleaved({"short": lambda: sum(range(10)), "long": lambda: sum(range(10_000))}, 0.1)
    >>> times["short"] < times["long"]
    True
    """
    for run in candidates.values():
        run()
    times: dict[Name, list[float]] = {name: [] for name in candidates}
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < least or (rounds < most and time.perf_counter() < end):
        for name, run in candidates.items():
            time.sleep(rest)
            times[name] += _turn(run)
        rounds += 1
    return {name: statistics.median(values) for name, values in times.items()}


def _turn(run: Callable[[], object]) -> list[float]:
    began = now = time.perf_counter()
    calls: list[float] = []
    while now < began + TURN:
        before = now
        run()
        now = time.perf_counter()
        calls.append(now - before)
    return calls[1:] or calls
