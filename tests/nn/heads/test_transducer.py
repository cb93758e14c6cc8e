from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.decoding import transducer_loss
from elman.errors import DataError
from elman.nn import TransducerHead
from elman.nn.heads import transducer
from tolerances import FLOAT32_GRADIENT, FLOAT64_RECURRENCE

SYMBOLS, FEATURES, PREDICTED = 3, 4, 5


def rows_of(batch: int, time: int, most: int, seed: int = 0) -> tuple[TransducerHead, list[torch.Tensor]]:
    """A head, and features and predictions of its rows, in float64."""
    torch.manual_seed(seed)
    head = TransducerHead(FEATURES, PREDICTED, SYMBOLS).double()
    sizes = (batch, time, FEATURES), (batch, most + 1, PREDICTED)
    return head, [torch.randn(*size, dtype=torch.float64, requires_grad=True) for size in sizes]


def expected(
    head: TransducerHead, inputs: list[torch.Tensor], targets: list[list[int]], lengths: list[int]
) -> torch.Tensor:
    """The loss by the reference over the lattice of each row, which is tested by enumeration; torch does the rest."""
    total = torch.zeros((), dtype=torch.float64)
    for row, (target, length) in enumerate(zip(targets, lengths, strict=True)):
        log_probabilities = head(inputs[0][row : row + 1, :length], inputs[1][row : row + 1, : len(target) + 1])[0]
        loss = transducer_loss(log_probabilities.detach().numpy(), target)
        gradient = torch.from_numpy(loss.gradient)
        # Of the right value and the right derivative.
        total = total + loss.nats + (gradient * (log_probabilities - log_probabilities.detach())).sum()
    return total / max(1, sum(map(len, targets)))


def gradients(loss: torch.Tensor, head: TransducerHead, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(loss, [*inputs, *head.parameters()])


@given(data=st.data(), batch=st.integers(1, 3), time=st.integers(1, 5), numbers=st.sampled_from([1, 40, 10**6]))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_value_and_gradient_are_those_of_the_reference(
    data: st.DataObject, batch: int, time: int, numbers: int
) -> None:
    """Rows of any lengths, in pieces of any size."""
    symbols = st.lists(st.integers(0, SYMBOLS - 1), max_size=4)
    chosen = [data.draw(symbols) for _ in range(batch)]
    lengths = [data.draw(st.integers(1, time)) for _ in range(batch)]
    most = max(map(len, chosen))
    targets = torch.tensor([target + [-1] * (most - len(target)) for target in chosen], dtype=torch.int64)
    head, inputs = rows_of(batch, time, most)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transducer, "NUMBERS_AT_ONCE", numbers)
        found = head.loss(
            *inputs, targets.reshape(batch, most), torch.tensor([*map(len, chosen)]), torch.tensor(lengths)
        )
    wanted = expected(head, inputs, chosen, lengths)
    torch.testing.assert_close(found, wanted, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)
    pairs = zip(gradients(found, head, inputs), gradients(wanted, head, inputs), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def test_the_gradient_is_the_derivative() -> None:
    head, inputs = rows_of(2, 4, 3)
    targets, counts, lengths = torch.tensor([[0, 2, 2], [1, -1, -1]]), torch.tensor([3, 1]), torch.tensor([3, 4])
    # A parameter is changed in place where gradcheck looks at what a step in it does.
    given = (*inputs, *head.parameters())
    assert torch.autograd.gradcheck(lambda *_: head.loss(*inputs, targets, counts, lengths), given)


def test_what_stands_beyond_the_lengths_changes_nothing() -> None:
    head, inputs = rows_of(2, 4, 3)
    targets, counts, lengths = torch.tensor([[0, 2, 2], [1, 0, 0]]), torch.tensor([3, 1]), torch.tensor([2, 4])
    found = []
    for beyond in (0.0, torch.nan):
        with torch.no_grad():
            inputs[0][0, 2:], inputs[1][1, 2:] = beyond, beyond
            targets[1, 1:] = int(beyond == 0) - 1
        loss = head.loss(*inputs, targets, counts, lengths)
        found.append((loss, *gradients(loss, head, inputs)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_long_rows_in_float32_are_near_those_in_float64() -> None:
    head, inputs = rows_of(1, 300, 80)
    targets, counts = torch.randint(0, SYMBOLS, (1, 80)), torch.tensor([80])
    exact = head.loss(*inputs, targets, counts)
    wanted = gradients(exact, head, inputs)
    head.float()
    inputs = [each.detach().float().requires_grad_() for each in inputs]
    found = head.loss(*inputs, targets, counts)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=FLOAT32_GRADIENT, atol=0)
    for one, other in zip(gradients(found, head, inputs), wanted, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=FLOAT32_GRADIENT, atol=FLOAT32_GRADIENT)


def test_without_a_gradient_the_loss_is_the_same() -> None:
    head, inputs = rows_of(1, 4, 2)
    given = (*inputs, torch.tensor([[0, 1]]), torch.tensor([2]))
    loss = head.loss(*given)
    with torch.no_grad():
        assert head.loss(*given) == loss


def test_what_does_not_fit() -> None:
    head, (features, predictions) = rows_of(2, 4, 3)
    targets, counts = torch.zeros(2, 3, dtype=torch.int64), torch.tensor([3, 1])
    with pytest.raises(DataError, match=r"targets must be \(2, symbols\) with 2 target_lengths"):
        head.loss(features, predictions, targets, counts[:1])
    with pytest.raises(DataError, match=r"predictions must be \(2, 4, predicted\), .* found the shape \(2, 3, 5\)"):
        head.loss(features, predictions[:, 1:], targets, counts)
    with pytest.raises(DataError, match="target_lengths must be from 0 to 3"):
        head.loss(features, predictions, targets, counts + 1)
    with pytest.raises(DataError, match="targets must be numbers from 0 to 2, found 0 to 3"):
        head.loss(features, predictions, targets + 3 * (torch.arange(3) == 0), counts)
    with pytest.raises(DataError, match=r"features must be \(batch, time, features\)"):
        head.loss(features[0], predictions, targets, counts)
