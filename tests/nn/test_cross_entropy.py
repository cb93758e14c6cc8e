from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

import tolerances
from elman.nn import cross_entropy
from elman.nn.cross_entropy import linear_cross_entropy


def problem(rows: int, symbols: int, dtype: torch.dtype = torch.float64) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(rows * 100 + symbols)
    shapes = [(rows, 5), (symbols, 5), (symbols,)]
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


@given(st.integers(1, 12), st.integers(1, 9), st.data(), st.sampled_from([0, 1, 20, 2**20]), st.sampled_from([0, 0.2]))
@settings(max_examples=40, deadline=None)
def test_loss_and_gradients_are_those_of_torch(
    rows: int, symbols: int, data: st.DataObject, block: int, smoothing: float
) -> None:
    targets = torch.tensor(data.draw(st.lists(st.integers(-1, symbols - 1), min_size=rows, max_size=rows)))
    ours, theirs = problem(rows, symbols), problem(rows, symbols)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cross_entropy, "_BLOCK", block)
        loss = linear_cross_entropy(*ours, targets, smoothing=smoothing)
    counted = targets.ge(0).sum().clamp_min(1)
    logits = functional.linear(*theirs)
    nats = functional.cross_entropy(logits, targets, ignore_index=-1, reduction="sum", label_smoothing=smoothing)
    expected = nats / counted
    (3 * loss).backward()
    (3 * expected).backward()
    assert loss.item() == pytest.approx(expected.item(), rel=tolerances.ROUNDING, abs=tolerances.ROUNDING)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=tolerances.ROUNDING, atol=tolerances.ROUNDING)


def test_without_gradients_it_is_the_same_number() -> None:
    values = problem(7, 4)
    targets = torch.tensor([0, 1, 2, 3, -1, 2, 1])
    with torch.no_grad():
        quiet = linear_cross_entropy(*values, targets)
    assert quiet.item() == pytest.approx(linear_cross_entropy(*values, targets).item(), rel=tolerances.ROUNDING)


def test_huge_logits_do_not_overflow() -> None:
    features, weight, bias = problem(3, 4, torch.float32)
    loss = linear_cross_entropy(features * 1e4, weight, bias, torch.tensor([0, 1, 2]))
    loss.backward()
    assert loss.isfinite()
    assert weight.grad is not None
    assert weight.grad.isfinite().all()


def test_under_autocast_it_stays_close_and_gives_float32_gradients() -> None:
    exact, rounded = problem(50, 30, torch.float32), problem(50, 30, torch.float32)
    targets = torch.arange(50) % 30
    linear_cross_entropy(*exact, targets).backward()
    with torch.autocast("cpu", torch.bfloat16):
        linear_cross_entropy(*rounded, targets).backward()
    for one, other in zip(rounded, exact, strict=True):
        assert one.grad is not None
        assert other.grad is not None
        assert one.grad.dtype == torch.float32
        assert (one.grad - other.grad).norm() < tolerances.BFLOAT16 * other.grad.norm()
