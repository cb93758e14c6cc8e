from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from elman.errors import DataError, UsageError
from elman.nn import RTRL, Recurrent
from tolerances import FLOAT64_RECURRENCE

DIAGONAL = ["indrnn", "sru", "qrnn", "mingru", "minlstm", "hgrn", "lru", "rg_lru"]
TIME, BATCH = 7, 2


def pair(cell: str, **options: Any) -> tuple[Recurrent, nn.Linear]:
    torch.manual_seed(0)
    return Recurrent(cell, 3, 4, **options).double(), nn.Linear(4, 2).double()


def losses(outputs: Tensor, readout: nn.Module) -> Tensor:
    """One for each step (time, batch), not linear in the outputs."""
    return readout(outputs).tanh().square().sum(-1)


@pytest.mark.parametrize("cell", DIAGONAL)
def test_a_whole_sequence_gives_the_gradient_of_backpropagation_through_time(cell: str) -> None:
    layer, readout = pair(cell)
    x = torch.randn(BATCH, TIME, 3, dtype=torch.float64)
    parameters = [*layer.parameters(), *readout.parameters()]
    whole = losses(layer(x)[0], readout)
    expected = torch.autograd.grad(whole.sum(), parameters)
    stream = RTRL(layer, BATCH)
    for t in range(TIME):
        loss = losses(stream.step(x[:, t]), readout)
        torch.testing.assert_close(loss, whole[:, t].detach(), rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)
        loss.sum().backward()
    for parameter, gradient in zip(parameters, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def test_a_late_loss_alone_reaches_early_inputs() -> None:
    layer, readout = pair("qrnn", window=2)
    x = torch.randn(BATCH, TIME, 3, dtype=torch.float64)
    expected = torch.autograd.grad(losses(layer(x)[0][:, -1], readout).sum(), list(layer.parameters()))
    stream = RTRL(layer, BATCH)
    for t in range(TIME):
        output = stream.step(x[:, t])
    losses(output, readout).sum().backward()
    for parameter, gradient in zip(layer.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def test_streams_begin_anew_each_for_itself() -> None:
    layer, readout = pair("mingru", learn_initial_state=True)
    nn.init.normal_(layer.initial_hidden_l0)
    x = torch.randn(BATCH, TIME, 3, dtype=torch.float64)
    stream = RTRL(layer, BATCH)
    for t in range(4):
        stream.step(x[:, t])
    stream.reset(torch.tensor([False, True]))
    for t in range(4, TIME):
        losses(stream.step(x[:, t]), readout).sum().backward()
    found = layer.weight_ih_l0.grad
    parts = [losses(layer(x[:1])[0][:, 4:], readout), losses(layer(x[1:, 4:])[0], readout)]
    (expected,) = torch.autograd.grad(sum(part.sum() for part in parts), [layer.weight_ih_l0])
    torch.testing.assert_close(found, expected, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)
    stream.reset()
    assert torch.equal(stream.step(x[:, 0]), RTRL(layer, BATCH).step(x[:, 0]))


def test_memory_does_not_grow_and_nothing_is_kept_without_gradients() -> None:
    layer, _ = pair("lru")
    stream = RTRL(layer)

    def numbers() -> int:
        return sum(value.numel() for past in stream._past.values() for value in past.values())

    stream.step(torch.ones(1, 3, dtype=torch.float64))
    first = numbers()
    for _ in range(20):
        output = stream.step(torch.ones(1, 3, dtype=torch.float64))
    assert numbers() == first <= 2 * sum(parameter.numel() for parameter in layer.parameters())
    assert output.requires_grad
    with torch.no_grad():
        assert not stream.step(torch.ones(1, 3, dtype=torch.float64)).requires_grad


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru_before"])
def test_cells_whose_units_mix_are_refused(cell: str) -> None:
    with pytest.raises(UsageError, match=f"units do not mix .* those of {cell} do"):
        RTRL(Recurrent(cell, 3, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 2}, "one layer, found 2: the units of a stack mix"),
        ({"bidirectional": True}, "needs the whole sequence"),
        ({"clip": 1.0}, "as they are, found mingru with"),
        ({"weight_drop": 0.5}, "found mingru, weight_drop"),
    ],
)
def test_what_it_cannot_learn_is_refused_with_the_reason(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        RTRL(Recurrent("mingru", 3, 4, **options))


def test_products_in_heads_are_refused() -> None:
    with pytest.raises(UsageError, match="found one in 2 heads: take a diagonal cell"):
        RTRL(Recurrent("rnn", 3, 4, heads=2))


def test_cells_with_further_inputs_are_refused() -> None:
    with pytest.raises(UsageError, match="found cfc, elapsed"):
        RTRL(Recurrent("cfc", 3, 4))


def test_a_step_of_another_shape_is_an_error() -> None:
    with pytest.raises(DataError, match=r"x must be \(1, 3\), found \(2, 3\)"):
        RTRL(Recurrent("mingru", 3, 4)).step(torch.zeros(2, 3))
