"""What every recurrent layer over images must do, whatever its equations."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from elman.errors import DataError, SettingsError
from elman.nn import ConvGRU, ConvLSTM, Recurrent, Residual, Stack
from elman.nn.convolutional import Convolutional
from elman.nn.explain import explain
from tolerances import FLOAT64_RECURRENCE

TIME, HEIGHT, WIDTH = 6, 4, 3
every_kind = pytest.mark.parametrize("kind", [ConvLSTM, ConvGRU])


def example(kind: type[Convolutional]) -> Convolutional:
    layer = kind(2, [3, 2]).double()
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.3)
    return layer


def images(batch: int = 2, time: int = TIME) -> Tensor:
    return torch.randn(batch, time, 2, HEIGHT, WIDTH, dtype=torch.float64)


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=FLOAT64_RECURRENCE, atol=FLOAT64_RECURRENCE)


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        close(value, other[name])


@every_kind
def test_on_images_of_one_pixel_it_is_the_cell(kind: type[Convolutional]) -> None:
    """A kernel of one pixel takes every place of an image as a sequence of its own."""
    layer = kind(2, [3, 4], kernel_size=1).double()
    cell = Recurrent(kind.cell, 2, [3, 4], backend="reference").double()
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            if name.startswith("bias_hh"):
                parameter.zero_()
            else:
                parameter.copy_(layer.get_parameter(name.replace("bias_ih", "bias")).view_as(parameter))
    inputs, lengths = images(), torch.tensor([TIME, 3])
    resets = torch.tensor([[0, 1, 0, 0, 1, 0], [1, 0, 1, 0, 1, 0]], dtype=torch.bool)
    outputs, state, states = layer(inputs, lengths=lengths, resets=resets, all_states=True)
    places = inputs.permute(0, 3, 4, 1, 2).reshape(-1, TIME, 2)
    repeated = {"lengths": lengths.repeat_interleave(12), "resets": resets.repeat_interleave(12, 0)}
    expected, final, every = cell(places, **repeated, all_states=True)

    def as_images(value: Tensor) -> Tensor:
        return value.unflatten(0, (2, HEIGHT, WIDTH)).movedim((1, 2), (-2, -1))

    close(outputs, as_images(expected))
    equal(state, {name: as_images(value) for name, value in final.items()})
    equal(states, {name: as_images(value) for name, value in every.items()})


@every_kind
@given(cuts=st.sets(st.integers(1, TIME - 1)), resets=st.lists(st.booleans(), min_size=2 * TIME, max_size=2 * TIME))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_any_chunks_give_the_whole(kind: type[Convolutional], cuts: set[int], resets: list[bool]) -> None:
    layer, inputs, marks = example(kind), images(), torch.tensor(resets).view(2, TIME)
    assert layer.lookahead == 0
    whole, final = layer(inputs, resets=marks)
    state, outputs = None, []
    for start, stop in pairwise([0, *sorted(cuts), TIME]):
        part, state = layer(inputs[:, start:stop], state, resets=marks[:, start:stop])
        outputs.append(part)
    close(torch.cat(outputs, 1), whole)
    assert state is not None
    equal(state, final)


@every_kind
def test_a_reset_begins_a_new_sequence(kind: type[Convolutional]) -> None:
    layer, inputs = example(kind), images()
    resets = torch.zeros(2, TIME, dtype=torch.bool)
    resets[0, 4] = True
    outputs, _ = layer(inputs, resets=resets)
    close(outputs[:1, 4:], layer(inputs[:1, 4:])[0])
    close(outputs[1:], layer(inputs[1:])[0])


@every_kind
def test_padding_changes_nothing(kind: type[Convolutional]) -> None:
    layer, inputs, lengths = example(kind), images(3), torch.tensor([TIME, 1, 4])
    found = []
    for filling in (0.0, torch.nan):
        for row, length in enumerate(lengths):
            inputs[row, length:] = filling
        leaf = inputs.clone().requires_grad_()
        outputs, state = layer(leaf, lengths=lengths, resets=torch.ones(3, TIME, dtype=torch.bool))
        loss = outputs.square().sum() + sum(value.square().sum() for value in state.values())
        found.append([outputs, *state.values(), *torch.autograd.grad(loss, [leaf, *layer.parameters()])])
    for one, other in zip(*found, strict=True):
        assert torch.equal(one, other)
    outputs, state = layer(inputs, lengths=lengths)
    for row, length in enumerate(lengths):
        alone, final = layer(inputs[row : row + 1, :length])
        close(outputs[row, :length], alone[0])
        assert not outputs[row, length:].any()
        equal({name: value[row : row + 1] for name, value in state.items()}, final)


@every_kind
def test_gradients_are_those_of_finite_differences(kind: type[Convolutional]) -> None:
    layer = kind(1, 2).double()
    inputs = torch.randn(2, 2, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    state = {name: torch.randn(2, 2, 2, 2).double().requires_grad_() for name in layer.state_sizes}

    def function(x: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
        outputs, final = layer(x, dict(zip(state, leaves, strict=False)), lengths=torch.tensor([2, 1]))
        return outputs, *final.values()

    assert torch.autograd.gradcheck(function, (inputs, *state.values(), *layer.parameters()))


@every_kind
def test_first_weights_keep_a_state_in_its_place(kind: type[Convolutional]) -> None:
    torch.manual_seed(0)
    layer = kind(3, 4, kernel_size=5)
    blocks = layer.weight_hh_l0.detach().unflatten(0, (-1, 4))
    for block in blocks:
        middle = block[..., 2, 2]
        torch.testing.assert_close(middle @ middle.T, torch.eye(4))
    assert blocks.count_nonzero() == middle.numel() * len(blocks)
    kept = {"lstm": 1, "gru_before": 1}[kind.cell]
    assert layer.bias_l0.view(-1, 4)[:, 0].tolist() == [float(gate == kept) for gate in range(len(blocks))]
    torch.manual_seed(0)
    assert torch.equal(kind(3, 4, kernel_size=5).weight_ih_l0, layer.weight_ih_l0)


@every_kind
def test_it_stacks_with_other_layers_and_is_explained(kind: type[Convolutional]) -> None:
    stack = Stack(kind(2, 3), nn.Dropout(0.1), Residual(kind(3, 3)))
    outputs, state = stack(images().float(), lengths=torch.tensor([TIME, 2]))
    assert outputs.shape == (2, TIME, 3, HEIGHT, WIDTH)
    assert state.keys() == stack.state_sizes.keys()
    assert {"hidden_l0", "hidden_l1"} <= state.keys()
    text = str(explain(stack))
    assert f"layers.0: {kind.__name__}(2 -> 3, kernel_size=3)\n\nBackend torch: torch's convolutions" in text
    assert kind(2, 3).why().startswith("torch: torch's convolutions, one step after the other")


def test_what_does_not_fit_is_said() -> None:
    with pytest.raises(SettingsError, match="kernel_size must be an odd number"):
        ConvLSTM(1, 2, kernel_size=4)
    for hidden, layers in ((2, 0), ([2, 3], 3), ([], 1)):
        with pytest.raises(SettingsError, match=r"hidden_channels gives \d layers, num_layers says \d"):
            ConvGRU(1, hidden, num_layers=layers)
    layer = ConvGRU(1, 2)
    with pytest.raises(
        DataError, match=r"inputs must be \(batch, time, 1, height, width\), found the shape \(2, 1, 5\)"
    ):
        layer(torch.zeros(2, 1, 5))
    with pytest.raises(DataError, match=r"state\['hidden_l0'\] must be \(3, 2, 4, 5\), found \(3, 2\)"):
        layer(torch.zeros(3, 6, 1, 4, 5), {"hidden_l0": torch.zeros(3, 2)})
    with pytest.raises(DataError, match=r"resets must be \(3, 6\)"):
        layer(torch.zeros(3, 6, 1, 4, 5), resets=torch.zeros(3, 5, dtype=torch.bool))
