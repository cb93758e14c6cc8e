"""Rows of different lengths in one batch: which steps count, and what stands in the others."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.nn.unroll import boundaries


def valid_steps(inputs: Tensor, lengths: Tensor | None) -> Tensor | None:
    """Which steps of ``inputs`` (batch, time, ...) lie within their row: (batch, time) bool, None where all do.

    Raises `DataError` for lengths that are not one whole number from 1 to time for every row.
    """
    lengths, _ = boundaries(inputs, lengths, None)
    if lengths is None:
        return None
    return torch.arange(inputs.shape[1], device=inputs.device) < lengths.to(inputs.device)[:, None]


def without_padding(inputs: Tensor, valid: Tensor | None) -> Tensor:
    """Zeros wherever ``valid`` says no: padding may hold anything, NaN too, and 0 * NaN would reach the gradients."""
    if valid is None:
        return inputs
    return inputs.masked_fill(~valid.reshape(*valid.shape, *[1] * (inputs.dim() - 2)), 0)
