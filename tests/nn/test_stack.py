from __future__ import annotations

import copy
import pickle
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from elman.errors import DataError, SettingsError
from elman.nn import Recurrent, Residual, Stack
from elman.nn.explain import explain
from tolerances import FLOAT32_RECURRENCE, FLOAT64_RECURRENCE

TIME = 7


def close(one: torch.Tensor, other: torch.Tensor, tolerance: float = FLOAT64_RECURRENCE) -> None:
    torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def example(cell: str = "lstm", *, bidirectional: bool = False, backend: str = "reference") -> Stack:
    """A projection, two pre-norm blocks (the second of two layers), and a last layer: four recurrent layers in all."""
    ways = 2 if bidirectional else 1

    def recurrent(size: int, layers: int = 1) -> Recurrent:
        return Recurrent(cell, 4, size // ways, layers, bidirectional=bidirectional, backend=backend)

    return Stack(
        nn.Linear(3, 4),
        Residual(nn.LayerNorm(4), recurrent(4), nn.Dropout(0.5)),
        Residual(nn.LayerNorm(4), recurrent(4, 2)),
        recurrent(6),
    )


def test_a_stack_of_single_layers_is_a_recurrent_of_many() -> None:
    whole = Recurrent("lstm", 3, [5, 4], bidirectional=True)
    parts = Stack(Recurrent("lstm", 3, 5, bidirectional=True), Recurrent("lstm", 10, 4, bidirectional=True))
    for layer, part in enumerate(parts.layers):
        suffix = f"_l{layer}"
        part.load_state_dict(
            {name.replace(suffix, "_l0"): value for name, value in whole.state_dict().items() if suffix in name}
        )
    inputs, lengths = torch.randn(2, TIME, 3), torch.tensor([TIME, 4])
    resets = torch.rand(2, TIME) < 0.3
    expected = whole(inputs, lengths=lengths, resets=resets, all_states=True)
    found = parts(inputs, lengths=lengths, resets=resets, all_states=True)
    assert parts.state_sizes == whole.state_sizes
    close(found[0], expected[0], FLOAT32_RECURRENCE)
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert list(ours) == list(theirs)
        for name, value in ours.items():
            close(value, theirs[name], FLOAT32_RECURRENCE)


def test_residual_adds_the_normalised_branch() -> None:
    norm, layer = nn.LayerNorm(4), Recurrent("gru", 4, 4)
    nn.init.normal_(norm.weight)
    inputs = torch.randn(2, TIME, 4)
    outputs, state = Residual(norm, layer)(inputs)
    expected, final = layer(norm(inputs))
    assert torch.equal(outputs, inputs + expected)
    assert torch.equal(state["hidden_l0"], final["hidden_l0"])


def test_states_are_numbered_through() -> None:
    stack = example(bidirectional=True)
    assert list(stack.state_sizes) == [
        f"{name}_l{layer}{way}" for layer in range(4) for way in ("", "_reverse") for name in ("hidden", "cell")
    ]
    assert [stack.state_sizes[f"hidden_l{layer}"] for layer in range(4)] == [2, 2, 2, 3]
    _, state, states = stack(torch.randn(2, TIME, 3), all_states=True)
    assert list(state) == list(states) == list(stack.state_sizes)
    assert {name: value.shape for name, value in states.items()} == {
        name: (2, TIME, size) for name, size in stack.state_sizes.items()
    }


@given(
    cuts=st.sets(st.integers(1, TIME - 1)),
    resets=st.lists(st.booleans(), min_size=2 * TIME, max_size=2 * TIME),
    cell=st.sampled_from(["lstm", "gru"]),
)
@settings(max_examples=15, deadline=None, derandomize=True)
def test_any_chunks_give_the_whole(cuts: set[int], resets: list[bool], cell: str) -> None:
    stack = example(cell).double().eval()
    assert stack.lookahead == 0
    inputs, marks = torch.randn(2, TIME, 3, dtype=torch.float64), torch.tensor(resets).view(2, TIME)
    whole, final = stack(inputs, resets=marks)
    state, outputs = None, []
    for start, stop in pairwise([0, *sorted(cuts), TIME]):
        part, state = stack(inputs[:, start:stop], state, resets=marks[:, start:stop])
        outputs.append(part)
    close(torch.cat(outputs, 1), whole)
    for name, value in final.items():
        close(state[name], value)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("backend", ["reference", "compiled"])
def test_padding_changes_nothing(backend: str, bidirectional: bool) -> None:
    """Not in outputs, states or gradients, and a row is what it is alone."""
    check_padding(example(bidirectional=bidirectional, backend=backend).double().eval())


@pytest.mark.parametrize("kind", [Stack, Residual])
def test_padding_changes_nothing_where_layers_without_state_begin_and_end(kind: type[Stack | Residual]) -> None:
    check_padding(kind(nn.LayerNorm(3), Recurrent("gru", 3, 4), nn.Linear(4, 3)).double())


def check_padding(stack: Stack | Residual) -> None:
    lengths = torch.tensor([TIME, 1, 4])
    inputs = torch.randn(3, TIME, 3, dtype=torch.float64)
    found = []
    for filling in (0.0, torch.nan):
        for row, length in enumerate(lengths):
            inputs[row, length:] = filling
        leaf = inputs.clone().requires_grad_()
        outputs, state = stack(leaf, lengths=lengths)
        loss = outputs.square().sum() + sum(value.square().sum() for value in state.values())
        found.append([outputs, *state.values(), *torch.autograd.grad(loss, [leaf, *stack.parameters()])])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
    for row, length in enumerate(lengths):
        alone, _ = stack(inputs[row : row + 1, :length])
        close(found[0][0][row, :length], alone[0])
        assert not found[0][0][row, length:].any()


def test_gradients_are_those_of_finite_differences() -> None:
    layer = Recurrent("gru", 3, 3, backend="reference")
    stack = Stack(Residual(nn.LayerNorm(3), layer), nn.Linear(3, 2)).double()
    inputs = torch.randn(2, 3, 3, dtype=torch.float64, requires_grad=True)
    state = {name: torch.randn(2, size, dtype=torch.float64) for name, size in stack.state_sizes.items()}

    def function(x: torch.Tensor, *parameters: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs, final = stack(x, state, lengths=torch.tensor([3, 2]))
        return outputs, *final.values()

    assert torch.autograd.gradcheck(function, (inputs, *stack.parameters()))


def test_the_time_between_steps_goes_to_the_layers_that_use_it() -> None:
    timed, other = Recurrent("cfc", 4, 4), Recurrent("gru", 4, 4)
    inputs, elapsed = torch.randn(2, TIME, 4), torch.rand(2, TIME) + 0.5
    outputs, _ = Stack(other, Residual(nn.LayerNorm(4), timed))(inputs, elapsed=elapsed)
    below, _ = other(inputs)
    assert torch.equal(outputs, below + timed(nn.LayerNorm(4)(below), elapsed=elapsed)[0])
    with pytest.raises(DataError, match="No layer of this stack has a use for elapsed"):
        Stack(other)(inputs, elapsed=elapsed)


def test_both_directions_need_the_whole_sequence() -> None:
    assert Recurrent("gru", 3, 4).lookahead == 0
    assert Stack(nn.Linear(3, 4), Residual(Recurrent("gru", 4, 2, bidirectional=True))).lookahead is None


def test_dropout_acts_in_training_only() -> None:
    stack = example()
    inputs = torch.randn(2, TIME, 3)
    assert not torch.equal(stack(inputs)[0], stack(inputs)[0])
    stack.eval()
    assert torch.equal(stack(inputs)[0], stack(inputs)[0])


def test_it_is_a_module_like_others() -> None:
    stack = example().eval()
    inputs = torch.randn(2, TIME, 3)
    for copied in (copy.deepcopy(stack), pickle.loads(pickle.dumps(stack))):  # noqa: S301
        assert torch.equal(copied(inputs)[0], stack(inputs)[0])
    assert "layers.1.layers.1.weight_hh_l0" in stack.state_dict()
    assert [layer.name for layer in explain(stack).layers] == ["layers.1.layers.1", "layers.2.layers.1", "layers.3"]


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(SettingsError, match="Stack needs at least one layer"):
        Stack()
    with pytest.raises(SettingsError, match=r"Residual takes elman\.nn\.Recurrent, not LSTM"):
        Residual(nn.LSTM(3, 3))
    with pytest.raises(DataError, match=r"adds its inputs \(2, 7, 4\) to its outputs \(2, 7, 8\)"):
        Residual(Recurrent("gru", 4, 4, bidirectional=True))(torch.zeros(2, TIME, 4))
    stack = example()
    with pytest.raises(DataError, match=r"state\['hidden_l3'\] must be \(2, 6\), found \(2, 4\)"):
        stack(torch.zeros(2, TIME, 3), {name: torch.zeros(2, 4) for name in stack.state_sizes})
    with pytest.raises(DataError, match=r"state\['hidden_l0'\] must be \(2, 4\), found nothing"):
        stack(torch.zeros(2, TIME, 3), {})
