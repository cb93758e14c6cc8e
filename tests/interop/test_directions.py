from __future__ import annotations

import pytest
import torch

from elman.errors import DataError, SettingsError
from elman.interop import Backwards, Bidirectional
from elman.interop.directions import reverse
from elman.nn import Recurrent
from tolerances import FLOAT32_STEP


@pytest.fixture(name="both")
def both_directions() -> Recurrent:
    torch.manual_seed(0)
    return Recurrent("lstm", 3, 4, bidirectional=True, backend="reference")


def halves(both: Recurrent) -> tuple[Recurrent, Recurrent]:
    """One layer for each direction of ``both``, with its weights."""
    made = []
    for ending in ("_l0", "_l0_reverse"):
        layer = Recurrent("lstm", 3, 4, backend="reference")
        weights = {name.removesuffix("_reverse"): w for name, w in both.state_dict().items() if name.endswith(ending)}
        layer.load_state_dict(weights)
        made.append(layer)
    return made[0], made[1]


@pytest.mark.parametrize("lengths", [None, torch.tensor([6, 2, 4])])
def test_two_layers_are_a_bidirectional_one(both: Recurrent, lengths: torch.Tensor | None) -> None:
    inputs = torch.randn(3, 6, 3)
    first = {name: torch.randn(3, 4) for name in both.state_sizes}
    forward, backward = halves(both)
    expected, expected_state = both(inputs, first, lengths=lengths)
    outputs, state = Bidirectional(forward, Backwards(backward))(inputs, first, lengths=lengths)
    torch.testing.assert_close(outputs, expected, **FLOAT32_STEP)
    assert state.keys() == expected_state.keys()
    for name in state:
        torch.testing.assert_close(state[name], expected_state[name], **FLOAT32_STEP)


def test_merging(both: Recurrent) -> None:
    inputs = torch.randn(2, 5, 3)
    one, other = both(inputs)[0].chunk(2, -1)
    for merge, expected in {"sum": one + other, "mul": one * other, "ave": (one + other) / 2}.items():
        forward, backward = halves(both)
        outputs, _ = Bidirectional(forward, Backwards(backward), merge)(inputs)
        torch.testing.assert_close(outputs, expected, **FLOAT32_STEP)


def test_the_order_of_computation(both: Recurrent) -> None:
    _, layer = halves(both)
    inputs, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    restored, _ = Backwards(layer)(inputs, lengths=lengths)
    computed, state = Backwards(layer, restore_order=False)(inputs, lengths=lengths)
    assert torch.equal(reverse(computed, lengths), restored)
    assert torch.equal(computed[1, 2], state["hidden_l0"][1])
    assert not computed[1, 3:].any()


def test_padding_changes_nothing_and_gets_no_gradient(both: Recurrent) -> None:
    _, layer = halves(both)
    inputs = torch.randn(2, 5, 3, requires_grad=True)
    outputs, _ = Backwards(layer)(inputs, lengths=torch.tensor([5, 2]))
    outputs.sum().backward()
    assert inputs.grad is not None
    assert not inputs.grad[1, 2:].any()
    assert inputs.grad[1, :2].all()


def test_wrong_lengths_are_a_sentence(both: Recurrent) -> None:
    with pytest.raises(DataError, match="lengths"):
        Backwards(both)(torch.zeros(2, 5, 3), lengths=torch.tensor([5, 6]))


def test_they_show_their_options() -> None:
    layers = Recurrent("rnn", 2, 3), Backwards(Recurrent("rnn", 2, 3), restore_order=False)
    assert "restore_order=False" in repr(layers[1])
    assert "merge='sum'" in repr(Bidirectional(*layers, "sum"))


def test_what_cannot_be_merged_is_refused() -> None:
    one, other = Recurrent("rnn", 2, 3), Backwards(Recurrent("rnn", 2, 4))
    with pytest.raises(SettingsError, match="two directions of one size, found 3 and 4"):
        Bidirectional(one, other, "sum")
    with pytest.raises(SettingsError, match="merge must be one of concat, sum, mul, ave, not 'add'"):
        Bidirectional(one, other, "add")  # type: ignore[arg-type]
