"""Sequences that begin and end anywhere in a batch, laid out as one packed batch of torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Pieces(NamedTuple):
    """A batch cut at its resets and lengths: every piece is a sequence of its own, longest piece first.

    Attributes:
        steps: For each packed step its place b * time + t in the batch, (valid steps,).
        batch_sizes: How many pieces have a first, second, ... step, (longest piece,).
        rows: The row of the batch that each piece lies in, (pieces,).
        entering: Whether the piece begins with the state handed to its row, (pieces,) bool.
        leaving: For each row the piece whose final state is the row's, (batch,).
    """

    steps: Tensor
    batch_sizes: Tensor
    rows: Tensor
    entering: Tensor
    leaving: Tensor

    @classmethod
    def of(cls, batch: int, time: int, lengths: Tensor | None, resets: Tensor | None, reverse: bool) -> Pieces:
        """Cut a batch of ``batch`` rows with ``time`` steps; everything is on the CPU."""
        inside = torch.arange(time) < (torch.full((batch,), time) if lengths is None else lengths)[:, None]
        begins = torch.zeros_like(inside) if resets is None else inside & resets
        restart = begins[:, 0].clone()
        begins[:, 0] = True

        rows, starts = begins.nonzero(as_tuple=True)
        steps = inside.flatten().nonzero().squeeze(1)
        piece = begins.flatten().cumsum(0)[steps] - 1
        sizes = piece.bincount()
        offset = steps - (rows * time + starts)[piece]
        if reverse:
            offset = sizes[piece] - 1 - offset
        order = sizes.argsort(descending=True, stable=True)
        rank = order.argsort()
        last = rows.bincount().cumsum(0) - 1
        first = torch.cat([last.new_zeros(1), last[:-1] + 1])
        entering = torch.zeros(len(rows), dtype=torch.bool)
        entering[last if reverse else first] = True if reverse else ~restart
        return cls(
            steps=steps[(offset * len(rows) + rank[piece]).argsort()],
            batch_sizes=offset.bincount(),
            rows=rows[order],
            entering=entering[order],
            leaving=rank[first if reverse else last],
        )
