"""What the losses of heads have in common: targets that fit, and the rows that count."""

from __future__ import annotations

import torch
from torch import Tensor

from elman.errors import DataError
from elman.nn.padding import valid_steps


def counted(features: Tensor, targets: Tensor, lengths: Tensor | None) -> Tensor:
    """Which steps of features (batch, time, features) count, (batch, time) bool, given targets (batch, time, ...).

    Raises `DataError` where the shapes or lengths do not fit.
    """
    check_features(features)
    if targets.shape[:2] != features.shape[:2]:
        raise DataError(
            f"targets must be {tuple(features.shape[:2])} in batch and time, as the features, found the shape "
            f"{tuple(targets.shape)}."
        )
    valid = valid_steps(features, lengths)
    return torch.ones(features.shape[:2], dtype=torch.bool, device=features.device) if valid is None else valid


def check_features(features: Tensor) -> None:
    """Raise `DataError` unless features are (batch, time, features)."""
    if features.dim() != 3:
        raise DataError(f"features must be (batch, time, features), found the shape {tuple(features.shape)}.")


def check_range(targets: Tensor, count: int) -> None:
    """Raise `DataError` unless all targets are numbers from 0 to ``count`` - 1."""
    if targets.numel() and not 0 <= int(targets.min()) <= int(targets.max()) < count:
        raise DataError(
            f"targets must be numbers from 0 to {count - 1}, found {int(targets.min())} to {int(targets.max())}."
        )


def check_shape(targets: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `DataError` unless targets have this shape."""
    if targets.shape != shape:
        raise DataError(f"targets must be {tuple(shape)}, found the shape {tuple(targets.shape)}.")
