"""Transducer head: symbols for a sequence as it comes, each after those that were said before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from elman.errors import DataError
from elman.nn.cross_entropy import exact
from elman.nn.heads.targets import begin_with_blanks, check_features, check_transcripts
from elman.nn.padding import valid_steps, without_padding

#: Numbers of the joint network, hidden or scores, that are held at a time: few enough to stay in a core's cache.
NUMBERS_AT_ONCE = 2**18


@final
class TransducerHead(nn.Module):
    r"""The joint network of a recurrent neural network transducer, and its loss.

    With the features f of an encoder at frame t, and g of a prediction network after u symbols,

    .. math::
        p(k \mid t, u) = \mathrm{softmax}(W \tanh(f_t + B g_u) + b)_k

    over the symbols and a blank. At frame t, after u symbols, a symbol leads on to u + 1 at the same frame, the blank
    to the next frame, and that of the last frame ends; p(y | x) is the sum over all ways to say y. Any number of
    symbols may be said at a frame, so that every target has a way.

    Args:
        features: Features of the encoder, which are also the units of the joint network. A linear layer is to make
            them: it is that of the joint network for the encoder.
        predicted: Features of the prediction network.
        symbols: Symbols, 0 to symbols - 1; the blank comes behind them and has the number ``symbols``.

    Lookahead is 0. At first the blank is by far the most probable, see `elman.nn.heads.targets.begin_with_blanks`.

    Source: Graves, "Sequence transduction with recurrent neural networks", ICML workshop, arXiv 1211.3711, 2012; the
    joint network with a hidden layer: Graves et al., "Speech recognition with deep recurrent neural networks", ICASSP
    2013, section 2.2.

    >>> head = TransducerHead(8, 5, symbols=26)
    >>> head(torch.zeros(2, 7, 8), torch.zeros(2, 4, 5)).shape
    torch.Size([2, 7, 4, 27])
    """

    lookahead = 0

    def __init__(self, features: int, predicted: int, symbols: int) -> None:
        super().__init__()
        self.blank = symbols
        self.prediction = nn.Linear(predicted, features, bias=False)
        self.output = nn.Linear(features, symbols + 1)
        begin_with_blanks(self.output)

    def forward(self, features: Tensor, predictions: Tensor) -> Tensor:
        """The ln p of symbols and blank (batch, time, U + 1, symbols + 1), at each frame after each number of symbols.

        Args:
            features: Of the encoder, (batch, time, features).
            predictions: Of the prediction network before any symbol and after each of U, (batch, U + 1, predicted).
        """
        hidden = torch.tanh(features[:, :, None] + self.prediction(predictions)[:, None])
        return exact(self.output(hidden)).log_softmax(-1)

    def loss(
        self,
        features: Tensor,
        predictions: Tensor,
        targets: Tensor,
        target_lengths: Tensor,
        lengths: Tensor | None = None,
    ) -> Tensor:
        r"""-ln p(target), in nats, of all rows, divided by the number of their symbols.

        The sums over all ways run over the diagonals t + u of all rows at once, in float64. Of the loss the derivatives
        after ln p of the blank and of the next symbol are minus the probabilities that a way takes them at a place, see
        `elman.decoding.transducer_loss`, which this equals. ln p is made for a part of the places at a time, once for
        the sums and once for the gradient, and never held as a whole. The gradient can be taken once.

        Args:
            features: Of the encoder, (batch, time, features).
            predictions: Of the prediction network, (batch, U + 1, predicted).
            targets: (batch, U) int64; what stands beyond a target's length does not matter.
            target_lengths: Symbols of every target, (batch,); 0 for a target without any.
            lengths: Valid frames per row, (batch,).

        Returns:
            A scalar: float32 (float64 for float64 features).

        Raises:
            DataError: A shape, a length or a symbol does not fit.
        """
        target_lengths = torch.as_tensor(target_lengths, device=targets.device)
        rows = _rows(features, predictions, targets, target_lengths, lengths, self.blank)
        said = valid_steps(predictions, target_lengths + 1)
        projected = self.prediction(without_padding(predictions, said))
        with torch.autocast(features.device.type, enabled=False):
            nats: Tensor = _Loss.apply(  # type: ignore[no-untyped-call]
                exact(features), exact(projected), exact(self.output.weight), exact(self.output.bias), targets, rows
            )
        return nats / max(1, sum(symbols for _, symbols in rows))


def _rows(
    features: Tensor,
    predictions: Tensor,
    targets: Tensor,
    target_lengths: Tensor,
    lengths: Tensor | None,
    symbols: int,
) -> list[tuple[int, int]]:
    """Frames and symbols of every row. Raises `DataError` for what does not fit."""
    check_features(features)
    valid_steps(features, lengths)
    batch, time = features.shape[:2]
    check_transcripts(targets, target_lengths, batch, symbols)
    most = targets.shape[1]
    if predictions.shape[:-1] != (batch, most + 1):
        raise DataError(
            f"predictions must be ({batch}, {most + 1}, predicted), before any symbol and after each of {most}, found "
            f"the shape {tuple(predictions.shape)}."
        )
    frames = [time] * batch if lengths is None else lengths.tolist()
    return list(zip(frames, target_lengths.tolist(), strict=True))


class _Loss(torch.autograd.Function):
    """The sum of -ln p over all rows; its gradient is made along with it."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        predictions: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        rows: list[tuple[int, int]],
    ) -> Tensor:
        lattice = _Lattice.empty(rows)
        for piece in _pieces(features, predictions, weight, bias, targets, rows):
            blank, said = lattice.places(piece.row)
            blank[piece.frames] = piece.log_probabilities[..., -1]
            said[piece.frames, :-1] = piece.log_probabilities[:, :-1].gather(2, piece.symbols)[..., 0]
        nats = lattice.solve()
        if any(ctx.needs_input_grad):
            gradient = [torch.zeros_like(each) for each in (features, predictions, weight, bias)]
            for piece in _pieces(features, predictions, weight, bias, targets, rows):
                piece.add_gradient(lattice.places(piece.row), weight, gradient)
            ctx.save_for_backward(*gradient)
        return nats.sum().to(features)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        return (*(each * upstream for each in ctx.saved_tensors), None, None)


class _Piece(NamedTuple):
    """Some frames of a row: the hidden layer (n, U + 1, features) of the joint network, and ln p (n, U + 1, ...).

    ``symbols`` (n, U, 1) are those of the target.
    """

    row: int
    frames: slice
    hidden: Tensor
    log_probabilities: Tensor
    symbols: Tensor

    def add_gradient(self, taken: tuple[Tensor, Tensor], weight: Tensor, gradient: list[Tensor]) -> None:
        """Add the gradient after features, predictions, weight and bias, given how probably each place is ``taken``.

        After the scores before softmax it is p_k times the probability to come by, less that to take k there.
        """
        blank, said = (each[self.frames].to(self.hidden) for each in taken)
        scores = self.log_probabilities.exp_().mul_((blank + said)[..., None])
        scores[..., -1] -= blank
        scores[:, :-1].scatter_add_(2, self.symbols, -said[:, :-1, None])
        scores, hidden = scores.flatten(0, 1), self.hidden.flatten(0, 1)
        of_features, of_predictions, of_weight, of_bias = gradient
        of_weight.addmm_(scores.T, hidden)
        of_bias += scores.sum(0)
        before_tanh: Tensor = torch.ops.aten.tanh_backward(scores @ weight, hidden)
        before_tanh = before_tanh.reshape(self.hidden.shape)
        of_features[self.row, self.frames] = before_tanh.sum(1)
        of_predictions[self.row, : before_tanh.shape[1]] += before_tanh.sum(0)


def _pieces(
    features: Tensor, predictions: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, rows: list[tuple[int, int]]
) -> Iterator[_Piece]:
    """All places of all rows, some frames at a time, without those of the padding."""
    for row, (time, count) in enumerate(rows):
        frames_at_once = max(1, NUMBERS_AT_ONCE // ((count + 1) * max(weight.shape)))
        for begin in range(0, time, frames_at_once):
            frames = slice(begin, min(begin + frames_at_once, time))
            hidden = (features[row, frames, None] + predictions[row, : count + 1]).tanh_()
            scores = torch.addmm(bias, hidden.flatten(0, 1), weight.T).log_softmax(-1)
            symbols = targets[row, :count, None].expand(len(hidden), count, 1)
            yield _Piece(row, frames, hidden, scores.reshape(*hidden.shape[:2], -1), symbols)


@final
class _Lattice:
    """Places (t, u) of all rows, laid out by diagonals: ``blank`` and ``said`` are (diagonals, batch, places).

    The place (t, u) of a row is number u of the diagonal t + u. What lies outside has ln p = -inf, but that a row which
    has ended waits there for nothing: so all rows end on the last diagonal. It lies in the main memory, in float64.
    """

    def __init__(self, blank: Tensor, said: Tensor, rows: list[tuple[int, int]]) -> None:
        self._blank, self._said, self._rows = blank, said, rows
        self._ends = torch.tensor([count for _, count in rows])

    @classmethod
    def empty(cls, rows: list[tuple[int, int]]) -> _Lattice:
        """Room for rows of so many frames and symbols."""
        places = 1 + max(count for _, count in rows)
        diagonals = max(time + count for time, count in rows)
        blank = torch.full((diagonals, len(rows), places), -torch.inf, dtype=torch.float64)
        said = blank.clone()
        for row, (time, count) in enumerate(rows):
            blank[time + count :, row, count] = 0
        return cls(blank, said, rows)

    def places(self, row: int) -> tuple[Tensor, Tensor]:
        """Views of ``blank`` and ``said`` of a row by frame and symbols said, (time, U + 1)."""
        time, count = self._rows[row]
        diagonal, of_row, _ = self._blank.stride()
        layout = (time, count + 1), (diagonal, diagonal + 1), row * of_row
        return self._blank.as_strided(*layout), self._said.as_strided(*layout)

    def solve(self) -> Tensor:
        """-ln p of each row; ``blank`` and ``said`` then hold how probably a way goes there."""
        blank, said = self._blank, self._said
        alpha = torch.full((len(blank) + 1, *blank.shape[1:]), -torch.inf, dtype=torch.float64)
        beta = alpha.clone()
        rows = torch.arange(len(self._rows))
        alpha[0, :, 0] = beta[-1, rows, self._ends] = 0
        for d in range(len(blank)):
            torch.add(alpha[d], blank[d], out=alpha[d + 1])
            later = alpha[d + 1, :, 1:]
            torch.logaddexp(later, (alpha[d] + said[d])[:, :-1], out=later)
        for d in reversed(range(len(blank))):
            torch.add(beta[d + 1], blank[d], out=beta[d])
            earlier = beta[d, :, :-1]
            torch.logaddexp(earlier, said[d, :, :-1] + beta[d + 1, :, 1:], out=earlier)
        nats = -alpha[-1, rows, self._ends]
        before = alpha[:-1] + nats[:, None]
        blank.add_(before).add_(beta[1:]).exp_()
        said.add_(before)[..., :-1] += beta[1:, :, 1:]
        said.exp_()
        return nats
