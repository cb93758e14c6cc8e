"""Units by name: which number of which state."""

from __future__ import annotations

import re

from elman.diagnostics.trajectory import Trajectory
from elman.errors import UsageError, nearest
from elman.nn.recurrent import Recurrent


def names_of(way: Trajectory) -> tuple[str, ...]:
    """The name of every number of the state that inputs reach, as ``hidden_l0[3]``, in their order."""
    names = [f"{name}[{unit}]" for name, place in way.places.items() for unit in range(place.stop - place.start)]
    return tuple(name for name, is_reached in zip(names, way.reached.tolist(), strict=True) if is_reached)


def find(layers: Recurrent, unit: str) -> tuple[str, int]:
    """The state and the index that a unit's name stands for: ``cell_l0`` and 3 for ``cell_l0[3]``.

    Raises `UsageError` for a name that the layers do not have.

    >>> find(Recurrent("lstm", 2, 4), "cell_l0[3]")
    ('cell_l0', 3)
    """
    sizes = layers.state_sizes
    match = re.fullmatch(r"(\w+)\[(\d+)\]", unit)
    if match is None:
        raise UsageError(f"A unit is named as {next(iter(sizes))}[0], not '{unit}'.")
    state, index = match[1], int(match[2])
    if state not in sizes:
        raise UsageError(f"There is no state '{state}', only {', '.join(sizes)}.{nearest(state, sizes)}")
    if index >= sizes[state]:
        raise UsageError(f"{state} has the units 0 to {sizes[state] - 1}, there is no '{unit}'.")
    return state, index
