"""What the loss does without a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from elman.diagnostics.removal import Removal
from elman.errors import DataError
from elman.nn.subject import Subject
from elman.plots import units as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Units up to which each one is tried where none are named; of more, those that the gradient says matter most.
MOST = 64

_DRAWN = 20


@final
@dataclass(frozen=True)
class Ablation:
    """How much the loss rises without some units.

    Attributes:
        title: Of the model.
        units: What was removed: a unit's name, or several joined by " + " that were removed together.
        loss: Mean loss of the whole model over the steps that count.
        rises: By how much the mean loss is higher without them, largest first where the units were not named.
        rises_at: The same over the steps of interest, where some were given.
        rises_elsewhere: The same over all others.
    """

    title: str
    units: tuple[str, ...]
    loss: float
    rises: tuple[float, ...]
    rises_at: tuple[float, ...] | None
    rises_elsewhere: tuple[float, ...] | None

    def __str__(self) -> str:
        order = sorted(range(len(self.units)), key=lambda unit: -self.rises[unit])[:3]
        told = ", ".join(f"{self.rises[unit]:+.3g} without {self.units[unit]}" for unit in order)
        text = f"{self.title}: the loss is {self.loss:.3f}; {told}."
        if self.rises_at is not None and self.rises_elsewhere is not None:
            at, elsewhere = self.rises_at[order[0]], self.rises_elsewhere[order[0]]
            text += f" Without {self.units[order[0]]}: {at:+.3g} at the steps of interest, {elsewhere:+.3g} elsewhere."
        return text

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "units": list(self.units),
            "loss": self.loss,
            "rises": list(self.rises),
            "rises_at": None if self.rises_at is None else list(self.rises_at),
            "rises_elsewhere": None if self.rises_elsewhere is None else list(self.rises_elsewhere),
        }

    def plot(self) -> Figure:
        """The rises of the twenty largest as bars."""
        order = sorted(range(len(self.units)), key=lambda unit: -self.rises[unit])[:_DRAWN]
        shown = [
            ("everywhere", self.rises),
            ("at the steps of interest", self.rises_at),
            ("elsewhere", self.rises_elsewhere),
        ]
        return pictures.bars(
            [self.units[unit] for unit in order],
            [
                pictures.Values(name, [rises[unit] for unit in order])
                for name, rises in (shown[:1] if self.rises_at is None else shown[1:])
                if rises is not None
            ],
            f"Which units the loss needs: {self.title}",
            f"rise of the loss without the unit, from {self.loss:.3f}",
        )


def ablation(
    subject: Subject, units: Sequence[str | Sequence[str]] | None = None, *, at: Tensor | None = None
) -> Ablation:
    """Remove units, hold them at their mean at every step, and see what the loss does.

    Args:
        subject: The model and its sequences.
        units: Names as ``hidden_l0[3]``, each removed by itself with all states of the unit; a list of names among
            them is removed together. By default every unit of every layer; of more than 64 those whose removal
            changes the loss most to first order, by one gradient.
        at: Steps of interest, (batch, time) bool, to look at apart from all others.

    Raises:
        UsageError: There is no such unit.
        DataError: ``at`` does not fit the subject's sequences, or it leaves nothing that counts at them or elsewhere.
    """
    removal = Removal(subject)
    places = _places(subject, at)
    named = None if units is None else [(unit,) if isinstance(unit, str) else tuple(unit) for unit in units]
    groups = _most_important(removal) if named is None else named
    with torch.no_grad():
        whole = removal.losses(removal.free)
        rises = [_means(removal.losses(removal.masks(group)) - whole, places) for group in groups]
    found = list(zip(groups, rises, strict=True))
    if named is None:
        found.sort(key=lambda one: -one[1][0])
    columns = [tuple(column) for column in zip(*(rise for _, rise in found), strict=True)]
    return Ablation(
        title=subject.title,
        units=tuple(" + ".join(group) for group, _ in found),
        loss=_means(whole, places)[0],
        rises=columns[0],
        rises_at=columns[1] if at is not None else None,
        rises_elsewhere=columns[2] if at is not None else None,
    )


def _places(subject: Subject, at: Tensor | None) -> list[Tensor]:
    """The steps that count: all, and those of interest and all others."""
    counts = subject.counts
    if at is None:
        return [counts]
    if at.shape != counts.shape or at.dtype != torch.bool:
        raise DataError(f"at must be (batch, time) bool, {tuple(counts.shape)}, found {at.dtype} {tuple(at.shape)}.")
    if not (counts & at).any() or not (counts & ~at).any():
        raise DataError("at must mark some of the steps that count and leave some others.")
    return [counts, counts & at, counts & ~at]


def _means(losses: Tensor, places: Sequence[Tensor]) -> list[float]:
    return [float(losses[place].double().mean()) for place in places]


def _most_important(removal: Removal) -> list[tuple[str, ...]]:
    """Every unit once, by its first state; of many, those with the largest derivative of the loss by their mask."""
    masks = {name: mask.clone().requires_grad_() for name, mask in removal.free.items()}
    loss = removal.losses(masks).sum()
    gradients = torch.autograd.grad(loss, list(masks.values()), materialize_grads=True)
    of_units: dict[tuple[str, int], tuple[str, Tensor]] = {}
    for name, gradient in zip(masks, gradients, strict=True):
        kind = name[name.rindex("_l") :], len(gradient)
        first, together = of_units.get(kind, (name, torch.zeros_like(gradient)))
        of_units[kind] = first, together + gradient
    effects = {
        f"{name}[{index}]": abs(effect)
        for name, together in of_units.values()
        for index, effect in enumerate(together.tolist())
    }
    return [(unit,) for unit in sorted(effects, key=lambda unit: -effects[unit])[:MOST]]
