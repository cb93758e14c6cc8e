"""The best of many candidates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def largest(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The places of the ``count`` largest values (n,), in order of place; those of -inf are left out.

    >>> largest(np.array([3.0, -np.inf, 5.0, 4.0]), 2).tolist()
    [2, 3]
    """
    places = np.arange(len(values)) if count >= len(values) else np.argpartition(-values, count - 1)[:count]
    return np.sort(places[values[places] > -np.inf])
