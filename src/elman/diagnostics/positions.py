"""Which steps of a subject's sequences a diagnosis starts from."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.errors import SettingsError


def spread(allowed: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Rows and steps (n,) of at most ``count`` places where ``allowed`` (batch, time) is true, spread evenly.

    >>> spread(torch.ones(1, 9, dtype=torch.bool), 3)
    (tensor([0, 0, 0]), tensor([0, 4, 8]))
    """
    places = allowed.nonzero()
    chosen = torch.linspace(0, len(places) - 1, min(count, len(places))).round().long()
    rows, steps = places[chosen].unbind(1)
    return rows, steps


def looking_back(counts: Tensor, count: int, distance: int | None) -> tuple[Tensor, Tensor, int]:
    """Rows, steps (n,) of places that count, and how far back from all of them it can be looked.

    All places have at least so many states before the one after their step, so that means over them are of the same
    places at every distance. Where ``distance`` is None it is as far as from the median of the places; without any
    `SettingsError` is raised, and where it is too long.
    """
    steps = counts.nonzero()[:, 1] + 1
    if not len(steps):
        raise SettingsError("There is no step whose answer counts: look at other sequences.")
    most = int(steps.max())
    if distance is not None and not 1 <= distance <= most:
        raise SettingsError(f"distance must be from 1 to {most}, the steps before the last one that counts.")
    reaches = int(steps.median()) if distance is None else distance
    far_enough = counts & (torch.arange(counts.shape[1]) + 1 >= reaches)
    return *spread(far_enough, count), reaches
