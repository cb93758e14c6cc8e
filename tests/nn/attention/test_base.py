"""What every kind of attention must do, whatever its equations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elman.errors import DataError
from elman.nn import (
    AdditiveAttention,
    Attention,
    DotAttention,
    GeneralAttention,
    LocationSensitiveAttention,
    MonotonicAttention,
    MultiHeadAttention,
    attention,
)
from tolerances import FLOAT64_RECURRENCE

QUERY, MEMORY = 3, 4


def monotonic(*, training: bool) -> Attention:
    made = MonotonicAttention(QUERY, MEMORY, 5, offset=0, noise=0)
    # Energies far enough on both sides of 0 that all entries are met.
    torch.nn.init.constant_(made.gain, 3)
    return made.train(training)


ROWS: dict[str, Callable[[], Attention]] = {
    "additive": lambda: AdditiveAttention(QUERY, MEMORY, 5),
    "dot": lambda: DotAttention(QUERY),
    "general": lambda: GeneralAttention(QUERY, MEMORY),
    "multi-head": lambda: MultiHeadAttention(QUERY, MEMORY, 6, heads=2),
    "location-sensitive": lambda: LocationSensitiveAttention(QUERY, MEMORY, 5, filters=2, width=3),
    "monotonic, training": lambda: monotonic(training=True),
    "monotonic, in use": lambda: monotonic(training=False),
}
every_kind = pytest.mark.parametrize("name", ROWS)
quick = settings(max_examples=15, deadline=None, derandomize=True)


def example(made: Attention, batch: int = 3, steps: int = 4, time: int = 6) -> tuple[Tensor, Tensor]:
    queries = torch.randn(batch, steps, made.query_size, dtype=torch.float64)
    return queries, torch.randn(batch, time, made.memory_size, dtype=torch.float64)


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def test_every_public_kind_has_a_row() -> None:
    kinds = {name for name in attention.__all__ if name.endswith("Attention")} - {"Attention"}
    assert {type(make()).__name__ for make in ROWS.values()} == kinds


@every_kind
@quick
@given(data=st.data(), batch=st.integers(1, 3), steps=st.integers(1, 4), time=st.integers(1, 6))
def test_a_row_in_a_batch_is_the_row_alone(name: str, data: st.DataObject, batch: int, steps: int, time: int) -> None:
    made = ROWS[name]().double()
    queries, memory = example(made, batch, steps, time)
    lengths = data.draw(st.lists(st.integers(1, time), min_size=batch, max_size=batch))
    for row, length in enumerate(lengths):
        memory[row, length:] = torch.nan
    found = made(queries, memory, lengths=torch.tensor(lengths))
    assert found.context.shape == (batch, steps, made.context_size)
    for row, length in enumerate(lengths):
        context, weights, _ = made(queries[row : row + 1], memory[row : row + 1, :length])
        close(found.context[row], context[0])
        close(found.weights[row][..., :length], weights[0])
        assert torch.equal(found.weights[row][..., length:], torch.zeros_like(found.weights[row][..., length:]))
        assert (found.weights >= 0).all()


@every_kind
@quick
@given(cut=st.integers(0, 4))
def test_steps_and_parts_give_the_whole(name: str, cut: int) -> None:
    made = ROWS[name]().double()
    queries, memory = example(made)
    lengths = torch.tensor([6, 1, 4])
    whole = made(queries, memory, lengths=lengths)
    prepared, state, contexts, weights = made.prepare(memory, lengths), None, [], []
    for query in queries[:, :cut].unbind(1):
        context, weight, state = made.step(query, prepared, state)
        contexts.append(context[:, None])
        weights.append(weight[:, None])
    if cut < 4:
        context, weight, state = made(queries[:, cut:], memory, state, lengths=lengths)
        contexts.append(context)
        weights.append(weight)
    close(torch.cat(contexts, 1), whole.context)
    close(torch.cat(weights, 1), whole.weights)
    assert state is not None
    assert state.keys() == whole.state.keys() == made.initial_state(prepared).keys()
    for key, value in whole.state.items():
        close(state[key], value)


@every_kind
def test_padding_reaches_no_gradient(name: str) -> None:
    made = ROWS[name]().double()
    queries, memory = example(made)
    queries.requires_grad_()
    lengths, found = torch.tensor([6, 1, 4]), []
    for filling in (0.0, torch.nan, torch.inf):
        padded = memory.clone()
        for row, length in enumerate(lengths):
            padded[row, length:] = filling
        leaves = [queries, padded.requires_grad_(), *made.parameters()]
        context, weights, state = made(queries, padded, lengths=lengths)
        gradients = torch.autograd.grad(context.square().sum(), leaves, allow_unused=True)
        given = [torch.zeros(()) if g is None else g for g in gradients]
        found.append([context, weights, *state.values(), *given])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            assert torch.equal(one, other)


@every_kind
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    made = ROWS[name]().double()
    queries, memory = example(made, 2, 2, 3)

    def function(*leaves: Tensor) -> tuple[Tensor, ...]:
        context, weights, state = made(leaves[0], leaves[1], lengths=torch.tensor([3, 2]))
        real = (value for value in (context, weights, *state.values()) if value.requires_grad)
        return tuple(real)

    leaves = (queries.requires_grad_(), memory.requires_grad_(), *made.parameters())
    assert torch.autograd.gradcheck(function, leaves)


@every_kind
def test_a_memory_that_comes_in_parts_is_the_memory(name: str) -> None:
    made = ROWS[name]().double()
    queries, memory = example(made)
    lengths = torch.tensor([6, 3, 4])
    parts = made.prepare(memory[:, :2]).extended(made.prepare(memory[:, 2:], lengths - 2))
    found, expected = made.step(queries[:, 0], parts), made.step(queries[:, 0], made.prepare(memory, lengths))
    close(found.context, expected.context)
    close(found.weights, expected.weights)
    assert parts.extended(parts).within.shape == (3, 12)


@every_kind
def test_lookahead_is_stated_and_true(name: str) -> None:
    """Entries behind the one that is read change nothing, if it says so."""
    made = ROWS[name]().double()
    assert made.lookahead == (0 if name == "monotonic, in use" else None)
    queries, memory = example(made)
    context, weights, _ = made(queries, memory)
    stops = weights[0].argmax(-1).tolist() if made.lookahead == 0 else []
    for step, stop in enumerate(stops):
        known = memory[:, : stop + 1]
        close(made(queries, known).context[0, step], context[0, step])


@every_kind
def test_what_does_not_fit_is_said(name: str) -> None:
    made = ROWS[name]().double()
    queries, memory = example(made)
    with pytest.raises(DataError, match=rf"queries must be \(batch, steps, {QUERY}\), found the shape \(3, 4, 9\)"):
        made(queries.new_zeros(3, 4, 9), memory)
    with pytest.raises(DataError, match=r"memory must be \(batch, time, \d\), found the shape \(3, 6\)"):
        made(queries, memory[..., 0])
    with pytest.raises(DataError, match=rf"query must be \(batch, {QUERY}\), found the shape \(3, 4, {QUERY}\)"):
        made.step(queries, made.prepare(memory))
    with pytest.raises(DataError, match="queries have 2 rows and the memory 3"):
        made(queries[:2], memory)
    with pytest.raises(DataError, match="lengths must be 3 whole numbers from 1 to 6"):
        made(queries, memory, lengths=torch.tensor([0, 1, 2]))
    for key in made.initial_state(made.prepare(memory)):
        with pytest.raises(DataError, match=rf"state\['{key}'\] must be .*, found nothing"):
            made(queries, memory, {})
        with pytest.raises(DataError, match=rf"state\['{key}'\] must be .*, found \(1, 2\)"):
            made(queries, memory, {key: torch.zeros(1, 2)})
