from __future__ import annotations

import numpy as np
import pytest
import torch

from diagnostics.subjects import random_layers, subject
from elman import plots
from elman.cells import CELLS
from elman.diagnostics.memory import Memory, input_to_state, memory
from elman.diagnostics.trajectory import Trajectory
from elman.errors import SettingsError
from elman.nn import Recurrent
from tolerances import DERIVATIVES, ROUNDING


def decaying(rate: float) -> Recurrent:
    """One linear unit that keeps so large a part of itself: tanh of tiny numbers."""
    layers = Recurrent("rnn", 1, 1, bias=False).double()
    with torch.no_grad():
        layers.weight_ih_l0.fill_(1e-8)
        layers.weight_hh_l0.fill_(rate)
    return layers


@pytest.mark.parametrize("cell", CELLS)
def test_derivatives_are_those_of_finite_differences(cell: str) -> None:
    seen = subject(random_layers(cell), time=4, batch=1)
    trajectory, by_hand = Trajectory(seen), []
    for step in range(4):
        for feature in range(2):
            ends = []
            for move in (1e-6, -1e-6):
                inputs = seen.inputs.clone()
                inputs[0, step, feature] += move
                states = trajectory.layers(inputs)[1]
                ends.append(trajectory.joined(states)[0, trajectory.reached])
            by_hand.append((ends[0] - ends[1]) / 2e-6)
    expected = torch.stack(by_hand).view(4, 2, -1).transpose(1, 2)
    torch.testing.assert_close(input_to_state(seen, 3), expected, **DERIVATIVES)


def test_exact_shares_are_those_of_the_derivatives() -> None:
    seen = subject(random_layers("lstm", layers=2), time=7)
    found = memory(seen, row=1)
    assert (found.method, found.steps) == ("exact", tuple(range(7)))
    for step in (0, 3, 6):
        parts = input_to_state(seen, step, row=1).square().sum((1, 2))
        np.testing.assert_allclose(found.shares[step, : step + 1], parts / parts.sum(), rtol=ROUNDING)
        assert not found.shares[step, step + 1 :].any()


def test_a_decaying_unit_keeps_a_geometric_row_of_inputs() -> None:
    found = memory(subject(decaying(0.5), time=8), steps=[7])
    expected = 0.25 ** np.arange(7, -1, -1.0)
    np.testing.assert_allclose(found.shares[0], expected / expected.sum(), rtol=1e-9)
    assert (found.span(0.5), found.span(0.95)) == (1, 3)
    np.testing.assert_allclose(found.by_distance(), found.shares[0, ::-1])


def test_occlusion_of_a_linear_unit_tells_what_inputs_added() -> None:
    seen = subject(decaying(0.5), time=40)
    found = memory(seen, steps=[0, 31, 39], method="occlusion")
    gone = (seen.inputs[0, :, 0] - seen.inputs.mean()) * 0.5 ** torch.arange(39, -1, -1)
    expected = gone.square() / gone.square().sum()
    np.testing.assert_allclose(found.shares[2], expected, rtol=1e-6, atol=1e-15)


def test_probes_are_right_within_their_error() -> None:
    seen = subject(random_layers("gru", units=20, layers=4), time=70)
    sampled = memory(seen, probes=20)
    exact = memory(seen, steps=sampled.steps[-3:])
    assert (sampled.method, exact.method, len(sampled.steps)) == ("probes", "exact", 24)
    off = np.abs(sampled.shares[-3:] - exact.shares)
    errors = sampled.errors[-3:]
    known = errors > 1e-9
    # Of a normal error two thirds lie within one standard error and almost all within four.
    assert (off[known] < errors[known]).mean() > 0.5
    assert (off[known] < 5 * errors[known]).all()


def test_shares_and_errors_are_numbers_where_derivatives_grow_beyond_all_bounds() -> None:
    layers = Recurrent("rnn_relu", 1, 9, bias=False).double()
    with torch.no_grad():
        layers.weight_ih_l0.fill_(1.0)
        layers.weight_hh_l0.copy_(20 * torch.eye(9))
    seen = subject(layers, time=100)
    seen.inputs.abs_()
    found = memory(seen, probes=3)
    assert found.method == "probes"
    np.testing.assert_allclose(found.shares.sum(1), 1)
    assert np.isfinite(found.errors).all()


def test_as_many_probes_as_numbers_are_exact() -> None:
    seen = subject(random_layers("rnn", units=5), time=70)
    np.testing.assert_allclose(memory(seen, probes=5).shares[-1], memory(seen, steps=[69]).shares[0], rtol=ROUNDING)


def test_a_unit_that_forgets_holds_its_last_input_alone() -> None:
    found = memory(subject(decaying(0.0)))
    np.testing.assert_array_equal(found.shares, np.eye(6))


def test_an_unreached_state_stems_from_nothing() -> None:
    layers = decaying(0.5)
    torch.nn.init.zeros_(layers.weight_ih_l0)
    assert not memory(subject(layers)).shares.any()


def test_the_model_is_left_as_it_was() -> None:
    seen = subject(random_layers("lstm"))
    before = {name: value.clone() for name, value in seen.recurrent.state_dict().items()}
    memory(seen)
    assert all(torch.equal(value, before[name]) for name, value in seen.recurrent.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in seen.recurrent.parameters())


def test_text_and_plain_values() -> None:
    found = memory(subject(decaying(0.5), time=8), steps=[7])
    assert str(found) == (
        "a small model: half of what moves the state lies in the last input, 95% in the last 3 inputs. "
        "Exact derivatives."
    )
    values = found.to_dict()
    assert values["inputs_that_hold_95_percent"] == 3
    assert values["shares"][0] == pytest.approx(found.shares[0])
    sampled = memory(subject(random_layers("gru", layers=2), time=70), probes=2)
    assert "By 2 random directions at each step; the standard error" in str(sampled)


def made_up(time: int, steps: tuple[int, ...]) -> Memory:
    shares = np.tril(np.ones((time, time)))[list(steps)]
    labels = tuple(f"${step}" for step in range(time))
    return Memory(shares / shares.sum(1)[:, None], 0 * shares, steps, labels, "exact", 0, "a model")


def test_a_short_row_is_drawn_as_vessels_full_to_the_brim() -> None:
    figure = made_up(5, (0, 1, 4)).plot()
    boxes = [patch for patch in figure.axes[0].patches if hasattr(patch, "get_xy")]
    assert len(boxes) == 5 + 1 + 2 + 5, "inputs and layers"
    layers = boxes[-5:]
    assert sum(layer.get_height() for layer in layers) == pytest.approx(1.4)
    assert layers[0].get_facecolor() == boxes[0].get_facecolor(), "a layer has the colour of its input"
    assert plots.png(figure)


def test_a_long_row_is_drawn_as_a_map() -> None:
    figure = made_up(70, (20, 50, 69)).plot()
    assert figure.axes[0].get_ylabel() == "state after step"
    assert plots.png(figure)
    assert plots.png(made_up(100, (60,)).plot())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"row": 2}, "no row 2: the subject has 2"),
        ({"steps": [6]}, r"steps must be from 0 to 5, found \[6\]"),
        ({"steps": []}, "steps must be from 0 to 5"),
        ({"method": "guess"}, "derivatives and occlusion, not 'guess'"),
        ({"probes": 1}, "at least 2 probes"),
    ],
)
def test_wrong_wishes_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        memory(subject(decaying(0.5)), **options)  # type: ignore[arg-type]
