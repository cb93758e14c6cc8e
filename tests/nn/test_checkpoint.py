from __future__ import annotations

import tracemalloc
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

import tolerances
from elman import cells
from elman.compiler import compiled_cell
from elman.compiler.memory import Memory
from elman.nn.unroll import unroll

BATCH, TIME = 4, 11
CLOSE = {"rtol": tolerances.FLOAT64_RECURRENCE, "atol": tolerances.FLOAT64_RECURRENCE}


def gradients(name: str, every: int, backend: str, **options: Any) -> dict[str, Tensor]:
    """Outputs, final states and gradients of a small layer."""
    torch.manual_seed(0)
    cell = cells.make(name, 3, 5)
    kinds = {"dtype": torch.float64, "requires_grad": True}
    params = {key: torch.randn(parameter.shape, **kinds) for key, parameter in cell.parameters().items()}
    state = {key: torch.randn(BATCH, size, **kinds) for key, size in cell.state_sizes.items()}
    initial = {key: torch.randn(size, **kinds) for key, size in cell.state_sizes.items()}
    inputs = torch.randn(BATCH, TIME, 3, **kinds)
    run = unroll(
        cell,
        params,
        inputs,
        state,
        initial=initial,
        backend=backend,
        checkpoint_every=every,
        all_states=True,
        **options,
    )
    values = {"outputs": run.outputs} | {f"last {key}": value for key, value in run.state.items()}
    values |= {f"every {key}": value for key, value in run.states.items()}
    total = sum((value * torch.randn(value.shape)).sum() for value in values.values())
    torch.as_tensor(total).backward()
    grads = {f"d {key}": tensor.grad for key, tensor in {**params, **state, "inputs": inputs}.items()}
    grads |= {f"d initial {key}": tensor.grad for key, tensor in initial.items() if tensor.grad is not None}
    return values | grads


@pytest.mark.parametrize("backend", ["compiled", "reference"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("cut", ["whole", "lengths", "resets", "both", "all end early"])
@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_parts_give_the_gradients_of_the_whole(name: str, cut: str, reverse: bool, backend: str) -> None:
    options: dict[str, Any] = {"reverse": reverse}
    if cut in ("lengths", "both"):
        options["lengths"] = torch.tensor([11, 2, 7, 4])
    if cut == "all end early":
        options["lengths"] = torch.tensor([8, 2, 7, 4])
    if cut in ("resets", "both", "all end early"):
        options["resets"] = torch.rand(BATCH, TIME, generator=torch.Generator().manual_seed(1)) < 0.4
    whole = gradients(name, 0, backend, **options)
    for every in (1, 4, 11):
        parts = gradients(name, every, backend, **options)
        assert parts.keys() == whole.keys()
        for key, value in whole.items():
            torch.testing.assert_close(parts[key], value, **CLOSE, msg=partial("{}: {}".format, key))


def test_parts_change_no_bit_where_torch_is_asked_for_that() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        whole, parts = (gradients("lstm", every, "compiled", lengths=torch.tensor([11, 2, 7, 4])) for every in (0, 3))
    finally:
        torch.use_deterministic_algorithms(False)
    # Gradients of parameters are sums over all rows, which parts take in another order.
    for key in ("outputs", "last hidden", "last cell", "d inputs", "d hidden", "d cell"):
        assert torch.equal(whole[key], parts[key]), key


def test_a_long_run_in_parts_takes_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cells.make("lstm", 16, 64)
    params = {key: torch.randn(p.shape).mul(0.1).requires_grad_() for key, p in cell.parameters().items()}
    inputs = torch.randn(8, 900, 16)
    peaks = []
    for every in (0, 30):
        monkeypatch.setattr(compiled_cell, "memory", Memory())
        tracemalloc.start()
        unroll(cell, params, inputs, backend="compiled", checkpoint_every=every).outputs.sum().backward()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] / 2
