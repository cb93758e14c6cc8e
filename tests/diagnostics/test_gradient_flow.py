from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from diagnostics.linear import linear, mixed, of
from elman import plots
from elman.diagnostics.gradient_flow import gradient_flow, plot_gradient_flows
from elman.errors import DataError, SettingsError, UsageError
from elman.nn import Recurrent
from tolerances import ROUNDING


def test_the_gradient_of_a_linear_network_is_a_power_of_its_matrix() -> None:
    matrix = mixed([0.9, 0.6, -0.3])
    found = gradient_flow(linear(matrix), distance=20)
    powers = [np.linalg.norm(np.ones(3) @ np.linalg.matrix_power(matrix, d)) for d in range(21)]
    np.testing.assert_allclose(found.median, np.log(powers), rtol=1e3 * ROUNDING, atol=1e3 * ROUNDING)
    np.testing.assert_allclose(found.quantiles[0], found.quantiles[-1], rtol=1e3 * ROUNDING, atol=1e3 * ROUNDING)


def test_reach_is_where_less_than_a_hundredth_is_left() -> None:
    found = gradient_flow(linear(np.array([[0.5]])))
    assert (found.reach, found.is_whole) == (7, True)  # 1 / 128 is the first power of a half below 1%
    assert "reach 7 steps" in str(found)
    kept = gradient_flow(linear(np.array([[1.0]])), distance=40)
    assert (kept.reach, kept.is_whole) == (40, False)
    assert kept.shown_reach == "at least 40 steps"


def test_gradients_are_those_of_autograd_for_each_layer() -> None:
    torch.manual_seed(0)
    subject = of(Recurrent("lstm", 2, 3, num_layers=2), time=12, batch=1)
    subject.counts[:, :-1] = False
    found = gradient_flow(subject)
    before, sizes = None, []
    outputs, states = [], []
    for step in range(12):
        output, before = subject.recurrent(subject.inputs[:, step : step + 1], before)
        outputs.append(output)
        states.append(before)
    loss = subject.loss_of(torch.cat(outputs, 1)).sum()
    for distance in range(12):
        names = [f"{name}_l0" for name in ("hidden", "cell")]
        leaves = [states[11 - distance][name] for name in names]
        gradients = torch.autograd.grad(loss, leaves, retain_graph=True, materialize_grads=True)
        sizes.append(float(torch.cat(gradients, 1).norm().log()))
    # In the step of the loss the lower layer acts on it within the step, which no state hands on.
    np.testing.assert_allclose(found.layers["layer 1"][2, 1:12], sizes[1:], rtol=1e4 * ROUNDING)
    assert found.layers["layer 1"][2, 0] == -math.inf
    assert found.losses == 1
    assert len(found.median) == 13, "the state before the first step is one step further"


def test_the_vanishing_gradient_and_its_cure_are_one_picture() -> None:
    torch.manual_seed(0)
    plain, gated = Recurrent("rnn", 2, 16, initial="torch"), Recurrent("lstm", 2, 16, memory=50)
    flows = [replace(gradient_flow(of(layer, time=100)), title=layer.cells[0].name) for layer in (plain, gated)]
    assert flows[0].reach < 20 < flows[1].reach
    axes = plot_gradient_flows(*flows).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"{flow.title}: {flow.shown_reach}" for flow in flows
    ]


def test_a_single_model_is_drawn_by_layer() -> None:
    found = gradient_flow(of(Recurrent("gru", 2, 3, num_layers=2)))
    labels = [text.get_text() for text in found.plot().axes[0].get_legend().get_texts()]
    assert [label.split(":")[0] for label in labels] == ["linear", "layer 1", "layer 2"]
    assert "By layer: layer 1" in str(found)
    assert plots.png(found.plot())
    written = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert written["layer_log_norms"]["layer 1"][0][0] is None


def test_nothing_is_looked_for_where_nothing_is_left() -> None:
    found = gradient_flow(linear(np.array([[1e-5]])))
    assert len(found.median) == 4
    assert found.median.isfinite().all()


def test_losses_without_a_gradient_or_places_are_refused() -> None:
    subject = linear(np.eye(2))
    with pytest.raises(DataError, match="uses nothing of the outputs"):
        gradient_flow(replace(subject, readout=lambda outputs: torch.zeros(outputs.shape[:2], dtype=torch.float64)))
    with pytest.raises(SettingsError, match="no step whose answer counts"):
        gradient_flow(replace(subject, counts=torch.zeros_like(subject.counts)))
    with pytest.raises(UsageError, match="at least one result"):
        plot_gradient_flows()
