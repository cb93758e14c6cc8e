"""What the variants of training sequences are made with: strengths by name, and time that runs unevenly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import SettingsError, nearest

#: Steps between two changes of speed where time is warped, and the fewest changes in a sequence.
_KNOT_STEPS, _KNOTS = 25, 4


def strengths(wanted: str, usual: Mapping[str, float]) -> dict[str, float]:
    """The strength of each augmentation: ``auto`` takes the usual ones, ``none`` 0, else a list names what is wanted.

    Raises `SettingsError` for an augmentation that there is not, one that is not usual and is named without a strength,
    and a strength that is no number from 0 on.

    >>> strengths("warp=0.3, jitter", {"jitter": 0.05, "warp": 0.1, "scale": 0.1})
    {'jitter': 0.05, 'warp': 0.3, 'scale': 0.0}
    """
    if wanted == "auto":
        return dict(usual)
    found = dict.fromkeys(usual, 0.0)
    for item in [] if wanted == "none" else wanted.split(","):
        name, equals, value = (part.strip() for part in item.partition("="))
        if name not in usual:
            raise SettingsError(
                f"augment takes auto, none, or some of {', '.join(usual)}, each with =STRENGTH if wanted, "
                f"not '{item.strip()}'.{nearest(name, usual)}"
            )
        if not equals and not usual[name]:
            raise SettingsError(f"augment: say how strongly, such as {name}=0.2.")
        found[name] = _strength(name, value) if equals else usual[name]
    return found


def _strength(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < np.inf:
        raise SettingsError(f"augment: the strength of {name} must be a number from 0 on, not '{text}'.")
    return value


def uneven_clock(steps: int, strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Where to read ``steps`` steps so that time runs unevenly: (steps,), from 0 to the last, never backwards.

    The logarithm of the speed is straight between random values of standard deviation ``strength`` (the time warping of
    Um et al. 2017, "Data augmentation of wearable sensor data", with lines for splines). 0 gives 0, 1, 2 ...
    """
    knots = max(_KNOTS, steps // _KNOT_STEPS)
    speed = np.exp(smooth_noise(max(steps - 1, 0), knots, strength, rng))
    clock = np.concatenate([np.zeros(min(steps, 1)), np.cumsum(speed)])
    return clock * ((steps - 1) / clock[-1]) if steps > 1 else clock


def smooth_noise(steps: int, knots: int, strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A line through ``knots`` normal values of standard deviation ``strength``, (steps,)."""
    heights = rng.normal(0, strength, knots)
    return np.interp(np.linspace(0, knots - 1, steps), np.arange(knots), heights)


def read_between(values: NDArray[Any], positions: NDArray[np.float64]) -> NDArray[Any]:
    """``values`` (n, ...) at positions between 0 and n - 1, straight lines between neighbours; in the same type.

    >>> read_between(np.array([[0.0], [10.0], [30.0]]), np.array([0.5, 2.0])).tolist()
    [[5.0], [30.0]]
    """
    below = np.clip(positions.astype(np.int64), 0, max(len(values) - 2, 0))
    above = np.minimum(below + 1, len(values) - 1)
    share = (positions - below).reshape(-1, *[1] * (values.ndim - 1)).astype(values.dtype)
    between: NDArray[Any] = values[below] * (1 - share) + values[above] * share
    return between


def mask(values: NDArray[np.float32], longest: float, rng: np.random.Generator) -> None:
    """Set two stretches of the first axis, each of up to ``longest`` of it, to 0, as SpecAugment does.

    Source: Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition", 2019.
    """
    for _ in range(2):
        width = int(rng.uniform(0, longest) * len(values) + 0.5)
        start = int(rng.integers(0, len(values) - width + 1))
        values[start : start + width] = 0
