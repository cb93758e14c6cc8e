from __future__ import annotations

import numpy as np
import pytest
import torch

from elman.cells import make
from elman.errors import DataError
from elman.interop.parts import USUAL, Part, arranged, shaped, stacked, two_ways
from elman.nn import Recurrent


def part(name: str = "rnn", inputs: int = 2, units: int = 3, **initial: np.ndarray) -> Part:
    cell = make(name, inputs, units)
    return Part("here", cell, {n: np.ones(p.shape, np.float32) for n, p in cell.parameters().items()}, initial)


@pytest.mark.parametrize("array", ["text", None, [[1], [2, 3]], np.ones(2, complex), {"a": 1}], ids=str)
def test_what_is_no_array_of_numbers(array: object) -> None:
    with pytest.raises(DataError, match="here is no array of real numbers"):
        shaped(array, (2,), "here")


def test_an_empty_size_never_fits() -> None:
    with pytest.raises(DataError, match=r"must have the shape \(any, 2\), found \(0, 2\)"):
        shaped(np.zeros((0, 2)), (None, 2), "here")


@pytest.mark.parametrize(
    ("given", "kept"), [("float64", "float64"), ("float16", "float32"), ("int8", "float32")], ids=str
)
def test_types_of_numbers(given: str, kept: str) -> None:
    assert shaped(np.ones(2, given), (2,), "here").dtype == kept


def test_gates_change_places() -> None:
    rows = np.arange(8).reshape(4, 2)
    assert arranged(rows, "abcd", "dacb").tolist() == [[6, 7], [0, 1], [4, 5], [2, 3]]


def test_weights_must_have_the_cells_shapes() -> None:
    cell = make("gru_before", 2, 3)
    with pytest.raises(DataError, match=r"here: weight_ih must have the shape \(9, 2\), found \(3, 2\)"):
        Part("here", cell, part().weights)


def test_the_usual_functions_leave_the_cell_as_it_is() -> None:
    assert part("lstm").with_activations(USUAL).cell == make("lstm", 2, 3)
    assert part("rnn").with_activations((("sigmoid",), ("relu",), ("tanh",))).cell == make("rnn_relu", 2, 3)


def test_an_initial_state_of_one_layer_leaves_the_others_at_zero() -> None:
    layer = stacked([[part()], [part(inputs=3, hidden=np.arange(3.0))]])
    assert not layer.initial_hidden_l0.any()
    assert layer.initial_hidden_l1.tolist() == [0, 1, 2]


def test_equal_directions_are_one_layer() -> None:
    both = two_ways(part("gru"), part("gru"))
    assert isinstance(both, Recurrent)
    assert both(torch.zeros(1, 2, 2))[0].shape == (1, 2, 6)


def test_directions_of_several_sizes_stand_side_by_side() -> None:
    assert two_ways(part("gru"), part("lstm", units=4))(torch.zeros(1, 2, 2))[0].shape == (1, 2, 7)


def test_layers_must_fit() -> None:
    with pytest.raises(DataError, match="here takes 2 features and has 3 units, which does not fit the 3 features"):
        stacked([[part()], [part()]])
