"""The time between steps, which cells for irregular sampling are told (`elman.cells.cell.ELAPSED`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from elman.cells import Cell
from elman.cells.cell import ELAPSED
from elman.errors import DataError
from elman.nn.unroll import boundaries


def checked_elapsed(elapsed: Tensor, cells: Sequence[Cell], inputs: Tensor, weight: Tensor) -> Tensor:
    """``elapsed`` (batch, time) in the type of the weights.

    Raises `DataError` for another shape than that of the inputs' steps, and where no cell asks for it.
    """
    if not any(ELAPSED in cell.extras for cell in cells):
        raise DataError(
            f"Cell {cells[0].name} takes steps as equally long and has no use for elapsed: leave it out, join it to "
            "the inputs as a feature, or take a cell for irregular sampling, cfc or phased_lstm."
        )
    if elapsed.shape != inputs.shape[:2]:
        raise DataError(f"elapsed must be {tuple(inputs.shape[:2])}, as the inputs, found {tuple(elapsed.shape)}.")
    return elapsed.to(weight)


def elapsed_backwards(elapsed: Tensor, lengths: Tensor | None, resets: Tensor | None) -> Tensor:
    """The time between steps (batch, time) as the reverse direction meets it: at each step that to the one after it.

    The last step of a sequence, which has none after it, gets what the first one was told.

    >>> resets = torch.tensor([[False, False, True, False, False]])
    >>> elapsed_backwards(torch.tensor([[0.0, 1, 2, 3, 4]]), None, resets)
    tensor([[1., 0., 3., 4., 2.]])
    """
    lengths, resets = boundaries(elapsed, lengths, resets)
    time = elapsed.shape[1]
    steps = torch.arange(time, device=elapsed.device).expand(elapsed.shape)
    begins = steps == 0
    if resets is not None:
        begins = begins | resets.to(elapsed.device)
    ends = begins.roll(-1, 1)
    if lengths is not None:
        ends = ends | (steps == lengths.to(elapsed.device)[:, None] - 1)
    first = torch.where(begins, steps, 0).cummax(1).values
    return elapsed.gather(1, torch.where(ends, first, (steps + 1).clamp(max=time - 1)))
