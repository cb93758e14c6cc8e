"""Finds the layer in which NaN or infinity first appears."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from elman.training.problem import tensors_in


def is_finite(tree: Any) -> bool:
    """Whether every floating-point tensor of a nested structure is free of NaN and infinity."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors_in(tree) if tensor.is_floating_point())


def find_nonfinite(module: nn.Module, compute: Callable[[], Tensor]) -> str:
    """Say in words where NaN or infinity first appears in ``module``.

    Looked at in this order: the parameters, the outputs of the layers while ``compute`` runs the failing
    batch again and returns its loss, the loss, and the gradients from the last layer to the first.
    """
    for name, parameter in module.named_parameters():
        if not is_finite(parameter):
            return f"layer '{_layer(name)}' (its parameter {name})"
    layer, loss = _first_output(module, compute)
    if layer is not None:
        return f"layer '{layer}' (its output)"
    if not is_finite(loss):
        return "the loss itself (every layer's output is finite)"
    module.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    for name, parameter in reversed(list(module.named_parameters())):
        if parameter.grad is not None and not is_finite(parameter.grad):
            return f"layer '{_layer(name)}' (the gradient of {name})"
    return "no layer when run again (it may be an overflow of the sum of squared gradients)"


def _first_output(module: nn.Module, compute: Callable[[], Tensor]) -> tuple[str | None, Tensor]:
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(_module: nn.Module, _inputs: Any, outputs: Any) -> None:
            if not found and not is_finite(outputs):
                found.append(name)

        return hook

    # Inner modules finish first, so the first hit is the innermost layer.
    handles = [part.register_forward_hook(watch(name or _kind(module))) for name, part in module.named_modules()]
    try:
        loss = compute()
    finally:
        for handle in handles:
            handle.remove()
    return (found[0] if found else None), loss


def _layer(parameter: str) -> str:
    return parameter.rpartition(".")[0] or parameter


def _kind(module: nn.Module) -> str:
    return type(module).__name__
