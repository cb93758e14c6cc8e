from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.errors import DataError
from elman.nn import AttentionPool, LastPool, MaxPool, MeanPool
from elman.nn.pooling import Pool
from tolerances import FLOAT64_RECURRENCE, ROUNDING

FEATURES = 3
POOLS: dict[str, Callable[[], Pool]] = {
    "last": LastPool,
    "mean": MeanPool,
    "max": MaxPool,
    "attention": lambda: AttentionPool(FEATURES, 5),
}
every_pool = pytest.mark.parametrize("name", POOLS)
quick = settings(max_examples=25, deadline=None, derandomize=True)


def close(one: torch.Tensor, other: torch.Tensor, tolerance: float = ROUNDING) -> None:
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def by_hand(pool: Pool, row: np.ndarray) -> np.ndarray:
    """The equations, for one row (steps, features)."""
    if isinstance(pool, AttentionPool):
        weights = {name: value.detach().numpy() for name, value in pool.named_parameters()}
        hidden = np.tanh(row @ weights["hidden.weight"].T + weights["hidden.bias"])
        shares = np.exp(hidden @ weights["score.weight"][0])
        return np.asarray((shares[:, None] * row).sum(0) / shares.sum())
    return {LastPool: row[-1], MeanPool: row.sum(0) / len(row), MaxPool: row.max(0)}[type(pool)]


@every_pool
@quick
@given(data=st.data(), batch=st.integers(1, 4), time=st.integers(1, 6))
def test_every_row_is_pooled_as_by_hand(name: str, data: st.DataObject, batch: int, time: int) -> None:
    lengths = data.draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
    pool, inputs = POOLS[name]().double(), torch.randn(batch, time, FEATURES, dtype=torch.float64)
    for row, length in enumerate(lengths):
        inputs[row, length:] = torch.nan
    pooled, state = pool(inputs, lengths=torch.tensor(lengths))
    for row, length in enumerate(lengths):
        close(pooled[row], torch.tensor(by_hand(pool, inputs[row, :length].numpy())))
    assert all(len(value) == batch for value in state.values())


@every_pool
@quick
@given(cuts=st.sets(st.integers(1, 8)))
def test_any_chunks_give_the_whole(name: str, cuts: set[int]) -> None:
    pool, inputs = POOLS[name]().double(), 10 * torch.randn(2, 9, FEATURES, dtype=torch.float64)
    whole, final = pool(inputs)
    state = None
    for start, stop in pairwise([0, *sorted(cuts), 9]):
        pooled, state = pool(inputs[:, start:stop], state)
        close(pooled, pool(inputs[:, :stop])[0])
    close(pooled, whole)
    assert state is not None
    for key, value in final.items():
        close(state[key], value)


@every_pool
def test_padding_reaches_no_gradient(name: str) -> None:
    pool, lengths = POOLS[name](), torch.tensor([4, 1, 2])
    values = torch.randn(3, 4, FEATURES)
    found = []
    for filling in (0.0, torch.nan, torch.inf):
        inputs = values.clone()
        for row, length in enumerate(lengths):
            inputs[row, length:] = filling
        leaf = inputs.requires_grad_()
        pooled, _ = pool(leaf, lengths=lengths)
        found.append([pooled, *torch.autograd.grad(pooled.square().sum(), [leaf, *pool.parameters()])])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert torch.equal(one, other)
    assert not found[0][1][1, 1:].any()


@every_pool
def test_a_row_of_one_step_is_that_step(name: str) -> None:
    inputs = torch.randn(2, 5, FEATURES)
    assert torch.equal(POOLS[name]()(inputs, lengths=torch.tensor([1, 1]))[0], inputs[:, 0])


@every_pool
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    pool = POOLS[name]().double()
    inputs = torch.randn(2, 4, FEATURES, dtype=torch.float64, requires_grad=True)

    def function(x: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        _, state = pool(x[:, :2])
        pooled: torch.Tensor = pool(x[:, 2:], state, lengths=torch.tensor([2, 1]))[0]
        return pooled

    assert torch.autograd.gradcheck(function, (inputs, *pool.parameters()))


def test_the_running_mean_does_not_drift() -> None:
    """A float32 sum of a million ones and more stops growing; a mean does not."""
    pool = MeanPool()
    state = {"mean": torch.full((1, 1), 0.1), "steps": torch.tensor([[3 * 2**24]])}
    pooled, state = pool(torch.full((1, 100, 1), 0.1), state)
    assert pooled.item() == pytest.approx(0.1, rel=1e-6)
    assert state["steps"].item() == 3 * 2**24 + 100


def test_huge_scores_stay_finite() -> None:
    pool = AttentionPool(1, 1)
    torch.nn.init.constant_(pool.hidden.weight, 1)
    torch.nn.init.constant_(pool.score.weight, 1e6)
    inputs = torch.tensor([[[-1.0], [2.0], [-2.0]]])
    _, state = pool(inputs[:, :1])
    pooled, _ = pool(inputs[:, 1:], state)
    assert pooled.item() == pool(inputs)[0].item() == 2


def test_attention_weights_are_those_of_the_mean() -> None:
    pool, inputs, lengths = AttentionPool(FEATURES, 5).double(), torch.randn(2, 4, FEATURES).double(), [4, 2]
    inputs[1, 2:] = torch.nan
    weights = pool.weights(inputs, torch.tensor(lengths))
    assert not weights[1, 2:].any()
    close(weights.sum(1), torch.ones(2, dtype=torch.float64))
    expected, _ = pool(inputs, lengths=torch.tensor(lengths))
    close(torch.einsum("bt,btf->bf", weights, inputs.nan_to_num()), expected, FLOAT64_RECURRENCE)


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(DataError, match=r"inputs must be \(batch, time, features\), found the shape \(2, 3\)"):
        LastPool()(torch.zeros(2, 3))
    with pytest.raises(DataError, match="lengths must be 2 whole numbers from 1 to 4"):
        MeanPool()(torch.zeros(2, 4, 3), lengths=torch.tensor([0, 4]))
    _, state = MeanPool()(torch.zeros(2, 4, 3))
    with pytest.raises(DataError, match=r"state\['mean'\] must be \(3, 3\), found \(2, 3\)"):
        MeanPool()(torch.zeros(3, 4, 3), state)
    with pytest.raises(DataError, match=r"state\['highest'\] must be \(2, 3\), found nothing"):
        MaxPool()(torch.zeros(2, 4, 3), state)
