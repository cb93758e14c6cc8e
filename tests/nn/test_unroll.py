from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from elman.cells import make
from elman.errors import DataError
from elman.nn import Recurrent, unroll
from tolerances import FLOAT32_RECURRENCE

CELL = make("gru", 3, 5)
PARAMS = dict(zip(CELL.parameters(), Recurrent(lambda *_: CELL, 3, 5).parameters(), strict=True))

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"lengths": torch.tensor([1, 8])}, "lengths must be 2 whole numbers from 1 to 7, found [1, 8]."),
    ({"lengths": torch.tensor([0, 7])}, "lengths must be 2 whole numbers from 1 to 7, found [0, 7]."),
    ({"lengths": torch.tensor([7])}, "lengths must be 2 whole numbers from 1 to 7, found [7]."),
    ({"resets": torch.zeros(7, 2)}, "resets must be (2, 7), as the inputs, found (7, 2)."),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_boundaries_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        unroll(CELL, PARAMS, torch.zeros(2, 7, 3), **arguments)


def test_no_time_steps_is_an_error() -> None:
    with pytest.raises(DataError, match="at least one time step"):
        unroll(CELL, PARAMS, torch.zeros(2, 0, 3))


@pytest.mark.parametrize("backend", ["compiled", "torch", "reference"])
def test_what_changes_nothing_takes_the_plain_path(backend: str) -> None:
    inputs = torch.randn(2, 7, 3)
    plain = unroll(CELL, PARAMS, inputs, backend=backend)
    full = unroll(
        CELL, PARAMS, inputs, lengths=torch.tensor([7, 7]), resets=torch.zeros(2, 7, dtype=torch.bool), backend=backend
    )
    assert torch.equal(full.outputs, plain.outputs)


def test_an_evaluating_module_still_has_gradients() -> None:
    """torch's kernels keep what backward needs only in their training mode, which is not the module's."""
    layer = Recurrent("lstm", 3, 5, backend="torch").eval()
    layer(torch.randn(2, 7, 3))[0].sum().backward()
    assert layer.weight_hh_l0.grad.abs().sum() > 0


def test_no_gradient_is_kept_without_need() -> None:
    layer = Recurrent("lstm", 3, 5)
    with torch.no_grad():
        outputs, state = layer(torch.randn(2, 7, 3))
    assert not outputs.requires_grad
    torch.testing.assert_close(outputs[:, -1], state["hidden_l0"], rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)
