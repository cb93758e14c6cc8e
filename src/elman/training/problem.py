"""What a `Trainer` is given: batches, an objective that turns one into a loss, and a held-out score."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Loss:
    """What an objective makes of one batch.

    Attributes:
        value: Scalar to minimise, with its graph.
        count: Symbols (or other units) that it averages over; they give the speed.
        carry: What the next batch goes on from, such as the recurrent state: nested dicts, tuples and lists of
            tensors, or None. The trainer detaches it, so gradients end here (truncated backpropagation through
            time, Williams & Peng 1990).
    """

    value: Tensor
    count: int
    carry: Any = None


@dataclass(frozen=True, slots=True)
class Score:
    """How good a module is on held-out data.

    Attributes:
        value: Decides which weights are kept; lower is better.
        figures: The same result in units people know, by name.
    """

    value: float
    figures: Mapping[str, float] = field(default_factory=dict)


class Batches(Protocol):
    """Training data as a function of ``(epoch, index)``, so that a run can go on anywhere."""

    def steps_in(self, epoch: int) -> int:
        """Return the number of batches of an epoch; at least one."""

    def batch(self, epoch: int, index: int) -> Any:
        """Return one batch: tensors, containers of tensors, or anything with ``.to(device)``."""


#: ``(module, batch, carry) -> Loss``; ``carry`` is None at the start of every epoch.
Objective = Callable[[nn.Module, Any, Any], Loss]

#: ``(module in evaluation mode, gradients off) -> Score``.
Evaluate = Callable[[nn.Module], Score]


def detach(tree: Any) -> Any:
    """Return nested dicts, tuples and lists with every tensor cut from its graph."""
    if isinstance(tree, Tensor):
        return tree.detach()
    if isinstance(tree, Mapping):
        return {key: detach(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [detach(value) for value in tree]
    return tuple(map(detach, tree)) if isinstance(tree, tuple) else tree


def tensors_in(tree: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested mappings, sequences and dataclasses, in order."""
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from tensors_in(value)
    elif isinstance(tree, (tuple, list)):
        for value in tree:
            yield from tensors_in(value)
    elif dataclasses.is_dataclass(tree):
        for item in dataclasses.fields(tree):
            yield from tensors_in(getattr(tree, item.name))
