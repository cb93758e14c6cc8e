from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elman.nn.attention.base import masked_softmax
from elman.nn.looks import Looks

OUTSIDE = torch.tensor([[False] * 4, [False, True, True, True]])


def attended(inputs: list[Tensor], additive: bool) -> tuple[Tensor, Tensor]:
    """Three looks in a row, each of which depends on the one before."""
    keys, values, query, score = inputs
    looks = Looks(keys, values, OUTSIDE, score if additive else None)
    seen = torch.zeros_like(keys[:, :, 0])
    for _ in range(3):
        context, weights = looks(query, 0.7 * seen)
        seen = seen + weights
        query = torch.tanh(query + context)
    return query, seen


def plainly(inputs: list[Tensor], additive: bool) -> tuple[Tensor, Tensor]:
    keys, values, query, score = inputs
    seen = torch.zeros_like(keys[:, :, 0])
    for _ in range(3):
        fits = torch.tanh(keys + query[:, None]) @ score if additive else (keys * query[:, None]).sum(2)
        weights = masked_softmax(fits + 0.7 * seen, ~OUTSIDE)
        seen = seen + weights
        query = torch.tanh(query + (weights[..., None] * values).sum(1))
    return query, seen


def inputs() -> list[Tensor]:
    torch.manual_seed(0)
    sizes = [(2, 4, 3), (2, 4, 3), (2, 3), (3,)]
    return [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]


@pytest.mark.parametrize("additive", [False, True])
def test_looks_are_the_equations_of_attention(additive: bool) -> None:
    given = inputs()
    torch.testing.assert_close(attended(given, additive), plainly(given, additive))


@pytest.mark.parametrize("additive", [False, True])
def test_the_gradient_of_the_memory_is_that_of_all_looks(additive: bool) -> None:
    given = inputs()[: 4 if additive else 3]
    found, expected = (
        torch.autograd.grad(sum(part.sin().sum() for part in of([*given, given[-1]][:4], additive)), given)  # type: ignore[arg-type]
        for of in (attended, plainly)
    )
    torch.testing.assert_close(found, expected)


def test_a_memory_may_be_fixed_and_looks_may_be_left_out() -> None:
    keys, values, query, _ = inputs()
    looks = Looks(keys.detach(), values.detach(), None)
    looks(query)
    context, weights = looks(query)
    context.sum().backward()  # type: ignore[no-untyped-call]
    assert query.grad is not None
    torch.testing.assert_close(weights.sum(1), torch.ones_like(weights[:, 0]))


def test_without_gradients_it_only_looks() -> None:
    keys, values, query, _ = inputs()
    with torch.no_grad():
        context, _ = Looks(keys, values, None)(query)
    assert not context.requires_grad
