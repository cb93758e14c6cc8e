from __future__ import annotations

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from contracts.cells import random_state, tensors, weights
from elman.cells import make
from elman.nn import Unrolled, unroll
from tolerances import FLOAT64_RECURRENCE

CELL = make("lstm", 3, 5)


@pytest.mark.parametrize("backend", ["reference", "compiled", "torch"])
@pytest.mark.parametrize("reverse", [False, True])
def test_packed_rows_give_what_each_sequence_gives_alone(backend: str, reverse: bool) -> None:
    sequences = [torch.randn(length, 3, dtype=torch.float64) for length in (6, 4, 4, 1)]
    packed = pack_sequence(sequences)
    params, state = tensors(weights(CELL), grad=True), tensors(random_state(CELL, 4))
    sizes = packed.batch_sizes
    run = unroll(CELL, params, packed.data, state, batch_sizes=sizes, reverse=reverse, backend=backend)
    found = pack_sequence([alone(x, n, reverse).outputs[0] for n, x in enumerate(sequences)]).data
    torch.testing.assert_close(run.outputs, found, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)
    for name, value in run.state.items():
        expected = torch.cat([alone(x, n, reverse).state[name] for n, x in enumerate(sequences)])
        torch.testing.assert_close(value, expected, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def alone(x: torch.Tensor, row: int, reverse: bool) -> Unrolled:
    """One sequence by itself, by the reference."""
    params, state = tensors(weights(CELL)), tensors(random_state(CELL, 4))
    first = {name: value[row, None] for name, value in state.items()}
    return unroll(CELL, params, x[None], first, reverse=reverse, backend="reference")
