"""`SequenceBatch`: what every task hands to a network, with a name for each part."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class SequenceBatch:
    """B sequences of at most T steps; what a task has no use for is None.

    - ``inputs`` (B, T) ids or (B, T, features).
    - ``lengths`` (B,): valid steps of each row; None: all T.
    - ``targets`` (B, T), (B,) or (B, T, outputs).
    - ``resets`` (B, T) bool: the state goes back to the initial one before this step; None: nowhere.
    - ``times`` (B, T): when each step was observed, in the unit of the data.
    - ``elapsed`` (B, T): the time since the step before, for cells that use it; None: 1 everywhere.
    - ``mask`` (B, T) bool: where the target counts; None: everywhere.
    - ``static`` (B, features): what holds for the whole sequence, such as a bag of features; it may be sparse.
    - ``weights`` (B,) or (B, T): how much a row or a step counts.
    - ``ids`` (B,): the number of each row in its source, to put results back in order.
    """

    inputs: Tensor
    lengths: Tensor | None = None
    targets: Tensor | None = None
    resets: Tensor | None = None
    times: Tensor | None = None
    elapsed: Tensor | None = None
    mask: Tensor | None = None
    static: Tensor | None = None
    weights: Tensor | None = None
    ids: Tensor | None = None

    def to(self, device: torch.device | str) -> SequenceBatch:
        """Return the batch with every part on ``device``."""
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(self, **{name: part.to(device) for name, part in parts.items() if part is not None})

    def take(self, rows: list[int]) -> SequenceBatch:
        """The rows of the given numbers, in that order."""
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(self, **{name: part[rows] for name, part in parts.items() if part is not None})
