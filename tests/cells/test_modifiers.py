from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from elman.cells import Cell, NumpyOps, initialise, make
from elman.cells.modifiers import Clipped, FastActivations, RecurrentDropout, UpdateDropout, Zoneout
from elman.cells.rnn import SimpleCell
from elman.errors import SettingsError, UsageError
from tolerances import ROUNDING

OPS = NumpyOps()


def drawn(cell: Cell, rows: int = 3) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Input, state and parameters of one step."""
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(parameter.shape) for name, parameter in cell.parameters().items()}
    state = {name: rng.standard_normal((rows, size)) for name, size in cell.state_sizes.items()}
    return rng.standard_normal((rows, cell.input_size)), state, params


def close(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=ROUNDING, atol=ROUNDING)


def test_zoneout_keeps_the_very_bits_of_the_units_it_keeps() -> None:
    cell = make("lstm", 3, 4)
    x, state, params = drawn(cell)
    rng = np.random.default_rng(1)
    masks = {name: rng.integers(0, 2, (3, 4)).astype(float) for name in ("hidden", "cell")}
    after = cell.step(OPS, x, state, params)
    extras = {f"zoneout {name}": mask for name, mask in masks.items()}
    found = Zoneout(cell, ("hidden", "cell")).step(OPS, x, state, params | extras)
    for name, mask in masks.items():
        np.testing.assert_array_equal(found[name], np.where(mask == 1, state[name], after[name]))


def test_zoneout_is_in_evaluation_what_it_is_on_average() -> None:
    """The mean over both masks of one unit, weighed by their probability, is the step with the probability itself."""
    cell = make("gru", 3, 1)
    x, state, params = drawn(cell)
    around = Zoneout(cell, ("hidden",))
    kept, new, mean = (around.step(OPS, x, state, params | {"zoneout hidden": d})["hidden"] for d in (1.0, 0.0, 0.3))
    close(mean, 0.3 * kept + 0.7 * new)


def test_zoneout_of_one_state_leaves_the_other() -> None:
    cell = make("lstm", 3, 4)
    x, state, params = drawn(cell)
    found = Zoneout(cell, ("cell",)).step(OPS, x, state, params | {"zoneout cell": np.ones(4)})
    np.testing.assert_array_equal(found["cell"], state["cell"])
    np.testing.assert_array_equal(found["hidden"], cell.step(OPS, x, state, params)["hidden"])


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru_before"])
def test_dropping_a_unit_equals_dropping_its_recurrent_weights(name: str) -> None:
    """W (m * h) = (W * m) h: the products lose the unit, the rest of the step does not."""
    cell = make(name, 3, 4)
    x, state, params = drawn(cell)
    mask = np.array([0.0, 2.0, 0.0, 2.0])
    found = RecurrentDropout(cell).step(OPS, x, state, params | {"dropout weight_hh": mask})
    expected = cell.step(OPS, x, state, params | {"weight_hh": params["weight_hh"] * mask})
    for each in state:
        close(found[each], expected[each])


def test_the_mixing_of_a_gru_sees_units_that_its_products_do_not() -> None:
    cell = make("gru", 1, 2)
    keeps = {name: np.zeros(parameter.shape) for name, parameter in cell.parameters().items()}
    keeps["bias_ih"][2:4] = 1e3
    state = {"hidden": np.array([0.3, -0.8])}
    around = RecurrentDropout(cell)
    close(around.step(OPS, np.ones(1), state, keeps | {"dropout weight_hh": np.zeros(2)})["hidden"], state["hidden"])


def test_dropped_updates_of_an_lstm_are_those_of_the_paper() -> None:
    cell = make("lstm", 3, 4)
    x, state, params = drawn(cell)
    mask = np.array([0.0, 2.0, 0.0, 2.0])
    found = UpdateDropout(cell).step(OPS, x, state, params | {"update": mask})
    sums = x @ params["weight_ih"].T + params["bias_ih"] + state["hidden"] @ params["weight_hh"].T + params["bias_hh"]
    i, f, g, o = np.split(sums, 4, axis=-1)
    i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
    memory = f * state["cell"] + i * mask * np.tanh(g)
    close(found["cell"], memory)
    close(found["hidden"], o * np.tanh(memory))


def test_a_gru_keeps_what_it_keeps_of_units_whose_update_is_dropped() -> None:
    cell = make("gru", 3, 4)
    x, state, params = drawn(cell)
    none, whole, half = (
        UpdateDropout(cell).step(OPS, x, state, params | {"update": np.full(4, share)})["hidden"]
        for share in (0, 1, 0.5)
    )
    close(whole, cell.step(OPS, x, state, params)["hidden"])
    close(half, (none + whole) / 2)
    assert np.all(np.abs(none) <= np.abs(state["hidden"]))


@pytest.mark.parametrize("name", ["lru", "mingru", "clockwork"])
def test_update_dropout_needs_a_candidate_for_every_unit(name: str) -> None:
    with pytest.raises(SettingsError, match=f"Cell {name} has no tanh or relu of products"):
        UpdateDropout(make(name, 4, 8))


def test_clipped_states_stay_within_the_bound() -> None:
    cell = make("rnn_relu", 3, 40)
    x, state, params = drawn(cell)
    free, bound = cell.step(OPS, x, state, params)["hidden"], 2.0
    assert free.max() > bound
    np.testing.assert_array_equal(Clipped(cell, bound).step(OPS, x, state, params)["hidden"], free.clip(-bound, bound))


def test_fast_activations_are_a_matter_of_compiled_code_alone() -> None:
    plain = make("lstm", 3, 4)
    cell = FastActivations(plain)
    x, state, params = drawn(cell)
    found, expected = (each.step(OPS, x, state, params) for each in (cell, plain))
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    assert (plain.activations, cell.activations) == ("exact", "fast")
    assert Clipped(cell, 1.0).activations == "fast"


def test_modified_cells_start_as_the_cell_within() -> None:
    """The forget gates' bias of 1, and the names of a state_dict."""
    plain = make("lstm", 3, 4)
    around = Zoneout(RecurrentDropout(Clipped(plain, 1.0)), ("hidden",))
    assert around.parameters() == plain.parameters()
    ours, theirs = (initialise(cell, np.random.default_rng(0), memory=9) for cell in (around, plain))
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert around.initial(np.random.default_rng(0), 9) == plain.initial(np.random.default_rng(0), 9)
    assert around.name == "lstm with clipping with recurrent dropout with zoneout"
    assert around.extras == {"dropout weight_hh": 4, "zoneout hidden": 4}


WRONG: list[tuple[Callable[[Cell], Cell], str]] = [
    (lambda cell: Zoneout(cell, ("cel",)), "Cell lstm has no state 'cel' for zoneout, only hidden, cell. Did you mean"),
    (lambda cell: Clipped(cell, 0.0), "must be above 0, not 0.0"),
    (lambda cell: Clipped(cell, float("nan")), "must be above 0, not nan"),
]


@pytest.mark.parametrize(("around", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_does_not_fit_is_named(around: Callable[[Cell], Cell], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        around(make("lstm", 3, 4))


class Diagonal(SimpleCell):
    """No recurrent matrix."""

    name: ClassVar[str] = "diagonal"

    def parameters(self) -> Any:
        return {name: value for name, value in super().parameters().items() if name.endswith("_ih")}

    def activation(self, ops: Any, x: Any) -> Any:
        return x


def test_recurrent_dropout_needs_a_recurrent_matrix() -> None:
    with pytest.raises(SettingsError, match="Cell diagonal has no recurrent matrix"):
        RecurrentDropout(Diagonal(3, 4))


class Own(SimpleCell):
    """A cell whose recurrent product is written in the test."""

    name: ClassVar[str] = "own"
    product: ClassVar[Callable[..., Any]]

    def step(self, ops: Any, x: Any, state: Any, params: Any) -> Any:
        return {"hidden": type(self).product(ops, state["hidden"], params["weight_hh"])}

    def activation(self, ops: Any, x: Any) -> Any:
        return x


PRODUCTS: list[Callable[..., Any]] = [
    lambda ops, h, weight: h @ weight.T,
    lambda ops, h, weight: torch.nn.functional.linear(h, weight),
    lambda ops, h, weight: weight * h,
    lambda ops, h, weight: ops.split(weight, 2, axis=1)[0],
]


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_that_recurrent_dropout_cannot_see_are_an_error(product: Callable[..., Any]) -> None:
    Own.product = staticmethod(product)
    cell = RecurrentDropout(Own(3, 4))
    values = {name: torch.zeros(parameter.shape) for name, parameter in cell.parameters().items()}
    values["dropout weight_hh"] = torch.ones(4)
    with pytest.raises((UsageError, TypeError), match=r"multiplies its recurrent matrices by ops\.linear|unsupported"):
        cell.step(OPS, torch.zeros(1, 3), {"hidden": torch.zeros(1, 4)}, values)
