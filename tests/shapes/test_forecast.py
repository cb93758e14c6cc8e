"""Networks of forecasts that cannot be are refused; those that can are kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from elman.errors import BundleError, SettingsError
from elman.shapes.forecast import ForecastShape
from forecast_networks import COMMON, LEVELS, SHAPES


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_kept_in_json(name: str) -> None:
    assert ForecastShape.from_dict(json.loads(json.dumps(SHAPES[name].to_dict()))) == SHAPES[name]


@pytest.mark.parametrize(
    ("network", "distribution", "options", "what"),
    [
        ("indirect", "normal", {}, "network 'indirect'"),
        ("direct", "norml", {}, "normal"),
        ("direct", "quantiles", {}, "rising levels"),
        ("direct", "quantiles", {"quantiles": (0.9, 0.1)}, "rising levels"),
        ("direct", "normal", {"lags": (3,)}, "Lags"),
        ("direct", "normal", {"seasons": (4,)}, "hybrid"),
        ("hybrid", "normal", {}, "seasons"),
        ("hybrid", "normal", {"seasons": (40,)}, "no season of 40"),
        ("hybrid", "negative-binomial", {"seasons": (4,)}, "Counts"),
        ("autoregressive", "quantiles", {"quantiles": LEVELS}, "draws values"),
        ("autoregressive", "normal", {"past": 1}, "every step ahead"),
        ("autoregressive", "normal", {"lags": (1, 2)}, "from 2 on"),
        ("autoregressive", "normal", {"segment": 3}, "Segments"),
        ("direct", "normal", {"horizon": 0}, "at least 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    network: str, distribution: str, options: dict[str, Any], what: str
) -> None:
    with pytest.raises(SettingsError, match=what):
        ForecastShape(network, distribution, **COMMON | options)


def test_a_damaged_config_is_told() -> None:
    with pytest.raises(BundleError, match="network"):
        ForecastShape.from_dict({"network": "direct", "depth": 3})
