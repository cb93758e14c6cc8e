"""How well a language model predicts text, from the sum of -ln p over the symbols that it predicted (in nats)."""

from __future__ import annotations

import math

from elman.errors import DataError


def nats_per_symbol(nats: float, count: int) -> float:
    """Return the mean surprise, nats / count; raises `DataError` if nothing was predicted."""
    if count < 1:
        raise DataError(f"expected at least one predicted symbol, found {count}. Give a text of two symbols or more.")
    return nats / count


def perplexity(nats: float, count: int) -> float:
    """Return exp(nats / count): the number of equally likely symbols that would be as hard to predict.

    Infinite where it is beyond the largest float.

    >>> round(perplexity(3 * math.log(10), 3), 9)
    10.0
    """
    mean = nats_per_symbol(nats, count)
    try:
        return math.exp(mean)
    except OverflowError:
        return math.inf


def bits_per_symbol(nats: float, count: int) -> float:
    """Return nats / (count ln 2).

    Bits per character where ``count`` is the number of characters predicted, whatever the model's own symbols
    are: a model of bytes or words is compared with one of characters by giving the characters of the same text.

    >>> bits_per_symbol(math.log(8), 1)
    3.0
    """
    return nats_per_symbol(nats, count) / math.log(2)
