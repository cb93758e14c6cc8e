from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from elman.nn import MonotonicAttention
from tolerances import FLOAT64_RECURRENCE, ROUNDING

quick = settings(max_examples=25, deadline=None, derandomize=True)


def example(time: int, steps: int, *, training: bool) -> tuple[MonotonicAttention, torch.Tensor, torch.Tensor]:
    made = MonotonicAttention(3, 4, 5, offset=-0.3, noise=0).double().train(training)
    torch.nn.init.constant_(made.gain, 4)
    queries = torch.randn(1, steps, 3, dtype=torch.float64)
    return made, queries, torch.randn(1, time, 4, dtype=torch.float64)


def energies(made: MonotonicAttention, queries: torch.Tensor, memory: torch.Tensor) -> np.ndarray:
    """The paper's equation for the first row, (steps, time)."""
    w = {name: value.detach().numpy() for name, value in made.named_parameters()}
    unit = w["direction"] / np.sqrt((w["direction"] ** 2).sum())
    found = np.zeros((queries.shape[1], memory.shape[1]))
    for i, j in np.ndindex(*found.shape):
        hidden = w["query.weight"] @ queries[0, i].numpy() + w["key.weight"] @ memory[0, j].numpy() + w["key.bias"]
        found[i, j] = w["gain"] * unit @ np.tanh(hidden) + w["offset"]
    return found


@quick
@given(time=st.integers(1, 9), steps=st.integers(1, 4))
def test_training_takes_the_expectation_over_all_ways(time: int, steps: int) -> None:
    """Each way to stop at one entry after the other, counted with its probability."""
    made, queries, memory = example(time, steps, training=True)
    p = 1 / (1 + np.exp(-energies(made, queries, memory)))
    before, expected = np.eye(time)[0], np.zeros((steps, time))
    for i in range(steps):
        for start in range(time):
            for stop in range(start, time):
                expected[i, stop] += before[start] * np.prod(1 - p[i, start:stop]) * p[i, stop]
        before = expected[i]
    context, weights, state = made(queries, memory)
    np.testing.assert_allclose(weights[0].detach(), expected, FLOAT64_RECURRENCE, FLOAT64_RECURRENCE)
    np.testing.assert_allclose(context[0].detach(), expected @ memory[0].numpy(), rtol=1e-9, atol=FLOAT64_RECURRENCE)
    assert torch.equal(state["weights"], weights[:, -1])


@quick
@given(time=st.integers(1, 9), steps=st.integers(1, 4))
def test_in_use_it_stops_at_the_first_entry_that_fits(time: int, steps: int) -> None:
    made, queries, memory = example(time, steps, training=False)
    fits = energies(made, queries, memory) > 0
    context, weights, state = made(queries, memory)
    position = 0
    for i in range(steps):
        expected = torch.zeros(4, dtype=torch.float64)
        while position < time and not fits[i, position]:
            position += 1
        if position < time:
            expected = memory[0, position]
        assert torch.equal(context[0, i], expected)
        assert weights[0, i].nonzero().flatten().tolist() == ([position] if position < time else [])
    assert state["position"].tolist() == [position]


@quick
@given(cuts=st.sets(st.integers(1, 8)))
def test_a_growing_memory_gives_what_the_whole_gives(cuts: set[int]) -> None:
    """A query that finds nothing waits for more; the others go on at once."""
    made, queries, memory = example(9, 5, training=False)
    whole = made(queries, memory)
    parts = [made.prepare(part) for part in memory.tensor_split(sorted(cuts), dim=1)]
    known, state, found = parts.pop(0), None, []
    for query in queries.unbind(1):
        context, weights, state = made.step(query, known, state)
        while parts and not weights.any():
            known = known.extended(parts.pop(0))
            context, weights, state = made.step(query, known, state)
        found.append(context)
    torch.testing.assert_close(torch.stack(found, 1), whole.context, rtol=ROUNDING, atol=ROUNDING)


def test_small_probabilities_are_kept_over_a_long_memory() -> None:
    """A product of 2,000 factors of which some are nearly 0 is what it is, and its gradient is finite."""
    made = MonotonicAttention(1, 1, 1, noise=0)
    for parameter, value in ((made.key.weight, 1), (made.direction, 1), (made.gain, 30), (made.offset, 0)):
        torch.nn.init.constant_(parameter, value)
    torch.nn.init.zeros_(made.key.bias)
    memory = torch.full((1, 2000, 1), -9.0)
    memory[0, 5], memory[0, 1500] = 0.7, 9.0
    _, weights, _ = made(torch.zeros(1, 2, 1), memory)
    p = 1 / (1 + np.exp(-30 * np.tanh(0.7)))
    assert weights[0, 0, 5].item() == pytest.approx(p, rel=1e-5)
    assert weights[0, 0, 1500].item() == pytest.approx(1 / (1 + np.exp(30 * np.tanh(0.7))), rel=1e-4)
    weights[0, 1, 1500].log().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in made.parameters() if parameter.grad is not None)


def test_noise_is_for_training() -> None:
    made = MonotonicAttention(3, 4, 5)
    queries, memory = torch.randn(2, 3, 3), torch.randn(2, 6, 4)
    assert not torch.equal(made(queries, memory).context, made(queries, memory).context)
    made.eval()
    assert torch.equal(made(queries, memory).context, made(queries, memory).context)
