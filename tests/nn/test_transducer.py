from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import transducers
from elman.data import SequenceBatch
from elman.decoding import transducer_loss
from elman.errors import DataError
from elman.nn.transducer import TransducerNetwork
from tolerances import FLOAT32_RECURRENCE

every_shape = pytest.mark.parametrize("changes", transducers.SHAPES.values(), ids=transducers.SHAPES)
LENGTHS = torch.tensor([9, 4, 1])
TARGETS = torch.tensor([[0, 2, 2], [1, -1, -1], [-1, -1, -1]])


def network(changes: dict[str, Any]) -> TransducerNetwork:
    torch.manual_seed(0)
    return TransducerNetwork(transducers.shape(**changes), backend="reference")


def frames() -> Tensor:
    return torch.randn(3, 9, 4, generator=torch.Generator().manual_seed(0))


@every_shape
def test_the_parameters_are_those_of_the_shape(changes: dict[str, Any]) -> None:
    made = network(changes)
    found = {name: tuple(value.shape) for name, value in made.state_dict().items()}
    assert found == made.shape.parameter_shapes()


@every_shape
def test_the_loss_is_that_of_each_row_alone(changes: dict[str, Any]) -> None:
    made = network(changes)
    batch = SequenceBatch(inputs=frames(), lengths=LENGTHS, targets=TARGETS)
    loss = made.loss(made(batch), batch)
    total = 0.0
    for row, length in enumerate(LENGTHS.tolist()):
        target = TARGETS[row][TARGETS[row] >= 0]
        alone = SequenceBatch(inputs=frames()[row : row + 1, :length], targets=target[None])
        lattice = made.log_probabilities(made(alone), alone)[0].detach().double().log_softmax(-1)
        assert len(lattice) == made.shape.encoder.kept(length)
        total += transducer_loss(lattice.numpy(), target.tolist()).nats
    assert loss.item() == pytest.approx(total / 4, rel=FLOAT32_RECURRENCE)


def test_padding_changes_neither_loss_nor_gradient() -> None:
    made, found = network({}), []
    for filling in (0.0, torch.nan):
        values = frames()
        for row, length in enumerate(LENGTHS.tolist()):
            values[row, length:] = filling
        made.zero_grad()
        batch = SequenceBatch(inputs=values, lengths=LENGTHS, targets=TARGETS)
        loss = made.loss(made(batch), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        found.append([loss.detach(), *(p.grad.clone() for p in made.parameters() if p.grad is not None)])
    assert len(found[0]) == 1 + len(list(made.parameters()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_it_learns_to_say_what_it_reads() -> None:
    """Steps of one of two kinds of frames, and a symbol for each run of them."""
    torch.manual_seed(0)
    made = network({"encoder": {"hidden_sizes": (12,)}})
    rates = torch.optim.Adam(made.parameters(), 0.02)
    rng = torch.Generator().manual_seed(1)
    targets = torch.randint(0, 2, (8, 3), generator=rng)
    inputs = torch.nn.functional.one_hot(targets, 4).float().repeat_interleave(3, 1)
    batch = SequenceBatch(inputs=inputs, targets=targets)
    first = made.loss(made(batch), batch).item()
    for _ in range(60):
        rates.zero_grad()
        loss = made.loss(made(batch), batch)
        loss.backward()  # type: ignore[no-untyped-call]
        rates.step()
    assert loss.item() < first / 4


def test_a_batch_without_transcripts() -> None:
    with pytest.raises(DataError, match="needs the transcripts as targets"):
        network({}).loss(torch.zeros(3, 9, 6), SequenceBatch(inputs=frames()))
