"""CRF head: a label for every step, chosen together with its neighbours."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from elman.decoding.viterbi import viterbi
from elman.nn.cross_entropy import exact
from elman.nn.heads.targets import check_range, check_shape, counted


@final
class CRFHead(nn.Module):
    r"""A linear-chain conditional random field over a linear layer.

    .. math::
        s(x, y) &= a_{y_1} + \sum_{t=1}^T (W x_t + b)_{y_t} + \sum_{t=2}^T A_{y_{t-1} y_t} + z_{y_T} \\
        \log p(y \mid x) &= s(x, y) - \log \sum_{y'} \exp s(x, y')

    The sum over all sequences of labels goes step by step, in logarithms (the forward algorithm); in gradients it gives
    the probability of every label at every step.

    Args:
        features: Features of the input.
        labels: Labels, 0 to labels - 1.

    Parameters beside the linear layer: ``transitions`` A (from, to), ``start`` a and ``end`` z, (labels,) each; they
    begin at 0, where the head is a softmax at every step.

    Lookahead is None: the best label of a step depends on all others.

    Source: Lafferty, McCallum & Pereira, "Conditional random fields: probabilistic models for segmenting and labeling
    sequence data", ICML 2001.

    >>> head = CRFHead(8, labels=4)
    >>> [len(labels) for labels in head.decode(torch.zeros(2, 5, 8), torch.tensor([5, 2]))]
    [5, 2]
    """

    lookahead = None

    def __init__(self, features: int, labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, labels)
        self.transitions = nn.Parameter(torch.zeros(labels, labels))
        self.start = nn.Parameter(torch.zeros(labels))
        self.end = nn.Parameter(torch.zeros(labels))

    def forward(self, features: Tensor) -> Tensor:
        """Scores of every label by its step alone, (batch, time, labels), after features (batch, time, features)."""
        return exact(self.linear(features))

    def loss(self, features: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """-log p(targets), in nats, of all rows, divided by the number of their steps.

        Args:
            features: (batch, time, features).
            targets: (batch, time) int64; what stands beyond a row's length does not matter.
            lengths: Valid steps per row, (batch,).

        Raises:
            DataError: A shape, a length or a label does not fit.
        """
        valid = counted(features, targets, lengths)
        # Padding goes before the linear layer, where NaN would reach the gradients.
        return self.loss_of(self(features.masked_fill(~valid[..., None], 0)), targets, lengths)

    def loss_of(self, scores: Tensor, targets: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`loss` of scores (batch, time, labels) as `forward` gives them."""
        valid = counted(scores, targets, lengths)
        check_shape(targets, valid.shape)
        check_range(targets[valid], len(self.start))
        nats = self._log_total(scores, valid) - self._score(scores, targets.where(valid, 0), valid)
        return nats.sum() / valid.sum()

    def decode(self, features: Tensor, lengths: Tensor | None = None) -> list[NDArray[np.int64]]:
        """The most probable labels of every row, as many as its valid steps; features (batch, time, features)."""
        scores, *weights = (
            value.detach().double().cpu().numpy() for value in (self(features), self.transitions, self.start, self.end)
        )
        return viterbi(scores, *weights, lengths=None if lengths is None else torch.as_tensor(lengths).tolist())

    def _score(self, scores: Tensor, labels: Tensor, valid: Tensor) -> Tensor:
        """s(x, y) of given labels, (batch,)."""
        at_steps = scores.gather(2, labels[..., None]).squeeze(-1).where(valid, 0).sum(1)
        between = self.transitions[labels[:, :-1], labels[:, 1:]].where(valid[:, 1:], 0).sum(1)
        last = labels.gather(1, valid.sum(1, keepdim=True) - 1).squeeze(1)
        return self.start[labels[:, 0]] + at_steps + between + self.end[last]

    def _log_total(self, scores: Tensor, valid: Tensor) -> Tensor:
        """Logarithm of the sum of exp s(x, y') over all label sequences, (batch,).

        One step is a product with the powers of the transitions. In float64 what is 700 nats below the largest counts.
        """
        at_steps = scores.double()
        largest = self.transitions.detach().max().double()
        powers = torch.exp(self.transitions.double() - largest)
        so_far = self.start + at_steps[:, 0]
        for at_step, inside in zip(at_steps[:, 1:].unbind(1), valid[:, 1:].unbind(1), strict=True):
            top = so_far.detach().amax(1, keepdim=True)
            summed = (torch.exp(so_far - top) @ powers).clamp(min=torch.finfo(torch.float64).tiny)
            so_far = torch.where(inside[:, None], top + largest + summed.log() + at_step, so_far)
        return torch.logsumexp(so_far + self.end, 1).to(scores)
