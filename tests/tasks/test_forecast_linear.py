"""A linear map beside a network that forecasts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from elman.codecs.forecast_windows import WindowCodec
from elman.codecs.panel import Panel
from elman.runtime.forecast_model import ForecastModel, tail
from elman.shapes.forecast import ForecastShape
from elman.tasks.forecast import Forecaster
from elman.tasks.forecast_linear import takes_linear, with_linear
from forecast_networks import network

SHAPE = ForecastShape("direct", "quantiles", "gru", (5,), 10, 4, quantiles=(0.1, 0.5, 0.9), segment=2)


def model(panel: Panel) -> ForecastModel:
    codec = WindowCodec.fit(panel, context=10, reach=10, logarithm=False)
    tensors = {key: value.numpy().copy() for key, value in network(SHAPE).state_dict().items()}
    rows = tensors["head.weight"].reshape(2, 3, -1)
    rows[:] = rows[:, 1:2]  # quantiles that do not cross
    tensors["head.bias"] = np.tile(np.array([-0.4, 0.1, 0.7], np.float32), 2)
    return ForecastModel(SHAPE, codec, panel.columns, tail(panel, 14), tensors)


def test_what_is_linear_is_found_and_intervals_keep_their_width() -> None:
    """A sine goes on by a linear map of what came before; the network of random weights says nothing of it."""
    panel = Panel.of({"sine": np.sin(np.arange(300) / 3)})
    before = model(panel)
    held_out = (np.zeros(40, np.int64), np.arange(250, 290))
    after, share = with_linear(before, panel, np.array([250]), held_out, 0)
    assert share == pytest.approx(1.0, abs=1e-3)
    assert after.shape == replace(SHAPE, linear=True)
    told = [each.at(panel, *held_out, levels=SHAPE.quantiles) for each in (before, after)]
    np.testing.assert_allclose(told[1].point, panel.series(0)[held_out[1][:, None] + np.arange(4)], atol=0.02)
    widths = [each.quantiles[..., -1] - each.quantiles[..., 0] for each in told]
    np.testing.assert_allclose(widths[1], widths[0], rtol=1e-3, atol=1e-5)


def test_noise_leaves_the_map_hardly_a_share() -> None:
    panel = Panel.of({"noise": np.random.default_rng(0).normal(size=2000).cumsum()})
    quiet = model(panel)
    tensors = {name: 0 * value if name.startswith("head") else value for name, value in quiet.tensors.items()}
    held_out = (np.zeros(400, np.int64), np.arange(1500, 1900))
    _, share = with_linear(replace(quiet, tensors=tensors), panel, np.array([1500]), held_out, 0)
    assert share < 0.3


def test_only_beside_direct_networks_of_quantiles() -> None:
    made = model(Panel.of({"sine": np.sin(np.arange(99) / 3)}))
    assert takes_linear(made)
    assert not takes_linear(replace(made, shape=replace(SHAPE, linear=True)))
    assert not takes_linear(replace(made, shape=ForecastShape("direct", "normal", "gru", (5,), 10, 4)))


def test_it_is_asked_for_by_name() -> None:
    panel = Panel.of({"sine": np.sin(np.arange(300) / 3)})
    options = {"architecture": "direct", "horizon": 4, "context": 12, "hidden_size": 4, "steps": 2, "held_out": 60}
    beside, without = (Forecaster(linear=name, **options).fit(panel).model for name in ("beside", "none"))
    assert (beside.shape.linear, without.shape.linear) == (True, False)
    assert np.abs(beside.tensors["linear.weight"]).max() > 0.01
