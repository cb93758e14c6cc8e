from __future__ import annotations

import math

import numpy as np
import pytest

from elman.cells import NumpyOps, initialise, make
from elman.errors import SettingsError
from tolerances import ROUNDING


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gate(time: float, period: float, shift: float, ratio: float, leak: float) -> float:
    """The three branches of the paper, with its modulo."""
    phase = math.fmod(time - shift, period) / period
    phase += phase < 0
    if phase < ratio / 2:
        return 2 * phase / ratio
    return 2 - 2 * phase / ratio if phase < ratio else leak * phase


def test_steps_of_the_paper_at_irregular_times() -> None:
    cell = make("phased_lstm", 3, 5, ratio_open=0.4, leak=0.01)
    rng = np.random.default_rng(0)
    params = {name: rng.standard_normal(each.shape) for name, each in cell.parameters().items()}
    state = {"hidden": np.zeros(5), "cell": np.zeros(5), "clock": np.zeros(1)}
    hidden, before, time = np.zeros(5), np.zeros(5), 0.0
    p_i, p_f, p_o = params["peephole"].reshape(3, 5)
    opened = []
    for _ in range(20):
        x, elapsed = rng.standard_normal(3), rng.exponential()
        state = cell.step(NumpyOps(), x, state, params | {"elapsed": np.array([elapsed])})
        time += elapsed
        k = np.array([gate(time, math.exp(params["log_period"][n]), params["shift"][n], 0.4, 0.01) for n in range(5)])
        net = params["weight_ih"] @ x + params["weight_hh"] @ hidden + params["bias_ih"] + params["bias_hh"]
        net_i, net_f, net_g, net_o = net.reshape(4, 5)
        proposed = sigmoid(net_f + p_f * before) * before + sigmoid(net_i + p_i * before) * np.tanh(net_g)
        output = sigmoid(net_o + p_o * proposed) * np.tanh(proposed)
        before, hidden = k * proposed + (1 - k) * before, k * output + (1 - k) * hidden
        np.testing.assert_allclose(state["cell"], before, rtol=1e3 * ROUNDING, atol=1e3 * ROUNDING)
        np.testing.assert_allclose(state["hidden"], hidden, rtol=1e3 * ROUNDING, atol=1e3 * ROUNDING)
        opened.append(k > 0.01)
    # All three branches were met.
    assert 0 < np.mean(opened) < 1


def test_a_closed_unit_without_a_leak_keeps_its_state_to_the_bit() -> None:
    cell = make("phased_lstm", 3, 5, leak=0.0)
    params = initialise(cell, np.random.default_rng(0)) | {
        "log_period": np.full(5, math.log(100)),
        "shift": np.zeros(5),
    }
    state = {"hidden": np.full(5, 0.3), "cell": np.full(5, 0.7), "clock": np.full(1, 50.0)}
    for _ in range(40):
        state = cell.step(NumpyOps(), np.ones(3), state, params | {"elapsed": np.ones(1)})
    assert state["clock"] == 90
    assert (state["hidden"] == 0.3).all()
    assert (state["cell"] == 0.7).all()


@pytest.mark.parametrize(("memory", "longest"), [(0, 1000), (50, 50)])
def test_periods_are_drawn_log_uniformly(memory: int, longest: int) -> None:
    params = initialise(make("phased_lstm", 2, 600), np.random.default_rng(0), memory=memory)
    share, shift = params["log_period"] / math.log(longest), params["shift"] / np.exp(params["log_period"])
    for uniform in (share, shift):
        counts, _ = np.histogram(uniform, 5, (0, 1))
        assert counts.sum() == 600
        assert np.abs(counts - 120).max() < 40


@pytest.mark.parametrize("options", [{"ratio_open": 0.0}, {"ratio_open": 1.5}, {"leak": -0.1}])
def test_shares_lie_between_0_and_1(options: dict[str, float]) -> None:
    with pytest.raises(SettingsError, match="ratio_open must be above 0 and at most 1, leak from 0 to 1"):
        make("phased_lstm", 2, 3, **options)
