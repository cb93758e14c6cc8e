from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from elman.training.nonfinite import find_nonfinite, is_finite


@dataclass(frozen=True)
class Output:
    logits: Tensor
    state: dict[str, Tensor] | None = None


def test_nested_values_are_looked_through() -> None:
    good, bad = torch.ones(2), torch.tensor([1.0, math.nan])
    assert is_finite([good, {"a": (good, None, 3)}, Output(good), torch.tensor([1, 2])])
    assert not is_finite([good, {"a": (good, bad)}])
    assert not is_finite(Output(good, {"hidden": bad}))


class Stack(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
        self.recurrent = nn.LSTM(2, 2)

    def forward(self, inputs: Tensor) -> Output:
        return Output(self.recurrent(self.inner(inputs))[0])


def break_parameter(stack: Stack, name: str) -> None:
    with torch.no_grad():
        stack.get_parameter(name)[..., :1] = math.inf


@pytest.mark.parametrize("name", ["inner.2.bias", "recurrent.weight_hh_l0"])
def test_a_broken_parameter_is_named(name: str) -> None:
    stack = Stack()
    break_parameter(stack, name)
    found = find_nonfinite(stack, lambda: stack(torch.ones(3, 2)).logits.sum())
    assert found == f"layer '{name.rpartition('.')[0]}' (its parameter {name})"


def huge(stack: Stack) -> None:
    for name in ("inner.0.weight", "inner.2.weight"):
        nn.init.constant_(stack.get_parameter(name), 1e30)


def find(stack: Stack, loss: Callable[[Output], Tensor]) -> str:
    return find_nonfinite(stack, lambda: loss(stack(torch.ones(3, 2))))


def test_the_first_layer_whose_output_overflows_is_named() -> None:
    stack = Stack()
    huge(stack)
    assert find(stack, lambda output: output.logits.sum()) == "layer 'inner.2' (its output)"


def test_the_loss_itself_or_a_gradient_is_named() -> None:
    assert "the loss itself" in find(Stack(), lambda output: output.logits.sum() / 0)
    found = find(Stack(), lambda output: (output.logits * 0).sqrt().sum())
    assert found.startswith("layer 'recurrent' (the gradient of recurrent.")
    assert "no layer when run again" in find(Stack(), lambda output: output.logits.sum())


def test_no_hook_is_left_behind() -> None:
    stack = Stack()
    find(stack, lambda output: output.logits.sum())
    assert not any(part._forward_hooks for part in stack.modules())
