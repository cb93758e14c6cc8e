"""Courses of the learning rate: pure functions of progress and of the held-out scores so far.

A schedule returns the share of the peak learning rate to use at ``progress`` (0 to 1 over the whole
run). Having no state of its own, it needs nothing in a checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

#: ``(progress, scores so far) -> share of the peak learning rate``.
Schedule = Callable[[float, Sequence[float]], float]


def _ramp(progress: float, warmup: float) -> float:
    return min(1.0, progress / warmup) if warmup > 0 else 1.0


def _descend(start: float, end: float, share: float) -> float:
    """Half a cosine from ``start`` to ``end``."""
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, share))) / 2


def constant(progress: float, scores: Sequence[float] = (), *, warmup: float = 0.0, final: float = 0.0) -> float:
    """Rise linearly during ``warmup``, then stay at the peak (``final`` has no meaning here).

    >>> constant(0.5)
    1.0
    """
    return _ramp(progress, warmup)


def cosine(progress: float, scores: Sequence[float] = (), *, warmup: float = 0.0, final: float = 0.0) -> float:
    """Rise linearly during ``warmup``, then fall along half a cosine to ``final`` (Loshchilov & Hutter 2017).

    >>> [round(cosine(p, warmup=0.1, final=0.02), 2) for p in (0.05, 0.1, 0.55, 1.0)]
    [0.5, 1.0, 0.51, 0.02]
    """
    if progress < warmup:
        return _ramp(progress, warmup)
    return _descend(1.0, final, (progress - warmup) / (1 - warmup)) if warmup < 1 else 1.0


def one_cycle(progress: float, scores: Sequence[float] = (), *, warmup: float = 0.3, final: float = 0.0) -> float:
    """Rise from 1/25 of the peak along half a cosine during ``warmup``, then fall to ``final`` (Smith 2018).

    >>> [round(one_cycle(p, warmup=0.3, final=0.0), 2) for p in (0.0, 0.15, 0.3, 0.65, 1.0)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    if progress < warmup:
        return _descend(1 / 25, 1.0, progress / warmup)
    return cosine(progress, warmup=warmup, final=final)


def plateau(progress: float, scores: Sequence[float] = (), *, warmup: float = 0.0, final: float = 0.0) -> float:
    """Halve the rate at every held-out score that is not better than the best before it, down to ``final``.

    >>> plateau(0.5, [3.0, 2.5, 2.6, 2.4, 2.4], warmup=0.1)
    0.25
    """
    best, halvings = math.inf, 0
    for score in scores:
        halvings += score >= best
        best = min(best, score)
    return max(final, 0.5**halvings) * _ramp(progress, warmup)


_SCHEDULES = {"cosine": cosine, "one-cycle": one_cycle, "plateau": plateau, "constant": constant}


def make_schedule(name: str, warmup: float, final: float) -> Schedule:
    """Return the schedule of `TrainingSettings.schedule`, with its shares of warm-up and final rate set."""
    return partial(_SCHEDULES[name], warmup=warmup, final=final)
