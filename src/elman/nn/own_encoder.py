"""A torch module of the user's own in place of convolutions over pixels: what it makes, and how it runs later."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.errors import UsageError


def made_of(encoder: nn.Module, frame: Sequence[int], *axes: str) -> tuple[int, ...]:
    """The sizes of the named axes of what an encoder makes of one frame (..., channels).

    Raises `UsageError` where it does not take frames, or makes something else of them.

    >>> made_of(nn.Conv2d(3, 8, 2, 2), (6, 4, 3), "features", "rows", "columns")
    (8, 3, 2)
    """
    parameter = next(encoder.parameters(), torch.zeros(1))
    frames = parameter.new_zeros(2, frame[-1], *frame[:-1])
    was_training = encoder.training
    with torch.no_grad():
        try:
            made = encoder.eval()(frames)
        except (RuntimeError, ValueError, TypeError) as error:
            raise UsageError(f"The encoder does not take frames {tuple(frames.shape)}: {error}") from None
        finally:
            encoder.train(was_training)
    if not isinstance(made, Tensor) or made.dim() != 1 + len(axes) or len(made) != 2:
        found = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
        wanted = ", ".join(("n", *axes))
        raise UsageError(f"The encoder must make ({wanted}) of frames {tuple(frames.shape)}, found {found}.")
    return tuple(made.shape[1:])


def as_function(encoder: nn.Module) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """An encoder in evaluation, as engines take it: of frames (n, ..., channels), to what it makes, features last."""
    encoder = copy.deepcopy(encoder).cpu().eval()

    @torch.no_grad()
    def encode(frames: NDArray[np.float32]) -> NDArray[np.float32]:
        made: NDArray[np.float32] = encoder(torch.from_numpy(frames).movedim(-1, 1)).float().movedim(1, -1).numpy()
        return made

    return encode


@final
class FromFunction(nn.Module):
    """The encoder that `as_function` made a function of, as it is after training."""

    def __init__(self, encode: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
        super().__init__()
        self._encode = encode

    def forward(self, frames: Tensor) -> Tensor:
        """Frames (n, channels, ...) to what it makes of them, (n, features, ...)."""
        return torch.from_numpy(self._encode(frames.movedim(1, -1).numpy())).movedim(-1, 1)
