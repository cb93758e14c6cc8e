"""Numbers as results say and write them."""

from __future__ import annotations

import math
from collections.abc import Iterable


def plain(number: float) -> float | None:
    """A number for JSON, which knows neither infinity nor NaN: None for these.

    >>> plain(1.5), plain(math.inf)
    (1.5, None)
    """
    return float(number) if math.isfinite(number) else None


def plain_list(numbers: Iterable[float]) -> list[float | None]:
    """`plain` for each."""
    return [plain(number) for number in numbers]


def steps(number: float) -> str:
    """A length of time as a reader wants it.

    >>> steps(1), steps(3.14159), steps(250.2), steps(math.inf)
    ('1 step', '3.1 steps', '250 steps', 'forever')
    """
    if math.isinf(number):
        return "forever"
    shown = f"{number:.2g}" if number < 10 else f"{number:.0f}"
    return f"{shown} step{'s' * (shown != '1')}"


def half_life(rate: float) -> float:
    """Steps until half is left of what changes by ``exp(rate)`` at each: ln 2 / -rate, infinite where it does not fade.

    >>> half_life(math.log(0.5)), half_life(0.1), half_life(-math.inf)
    (1.0, inf, 0.0)
    """
    return math.inf if rate >= 0 else math.log(2) / -rate
