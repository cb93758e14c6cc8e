from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnostics.subjects import random_layers, shift_register, subject
from elman import plots
from elman.diagnostics.capacity import Capacity, capacity, plot_capacities
from elman.errors import SettingsError
from elman.nn import Recurrent
from tolerances import MEMORY_CAPACITY, SAMPLING


@pytest.mark.parametrize("length", [1, 7, 30])
def test_a_shift_register_has_the_capacity_of_its_length(length: int) -> None:
    found = capacity(subject(shift_register(length), time=100), longest=40)
    assert found.total == pytest.approx(length, rel=MEMORY_CAPACITY)
    assert (found.half, found.size) == (length, length)
    np.testing.assert_allclose(found.recovered, np.arange(41) < length, atol=MEMORY_CAPACITY)


def test_inputs_of_many_features_are_recovered_in_some_directions() -> None:
    layers = Recurrent("rnn", 12, 24, bias=False).double()
    with torch.no_grad():
        layers.weight_ih_l0.copy_(1e-4 * torch.eye(24)[:, :12])
        layers.weight_hh_l0.copy_(torch.eye(24).roll(12, 0) * (torch.arange(24) >= 12)[:, None])
    found = capacity(subject(layers, time=200), longest=4)
    np.testing.assert_allclose(found.recovered, [1, 1, 0, 0, 0], atol=MEMORY_CAPACITY)


def test_what_could_be_guessed_from_later_inputs_is_no_memory() -> None:
    # Inputs that hardly change tell of each other, but a state that holds the present one alone remembers nothing.
    drawn = subject(shift_register(1), time=100)
    steady = subject(shift_register(1), time=100, inputs=drawn.inputs.cumsum(1))
    assert capacity(steady, longest=5).total == pytest.approx(1, abs=SAMPLING)


def test_a_random_network_forgets() -> None:
    found = capacity(subject(random_layers("lstm", inputs=1, units=6), time=100), longest=60)
    assert 1 < found.total < found.size
    assert found.recovered[0] > found.recovered[10] > found.recovered[-1]


def test_a_state_that_nothing_moves_recovers_nothing() -> None:
    layers = shift_register(3)
    torch.nn.init.zeros_(layers.weight_ih_l0)
    assert capacity(subject(layers), longest=3).total == 0


def test_text_plain_values_and_picture() -> None:
    found = Capacity(np.array([1.0, 0.75, 0.25]), 4, "a model")
    assert str(found) == (
        "a model: a linear readout of the 4 numbers of the state recovers 100% of the present input and at least half "
        "of each of the latest 2. The memory capacity is 2.0 inputs."
    )
    assert found.to_dict() == {
        "title": "a model",
        "recovered": [1.0, 0.75, 0.25],
        "memory_capacity": 2.0,
        "inputs_recovered_by_half": 2,
        "numbers_in_the_state": 4,
    }
    assert plots.png(found.plot())
    labels = plot_capacities([found, found]).axes[0].get_legend().get_texts()
    assert [label.get_text() for label in labels] == ["a model: 2.0 inputs"] * 2


def test_wrong_wishes_are_refused() -> None:
    with pytest.raises(SettingsError, match="from 0 on, not -1"):
        capacity(subject(shift_register(1)), longest=-1)
    same = subject(shift_register(1), inputs=torch.ones(2, 6, 1, dtype=torch.float64))
    with pytest.raises(SettingsError, match="All inputs of the subject are equal"):
        capacity(same)
