"""Pooling over time: one vector for a whole sequence.

Every pool is called as ``pooled, state = pool(inputs, state, lengths=lengths)``: inputs (batch, time, features) give
(batch, features), and the state is what is needed to go on, so that a sequence may come in parts: ``pooled`` is then
that of all steps so far. Lookahead is 0: every step is used when it arrives.

What stands beyond a row's length changes nothing, in value or gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn

from elman.errors import DataError
from elman.nn.call import State
from elman.nn.padding import valid_steps, without_padding


class Pool(nn.Module, ABC):
    """What all pools have in common: the call."""

    lookahead = 0

    def forward(
        self, inputs: Tensor, state: Mapping[str, Tensor] | None = None, *, lengths: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Pool these steps, and those before them that ``state`` stands for.

        Args:
            inputs: (batch, time, features).
            state: What the call on the steps before returned; None at the beginning.
            lengths: Valid steps per row, (batch,), from 1 to time.

        Returns:
            What is pooled from all steps so far, (batch, features), and the state to go on with.

        Raises:
            DataError: A shape or a length does not fit.
        """
        if inputs.dim() != 3:
            raise DataError(f"inputs must be (batch, time, features), found the shape {tuple(inputs.shape)}.")
        valid = valid_steps(inputs, lengths)
        if valid is None:
            valid = torch.ones(inputs.shape[:2], dtype=torch.bool, device=inputs.device)
        found = self._pooled(without_padding(inputs, valid), valid)
        if state is not None:
            _check(state, found)
            found = self._joined(state, found)
        return next(iter(found.values())), found

    @abstractmethod
    def _pooled(self, inputs: Tensor, valid: Tensor) -> State:
        """The state after these steps alone, what is pooled first; ``valid`` (batch, time), padding is zero."""

    @abstractmethod
    def _joined(self, before: Mapping[str, Tensor], after: State) -> State:
        """The state after all steps, from those of the earlier and of the later ones."""


@final
class LastPool(Pool):
    """The last valid step of every row: ``x_T``.

    State: ``last`` (batch, features).

    >>> pooled, state = LastPool()(torch.tensor([[[1.0], [2.0], [3.0]]]), lengths=torch.tensor([2]))
    >>> pooled
    tensor([[2.]])
    """

    def _pooled(self, inputs: Tensor, valid: Tensor) -> State:
        last = valid.sum(1) - 1
        return {"last": inputs[torch.arange(len(last), device=last.device), last]}

    def _joined(self, before: Mapping[str, Tensor], after: State) -> State:
        return after


@final
class MeanPool(Pool):
    """The mean over the valid steps of every row: ``sum_t x_t / T``.

    State: ``mean`` (batch, features) and ``steps`` (batch, 1), whole numbers. The mean is carried on as a mean, not as
    a sum, so that it stays exact in a long stream.

    >>> pool = MeanPool()
    >>> pooled, state = pool(torch.tensor([[[1.0], [2.0]]]))
    >>> pool(torch.tensor([[[6.0]]]), state)
    (tensor([[3.]]), {'mean': tensor([[3.]]), 'steps': tensor([[3]])})
    """

    def _pooled(self, inputs: Tensor, valid: Tensor) -> State:
        steps = valid.sum(1, keepdim=True)
        return {"mean": inputs.sum(1) / steps, "steps": steps}

    def _joined(self, before: Mapping[str, Tensor], after: State) -> State:
        steps = before["steps"] + after["steps"]
        share = (after["steps"].double() / steps).to(after["mean"])
        return {"mean": torch.lerp(before["mean"], after["mean"], share), "steps": steps}


@final
class MaxPool(Pool):
    """The largest value of every feature over the valid steps of a row: ``max_t x_t``.

    State: ``highest`` (batch, features).

    >>> pooled, state = MaxPool()(torch.tensor([[[-1.0, 2.0], [-3.0, 5.0]]]))
    >>> pooled
    tensor([[-1.,  5.]])
    """

    def _pooled(self, inputs: Tensor, valid: Tensor) -> State:
        return {"highest": inputs.masked_fill(~valid[..., None], -torch.inf).amax(1)}

    def _joined(self, before: Mapping[str, Tensor], after: State) -> State:
        return {"highest": torch.maximum(before["highest"], after["highest"])}


@final
class AttentionPool(Pool):
    r"""A mean whose weights are learnt: the steps that matter count more.

    .. math::
        s_t &= v^\top \tanh(W x_t + b) \\
        y &= \sum_t \alpha_t x_t, \quad \alpha = \operatorname{softmax}(s)

    Args:
        features: Features of the inputs.
        size: Units of the hidden layer that scores a step.

    State: ``pooled`` (batch, features), ``highest`` score so far and ``total`` of exp(score - highest), (batch, 1)
    each: the softmax goes on with new steps without the old ones.

    Sources: Yang et al., "Hierarchical attention networks for document classification", NAACL 2016; the running
    softmax: Milakov & Gimelshein, arXiv:1805.02867, 2018.

    >>> pool = AttentionPool(4, size=8)
    >>> pooled, state = pool(torch.zeros(2, 7, 4))
    >>> pooled.shape
    torch.Size([2, 4])
    """

    def __init__(self, features: int, size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(features, size)
        self.score = nn.Linear(size, 1, bias=False)

    def weights(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """How much each step counts, (batch, time): the softmax of the scores, exactly 0 beyond a row's length."""
        valid = valid_steps(inputs, lengths)
        scores = self._scores(without_padding(inputs, valid))
        return (scores if valid is None else scores.masked_fill(~valid, -torch.inf)).softmax(1)

    def _scores(self, inputs: Tensor) -> Tensor:
        scores: Tensor = self.score(torch.tanh(self.hidden(inputs)))
        return scores.squeeze(-1)

    def _pooled(self, inputs: Tensor, valid: Tensor) -> State:
        scores = self._scores(inputs).masked_fill(~valid, -torch.inf)
        highest = scores.amax(1, keepdim=True)
        shares = torch.exp(scores - highest)
        total = shares.sum(1, keepdim=True)
        pooled = torch.bmm((shares / total)[:, None], inputs).squeeze(1)
        return {"pooled": pooled, "highest": highest, "total": total}

    def _joined(self, before: Mapping[str, Tensor], after: State) -> State:
        highest = torch.maximum(before["highest"], after["highest"])
        old = before["total"] * torch.exp(before["highest"] - highest)
        new = after["total"] * torch.exp(after["highest"] - highest)
        pooled = torch.lerp(before["pooled"], after["pooled"], new / (old + new))
        return {"pooled": pooled, "highest": highest, "total": old + new}


def _check(state: Mapping[str, Tensor], expected: State) -> None:
    for name, value in expected.items():
        found = tuple(state[name].shape) if name in state else "nothing"
        if found != tuple(value.shape):
            raise DataError(f"state['{name}'] must be {tuple(value.shape)}, found {found}.")
