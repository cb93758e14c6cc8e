"""Recurrent batch normalisation in training: statistics measured over the rows of a batch, step by step.

A cell calls ``ops.batch_norm`` with its stored mean and variance, and that is all that evaluation does. In training a
layer puts `BatchStatistics` around the cell, which measures both over the rows at hand and

- normalises by the stored ones all the same, so that training and evaluation compute one function of the past: what is
  measured at one step differs from step to step, and a network trained on that makes use of it and fails without it;
- takes the gradient as if by the measured ones, as batch normalisation does;
- moves the stored ones towards the measured ones, by a tenth in each forward call, all steps together.

The first two are batch renormalisation: ``(x - m) / s * r + d`` with m, s measured, and r = s / S and d = (m - M) / S,
with M, S stored, held fixed for the gradient and within bounds for what is far off. Rows beyond their length have no
part in it.

Sources: Cooijmans et al., "Recurrent batch normalization", ICLR 2017; Ioffe, "Batch renormalization: towards reducing
minibatch dependence in batch-normalized models", NIPS 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from elman.cells import Array, Cell, Ops
from elman.cells.cell import STATISTICS
from elman.cells.modifiers import Modifier
from elman.errors import UsageError

#: The extra by which `BatchStatistics` is told what share of all valid steps of a batch each step of a row is.
SHARE = "share of the statistics"

#: How far the stored statistics move towards those of one forward call.
MOMENTUM = 0.1

#: The bounds of r and of d's absolute value, those of Ioffe's experiments.
LARGEST_R, LARGEST_D = 3.0, 5.0

EPSILON = 1e-5


def has_statistics(cell: Cell) -> bool:
    """Whether a cell stores statistics that training has to measure."""
    return any(parameter.kind in STATISTICS for parameter in cell.parameters().values())


def shares(inputs: Tensor, lengths: Tensor | None) -> Tensor:
    """`SHARE` for inputs (batch, time, features): one over the number of valid steps, zero beyond a row's length."""
    batch, time = inputs.shape[:2]
    if lengths is None:
        return inputs.new_full((batch, time, 1), 1 / (batch * time))
    valid = torch.arange(time) < torch.as_tensor(lengths).cpu()[:, None]
    return (valid.to(inputs) / valid.sum())[..., None]


@final
@dataclass(frozen=True)
class BatchStatistics(Modifier):
    """A cell that measures its statistics, and changes the stored ones among its parameters in place.

    It knows the rows of a batch, which symbols do not have: it runs on the reference loop.
    """

    name: ClassVar[str] = "batch statistics"

    @property
    def extras(self) -> dict[str, int]:
        """Those of the cell within, and `SHARE`."""
        return self.cell.extras | {SHARE: 1}

    def step(self, ops: Ops, x: Array, state: Mapping[str, Array], params: Mapping[str, Array]) -> dict[str, Array]:
        """See `Cell.step`."""
        if not isinstance(params[SHARE], Tensor):
            raise UsageError(
                "in training it measures statistics over the rows of a batch, which only the reference loop knows; in "
                "evaluation it is compiled."
            )
        measuring: Any = _MeasuringOps(ops, params[SHARE])
        return self.cell.step(measuring, x, state, params)


class _MeasuringOps:
    """`Ops` whose batch norm measures."""

    def __init__(self, ops: Ops, share: Tensor) -> None:
        self._ops, self._share = ops, share

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return getattr(self._ops, name)  # type: ignore[no-any-return]

    def batch_norm(
        self, x: Tensor, mean: Tensor, variance: Tensor, weight: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        x, share = x.to(mean.dtype), self._share.sum()
        # No row may be left at a step, where all have ended before the batch does.
        rows = self._share / share.clamp(min=torch.finfo(x.dtype).tiny)
        measured = (rows * x).sum(0)
        spread = (rows * (x - measured) ** 2).sum(0)
        deviation = torch.sqrt(spread + EPSILON)
        with torch.no_grad():
            stored = torch.sqrt(variance + EPSILON)
            r = (deviation / stored).clamp(max=LARGEST_R)
            d = ((measured - mean) / stored).clamp(-LARGEST_D, LARGEST_D)
            _move(mean, variance, measured, spread, MOMENTUM * share)
        scaled = ((x - measured) / deviation * r + d) * weight
        return scaled if bias is None else scaled + bias


def _move(mean: Tensor, variance: Tensor, measured: Tensor, spread: Tensor, share: Tensor) -> None:
    """Take a share of the measured statistics into the stored ones, in place; the variance is that of all rows seen.

    A share w of rows with another mean adds to the variance what lies between the means, w (1 - w) (m - M)^2.
    """
    away = measured - mean
    variance.mul_(1 - share).add_(share * spread + share * (1 - share) * away**2)
    mean.add_(share * away)
