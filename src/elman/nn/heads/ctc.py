"""CTC head: symbols for a sequence without saying at which step each belongs."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.decoding.ctc import misfits
from elman.errors import DataError
from elman.nn.cross_entropy import exact
from elman.nn.heads.targets import begin_with_blanks, check_features, check_transcripts
from elman.nn.padding import valid_steps, without_padding


@final
class CTCHead(nn.Module):
    r"""Connectionist temporal classification: a linear layer over the symbols and a blank.

    .. math::
        p(y \mid x) = \sum_{a} \prod_t p_t(a_t)

    over all alignments a: one symbol or blank for each step, that becomes y when repeated symbols are merged and then
    the blanks are taken out. Two equal symbols in a row therefore need a blank between them, and a target with r such
    pairs needs at least as many steps as it has symbols, and r more.

    Args:
        features: Features of the input.
        symbols: Symbols, 0 to symbols - 1; the blank comes behind them and has the number ``symbols``.

    Lookahead is 0. At first the blank is by far the most probable, see `elman.nn.heads.targets.begin_with_blanks`.

    Source: Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with recurrent
    neural networks", ICML 2006.

    >>> head = CTCHead(8, symbols=26)
    >>> head(torch.zeros(2, 5, 8)).shape
    torch.Size([2, 5, 27])
    """

    lookahead = 0

    def __init__(self, features: int, symbols: int) -> None:
        super().__init__()
        self.blank = symbols
        self.linear = nn.Linear(features, symbols + 1)
        begin_with_blanks(self.linear)

    def forward(self, features: Tensor) -> Tensor:
        """Log-probabilities of every symbol and the blank, (..., symbols + 1), after features (..., features)."""
        return exact(self.linear(features)).log_softmax(-1)

    def loss(self, features: Tensor, targets: Tensor, target_lengths: Tensor, lengths: Tensor | None = None) -> Tensor:
        """-log p(target), in nats, of all rows, divided by the number of their symbols.

        Args:
            features: (batch, time, features).
            targets: (batch, symbols of the longest target) int64; what stands beyond a target's length does not matter.
            target_lengths: Symbols of every target, (batch,); 0 for a target without any.
            lengths: Valid steps per row, (batch,).

        Raises:
            DataError: A shape, a length or a symbol does not fit, or a target has no alignment as its row is too short.
        """
        check_features(features)
        # Padding goes before the linear layer, where NaN would reach the gradients.
        valid = valid_steps(features, lengths)
        return self.loss_of(self(without_padding(features, valid)), targets, target_lengths, lengths)

    def loss_of(
        self, log_probabilities: Tensor, targets: Tensor, target_lengths: Tensor, lengths: Tensor | None = None
    ) -> Tensor:
        """`loss` of log-probabilities (batch, time, symbols + 1) as `forward` gives them."""
        batch, time = log_probabilities.shape[:2]
        target_lengths = torch.as_tensor(target_lengths, device=targets.device)
        check_transcripts(targets, target_lengths, batch, self.blank)
        steps = torch.full((batch,), time) if lengths is None else torch.as_tensor(lengths).cpu()
        _check_alignable(targets, target_lengths, steps)
        # Infinite losses cannot come up, as every target has an alignment: nothing needs to be hidden.
        nats = F.ctc_loss(
            log_probabilities.transpose(0, 1), targets.clamp(min=0), steps, target_lengths.cpu(), self.blank, "sum",
            zero_infinity=False,
        )  # fmt: skip
        return nats / target_lengths.sum().clamp_min(1)


def _check_alignable(targets: Tensor, target_lengths: Tensor, steps: Tensor) -> None:
    """Raise `DataError` where a target needs more steps than its row has."""
    rows = [row[:count] for row, count in zip(targets.tolist(), target_lengths.tolist(), strict=True)]
    short = misfits(rows, steps.tolist())
    if short:
        first = short[0]
        symbols = len(rows[first.row])
        raise DataError(
            f"{len(short)} of {len(steps)} rows are too short for their target, the first one row {first.row}: "
            f"{first.frames} steps for {symbols} symbols and {first.needed - symbols} blanks between equal "
            f"ones. Leave these rows out, or give the network more steps. Rows: {_some([each.row for each in short])}."
        )


def _some(rows: list[int]) -> str:
    shown = ", ".join(map(str, rows[:10]))
    return f"{shown}, ..." if len(rows) > 10 else shown
