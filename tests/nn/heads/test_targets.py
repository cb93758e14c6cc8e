"""What every head must do with lengths and padding, whatever it computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from elman.errors import DataError
from elman.nn import AdaptiveSoftmaxHead, CRFHead, CTCHead, MixtureDensityHead, PenHead, TransducerHead, heads
from tolerances import BFLOAT16, FLOAT64_RECURRENCE

BATCH, TIME, FEATURES = 3, 6, 4
LENGTHS = torch.tensor([6, 1, 4])


class Row(NamedTuple):
    """A head, and targets for a batch."""

    head: Callable[[], nn.Module]
    targets: Callable[[], Tensor]
    weight: Callable[[Tensor], int]
    """By how much a loss over these lengths is divided."""


def symbols() -> Tensor:
    return torch.randint(5, (BATCH, TIME))


def numbers(size: int) -> Callable[[], Tensor]:
    return lambda: torch.rand(BATCH, TIME, size, dtype=torch.float64).round(decimals=1)


ROWS = {
    "adaptive softmax": Row(lambda: AdaptiveSoftmaxHead(FEATURES, 5, [2, 4], shrink=2), symbols, Tensor.sum),
    "mixture density": Row(lambda: MixtureDensityHead(FEATURES, 2, 3), numbers(2), Tensor.sum),
    "pen": Row(lambda: PenHead(FEATURES, 3), lambda: numbers(3)().round(), Tensor.sum),
    "ctc": Row(lambda: CTCHead(FEATURES, 5), lambda: torch.tensor([[1, 2, 2], [3, 0, 0], [0, 4, 0]]), len),
    "transducer": Row(lambda: TransducerHead(FEATURES, 2, 5), lambda: torch.tensor([[1, 2], [3, 0], [0, 4]]), len),
    "crf": Row(lambda: CRFHead(FEATURES, 5), symbols, Tensor.sum),
}
#: Their targets are transcripts, of one symbol in each row.
TRANSCRIPTS = ("ctc", "transducer")
every_head = pytest.mark.parametrize("name", ROWS)


def loss(head: nn.Module, features: Tensor, targets: Tensor, lengths: Tensor | None) -> Tensor:
    if isinstance(head, CTCHead):
        found: Tensor = head.loss(features, targets, torch.ones(len(features), dtype=torch.int64), lengths)
    elif isinstance(head, TransducerHead):
        predictions = torch.arange(6).sin().to(features).reshape(3, 2).expand(len(features), 3, 2)
        found = head.loss(features, predictions, targets, torch.ones(len(features), dtype=torch.int64), lengths)
    else:
        found = head.loss(features, targets, lengths)
    return found


def example(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    head = ROWS[name].head().double()
    for parameter in head.parameters():
        nn.init.normal_(parameter, std=0.3)
    return head, torch.randn(BATCH, TIME, FEATURES, dtype=torch.float64), ROWS[name].targets()


def test_every_public_head_has_a_row() -> None:
    kinds = {name for name in heads.__all__ if name.endswith("Head")}
    assert {type(row.head()).__name__ for row in ROWS.values()} == kinds


@every_head
def test_the_loss_of_a_batch_is_the_mean_over_its_rows_alone(name: str) -> None:
    head, features, targets = example(name)
    whole = loss(head, features, targets, LENGTHS)
    total = 0.0
    for row, length in enumerate(LENGTHS.tolist()):
        own = targets[row : row + 1] if name in TRANSCRIPTS else targets[row : row + 1, :length]
        weight = 1 if name in TRANSCRIPTS else length
        total += weight * loss(head, features[row : row + 1, :length], own, None).item()
    weights = ROWS[name].weight(LENGTHS)
    assert whole.item() == pytest.approx(total / int(weights), rel=FLOAT64_RECURRENCE)


@every_head
def test_padding_changes_neither_loss_nor_gradient(name: str) -> None:
    head, features, targets = example(name)
    found = []
    for filling in (0.0, torch.nan, torch.inf):
        padded, beyond = features.clone(), targets.clone()
        for row, length in enumerate(LENGTHS.tolist()):
            padded[row, length:] = filling
            if name not in TRANSCRIPTS:
                beyond[row, length:] = -1 if targets.dtype == torch.int64 else filling
        leaf = padded.requires_grad_()
        value = loss(head, leaf, beyond, LENGTHS)
        found.append([value, *torch.autograd.grad(value, [leaf, *head.parameters()])])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert torch.equal(one, other)
    assert not found[0][1][1, 1:].any()


@every_head
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    head, features, targets = example(name)

    def function(x: Tensor, *parameters: Tensor) -> Tensor:
        return loss(head, x, targets, LENGTHS)

    assert torch.autograd.gradcheck(function, (features.requires_grad_(), *head.parameters()))


@every_head
def test_shapes_and_lengths_that_do_not_fit(name: str) -> None:
    head, features, targets = example(name)
    with pytest.raises(DataError, match=r"features must be \(batch, time, features\), found the shape \(6, 4\)"):
        loss(head, features[0], targets, None)
    with pytest.raises(DataError, match=r"lengths must be 3 whole numbers from 1 to 6"):
        loss(head, features, targets, torch.tensor([7, 1, 1]))
    with pytest.raises(DataError, match=r"targets must be"):
        loss(head, features, targets[:2], None)
    with pytest.raises(DataError, match=r"targets must be"):
        loss(head, features, targets[..., 0], None)


@pytest.mark.parametrize("name", ["adaptive softmax", *TRANSCRIPTS, "crf"])
def test_symbols_that_do_not_exist(name: str) -> None:
    head, features, targets = example(name)
    with pytest.raises(DataError, match=r"targets must be numbers from 0 to 4, found \d to 7"):
        loss(head, features, targets.index_fill(1, torch.tensor([0]), 7), LENGTHS)


@every_head
def test_under_autocast_losses_are_float32(name: str) -> None:
    head, features, targets = example(name)
    head, features = head.float(), features.float()
    targets = targets if targets.dtype == torch.int64 else targets.float()
    expected = loss(head, features, targets, LENGTHS)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(head, features, targets, LENGTHS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=BFLOAT16, atol=BFLOAT16)
    found.backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in head.parameters() if parameter.grad is not None)


@every_head
def test_lookahead_is_stated(name: str) -> None:
    assert ROWS[name].head().lookahead == (None if name == "crf" else 0)


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_heads_with_a_blank_begin_with_it(name: str) -> None:
    head = ROWS[name].head()
    scores = head.linear if isinstance(head, CTCHead) else head.output
    assert isinstance(scores, nn.Linear)
    probabilities = scores(torch.zeros(4)).softmax(-1)
    assert 0.8 < probabilities[-1] < 0.97
    assert (probabilities[:-1] > 0.001).all()
