from __future__ import annotations

from typing import Any

import pytest
import torch

from elman.cells import Cell, make
from elman.cells.modifiers import Clipped, Zoneout
from elman.errors import BackendError, DataError, SettingsError
from elman.nn import Recurrent, unroll
from elman.nn.step_options import StepOptions, draw_ones
from tolerances import FAST_RECURRENCE, FLOAT32_RECURRENCE, SAMPLING

INPUTS = torch.zeros(2, 7, 3)


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=FLOAT32_RECURRENCE, atol=FLOAT32_RECURRENCE)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_masks_are_drawn_with_their_probability(p: float) -> None:
    torch.manual_seed(0)
    mask = draw_ones(p, (41, 7, 33), torch.zeros(1, dtype=torch.float64))
    assert mask.shape == (41, 7, 33)
    assert mask.dtype == torch.float64
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert float(mask.mean()) == pytest.approx(p, abs=SAMPLING / 2)


@pytest.mark.parametrize("training", [True, False])
def test_options_are_compiled_into_one_graph(training: bool) -> None:
    layer = Recurrent("lstm", 3, 5, 2, zoneout={"hidden": 0.1}, recurrent_dropout=0.2, clip=1.0).train(training)
    inputs = torch.randn(2, 7, 3)
    torch.manual_seed(1)
    expected = layer(inputs)[0]
    torch.manual_seed(1)
    close(torch.compile(layer, fullgraph=True, backend="aot_eager")(inputs)[0], expected)


def test_a_seed_decides_the_masks() -> None:
    def mask() -> torch.Tensor:
        torch.manual_seed(3)
        return draw_ones(0.5, (5, 5), INPUTS)

    assert torch.equal(mask(), mask())
    assert not torch.equal(mask(), draw_ones(0.5, (5, 5), INPUTS))


def test_without_options_the_cell_stands_for_itself() -> None:
    cell = make("lstm", 3, 5)
    for training in (True, False):
        assert StepOptions().around(cell, training) is cell
        assert StepOptions(zoneout={"hidden": 0.0}).around(cell, training) is cell
        assert StepOptions().extras(cell, INPUTS, training) == {}
    assert StepOptions(recurrent_dropout=0.5).around(cell, training=False) is cell


def test_masks_of_training_and_what_evaluation_takes_for_them() -> None:
    torch.manual_seed(0)
    cell, options = make("lstm", 3, 50), StepOptions({"hidden": 0.25, "cell": 0.5}, recurrent_dropout=0.2)
    masks = options.extras(options.around(cell, training=True), INPUTS, training=True)
    shapes = {"zoneout hidden": (2, 7, 50), "zoneout cell": (2, 7, 50), "dropout weight_hh": (2, 50)}
    assert {name: tuple(mask.shape) for name, mask in masks.items()} == shapes
    assert masks["dropout weight_hh"].unique().tolist() == pytest.approx([0, 1 / 0.8])
    assert not torch.equal(masks["zoneout cell"][:, 0], masks["zoneout cell"][:, 1])
    assert not torch.equal(masks["dropout weight_hh"][0], masks["dropout weight_hh"][1])
    constant = options.extras(options.around(cell, training=False), INPUTS, training=False)
    assert {name: value.unique().tolist() for name, value in constant.items()} == {
        "zoneout hidden": [0.25],
        "zoneout cell": [0.5],
    }


@pytest.mark.parametrize("cell", ["lstm", "gru_layer_norm", "slstm"])
def test_updates_are_dropped_in_training_alone_and_by_every_backend_alike(cell: str) -> None:
    inputs, found = torch.randn(2, 7, 3, dtype=torch.float64), []
    for backend in ("reference", "compiled"):
        torch.manual_seed(0)
        layer = Recurrent(cell, 3, 6, update_dropout=0.4, recurrent_dropout=0.2, backend=backend).double()
        found.append(layer(inputs)[0])
        plain = Recurrent(cell, 3, 6, backend=backend).double()
        plain.load_state_dict(layer.state_dict())
        assert torch.equal(layer.eval()(inputs)[0], plain.eval()(inputs)[0])
        assert not torch.allclose(found[-1], plain(inputs)[0])
    close(*found)


def test_fast_activations_change_the_numbers_a_little() -> None:
    inputs = torch.randn(2, 7, 3)
    fast = Recurrent("lstm", 3, 20, 2, activations="fast", zoneout=0.1).eval()
    exact = Recurrent("lstm", 3, 20, 2, zoneout=0.1).eval()
    exact.load_state_dict(fast.state_dict())
    (outputs, _), (expected, _) = fast(inputs), exact(inputs)
    assert not torch.equal(outputs, expected)
    torch.testing.assert_close(outputs, expected, rtol=0, atol=FAST_RECURRENCE)
    gradients = [torch.autograd.grad(layer(inputs)[0].sum(), layer.parameters()) for layer in (fast, exact)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=FAST_RECURRENCE, atol=FAST_RECURRENCE * float(other.abs().max()))


OPTIONS: list[dict[str, Any]] = [{"zoneout": 0.3}, {"recurrent_dropout": 0.3}, {"clip": 0.1}]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru_before"])
def test_options_act_on_every_layer_and_direction_and_keep_the_names(cell: str, options: dict[str, Any]) -> None:
    plain = Recurrent(cell, 3, 5, 2, bidirectional=True)
    layer = Recurrent(cell, 3, 5, 2, bidirectional=True, **options)
    layer.load_state_dict(plain.state_dict())
    inputs = torch.randn(2, 7, 3)
    lengths, resets = torch.tensor([7, 4]), torch.rand(2, 7) < 0.3
    (_, ours), (_, theirs) = (each(inputs, lengths=lengths, resets=resets) for each in (layer, plain))
    assert ours.keys() == theirs.keys()
    assert not any(torch.allclose(ours[name], theirs[name]) for name in ours)


def test_random_options_act_in_training_only() -> None:
    inputs = torch.randn(2, 7, 3)
    for options in OPTIONS[:2]:
        layer = Recurrent("gru", 3, 50, **options)
        assert not torch.equal(layer(inputs)[0], layer(inputs)[0])
        layer.eval()
        assert torch.equal(layer(inputs)[0], layer(inputs)[0])
        torch.manual_seed(0)
        one = layer.train()(inputs)[0]
        torch.manual_seed(0)
        assert torch.equal(one, layer(inputs)[0])


def test_evaluation_takes_the_expectation() -> None:
    layer = Recurrent("lstm", 3, 5, zoneout={"cell": 0.3}, recurrent_dropout=0.5).eval()
    inputs = torch.randn(2, 1, 3)
    before = {name: torch.randn(2, 5) for name in layer.state_sizes}
    plain = Recurrent("lstm", 3, 5)
    plain.load_state_dict(layer.state_dict())
    (_, found), (_, after) = layer(inputs, before), plain(inputs, before)
    close(found["cell_l0"], 0.3 * before["cell_l0"] + 0.7 * after["cell_l0"])
    close(found["hidden_l0"], after["hidden_l0"])


def test_dropped_units_stay_dropped_over_a_sequence() -> None:
    """What the recurrent product does not see has no gradient there: the same columns at every step."""
    torch.manual_seed(0)
    layer = Recurrent("rnn", 3, 20, recurrent_dropout=0.5)
    layer(torch.randn(1, 9, 3))[0].sum().backward()
    unseen = (layer.weight_hh_l0.grad == 0).all(0)
    assert 0 < int(unseen.sum()) < 20


def test_clipping_bounds_every_state_at_every_step() -> None:
    layer = Recurrent("lstm", 3, 50, clip=0.25)
    _, _, states = layer(10 * torch.randn(4, 9, 3), all_states=True)
    for value in states.values():
        assert value.detach().abs().max() == 0.25


def test_options_and_backends_that_do_not_fit_are_refused_at_once() -> None:
    with pytest.raises(BackendError, match="torch has no kernel for the cell lstm with zoneout"):
        Recurrent("lstm", 3, 5, zoneout=0.1, backend="torch")
    for wrong in ({"zoneout": 1.0}, {"zoneout": {"cell": -0.1}}):
        with pytest.raises(SettingsError, match="zoneout must be at least 0 and below 1"):
            Recurrent("lstm", 3, 5, **wrong)
    with pytest.raises(SettingsError, match="recurrent_dropout must be at least 0 and below 1"):
        Recurrent("lstm", 3, 5, recurrent_dropout=1.0)
    with pytest.raises(SettingsError, match="must be above 0, not -1"):
        Recurrent("lstm", 3, 5, clip=-1)
    with pytest.raises(SettingsError, match="activations must be 'exact' or 'fast', not 'quick'"):
        Recurrent("lstm", 3, 5, activations="quick")
    with pytest.raises(SettingsError, match="Cell gru has no state 'cell' for zoneout"):
        Recurrent("gru", 3, 5, zoneout={"cell": 0.5})


def zoned_out(input_size: int, hidden_size: int) -> Cell:
    return Zoneout(make("gru", input_size, hidden_size), ("hidden",))


def test_modified_cells_may_be_given_where_they_need_no_extras() -> None:
    layer = Recurrent(lambda i, h: Clipped(make("gru", i, h), 0.125), 3, 5)
    assert layer(torch.randn(2, 7, 3))[0].detach().abs().max() <= 0.125
    with pytest.raises(SettingsError, match="Recurrent has no values for zoneout hidden, which the cell gru with"):
        Recurrent(zoned_out, 3, 5)


@pytest.mark.parametrize("wrong", [{}, {"zoneout hidden": torch.zeros(2, 5, 7)}], ids=["missing", "shape"])
def test_extras_that_do_not_fit_are_named(wrong: dict[str, torch.Tensor]) -> None:
    cell = zoned_out(3, 5)
    params = dict(zip(cell.parameters(), Recurrent("gru", 3, 5).parameters(), strict=True))
    with pytest.raises(DataError, match=r"extras\['zoneout hidden'\] must be \(2, 7, 5\) or \(2, 5\), found"):
        unroll(cell, params, INPUTS, extras=wrong)
