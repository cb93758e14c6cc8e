from __future__ import annotations

import pytest
import torch
from torch import Tensor

import tolerances
from elman.nn import TorchOps
from elman.nn.attention.base import masked_softmax
from elman.nn.loops import Looks, LoopOps, Products

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


@pytest.mark.parametrize("biased", [False, True])
def test_the_gradient_of_a_weight_is_that_of_all_products(biased: bool) -> None:
    torch.manual_seed(0)
    weight, bias, x = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in ((3, 3), (3,), (4, 3)))
    given = [weight, x, *[bias] * biased]
    product = Products(weight, bias if biased else None)
    found, expected = x, x
    for _ in range(3):
        found = torch.tanh(product(found))
        expected = torch.tanh(torch.nn.functional.linear(expected, weight, bias if biased else None))
    torch.testing.assert_close(found, expected)
    pairs = (torch.autograd.grad(each.sin().sum(), given) for each in (found, expected))
    for one, other in zip(*pairs, strict=True):
        torch.testing.assert_close(one, other)


def test_other_products_stay_as_they_are() -> None:
    torch.manual_seed(0)
    matrix, x, bias = torch.randn(4, 2, requires_grad=True), torch.randn(3, 4), torch.randn(4)
    ops, plain = LoopOps([matrix]), TorchOps()
    for arguments in ((x[:, :2], matrix), (x[:, :2], matrix, bias), (x, matrix, None, 2), (x[:, :2], matrix * 2)):
        torch.testing.assert_close(ops.linear(*arguments), plain.linear(*arguments))


def test_products_under_autocast_are_rounded_and_keep_their_type() -> None:
    torch.manual_seed(0)
    weight, bias, x = torch.randn(4, 2, requires_grad=True), torch.randn(4, requires_grad=True), torch.randn(3, 2)
    with torch.autocast("cpu", torch.bfloat16):
        found = Products(weight, bias)(x)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.nn.functional.linear(x, weight, bias), atol=tolerances.BFLOAT16, rtol=0.02)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert bias.grad is not None
    assert weight.grad.dtype == bias.grad.dtype == torch.float32
