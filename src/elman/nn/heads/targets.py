"""What heads have in common: targets that fit, the rows that count, and what those with a blank begin with."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from elman.errors import DataError
from elman.nn.padding import valid_steps

#: How much likelier than all symbols together the blank is at first: about as many frames say nothing for each that
#: does.
BLANKS = 12


@torch.no_grad()
def begin_with_blanks(scores: nn.Linear) -> None:
    """Let the last of the scores, the blank, be `BLANKS` times as probable as all symbols together.

    From even chances the first updates do nothing but to make it more probable, with all weights and by so much that
    the units below are saturated, and hardly anything is learnt for a long time: of sixteen strings of spoken digits
    the loss of CTC was 2.5 nats a digit after 60 updates, and 1.5 where it began with blanks; a transducer that learnt
    by heart 32 digits in 40 updates did not in 80.
    """
    scores.bias[-1] = math.log(BLANKS * (scores.out_features - 1))


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


def check_transcripts(targets: Tensor, target_lengths: Tensor, batch: int, symbols: int) -> None:
    """Raise `DataError` unless targets are (batch, longest) of symbols, so many of each row as target_lengths say."""
    if targets.shape[:1] != (batch,) or targets.dim() != 2 or target_lengths.shape != (batch,):
        raise DataError(
            f"targets must be ({batch}, symbols) with {batch} target_lengths, found the shapes "
            f"{tuple(targets.shape)} and {tuple(target_lengths.shape)}."
        )
    if int(target_lengths.min()) < 0 or int(target_lengths.max()) > targets.shape[1]:
        raise DataError(
            f"target_lengths must be from 0 to {targets.shape[1]}, as targets has so many columns, found "
            f"{target_lengths.tolist()}."
        )
    within = torch.arange(targets.shape[1], device=targets.device) < target_lengths[:, None]
    check_range(targets[within], symbols)


def check_shape(targets: Tensor, shape: tuple[int, ...]) -> None:
    """Raise `DataError` unless targets have this shape."""
    if targets.shape != shape:
        raise DataError(f"targets must be {tuple(shape)}, found the shape {tuple(targets.shape)}.")
