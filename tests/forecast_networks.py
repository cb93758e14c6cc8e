"""Small networks that forecast, and windows for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from elman.codecs.forecast_windows import Windows
from elman.nn.forecast import ForecastNetwork
from elman.shapes.forecast import ForecastShape

COMMON: dict[str, Any] = {"context": 11, "horizon": 7, "cell": "gru", "hidden_sizes": (6,)}
LEVELS = (0.1, 0.5, 0.9)

#: A network for every part that there is.
SHAPES = {
    "autoregressive normal": ForecastShape(
        "autoregressive", "normal", lags=(3, 5), future=2, static=1, series=4, embedding=3, gaps=True, **COMMON
    ),
    "autoregressive student-t": ForecastShape("autoregressive", "student-t", **COMMON | {"cell": "lstm"}),
    "autoregressive counts": ForecastShape("autoregressive", "negative-binomial", lags=(7,), **COMMON),
    "autoregressive implicit": ForecastShape(
        "autoregressive", "implicit-quantile", **COMMON | {"hidden_sizes": (6, 5)}
    ),
    "direct quantiles": ForecastShape(
        "direct", "quantiles", quantiles=LEVELS, segment=4, linear=True, past=2, future=3, static=2, series=4,
        embedding=2, gaps=True, **COMMON,
    ),
    "direct normal": ForecastShape("direct", "normal", segment=3, linear=True, **COMMON | {"hidden_sizes": (6, 5)}),
    "direct student-t": ForecastShape("direct", "student-t", segment=1, **COMMON | {"cell": "lstm"}),
    "direct counts": ForecastShape("direct", "negative-binomial", segment=7, **COMMON),
    "direct implicit": ForecastShape("direct", "implicit-quantile", segment=4, **COMMON),
    "hybrid": ForecastShape("hybrid", "quantiles", quantiles=LEVELS, segment=2, seasons=(2, 5), series=4, **COMMON),
}  # fmt: skip


def network(shape: ForecastShape, seed: int = 0) -> ForecastNetwork:
    """A network in evaluation whose weights are all different from zero."""
    torch.manual_seed(seed)
    made = ForecastNetwork(shape, season=3, backend="torch").eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made


def windows(shape: ForecastShape, batch: int = 4, seed: int = 0, targets: bool = False) -> Windows:
    """Windows of random numbers with all that the network takes."""
    rng = np.random.default_rng(seed)

    def normal(*size: int) -> Any:
        return rng.standard_normal(size).astype(np.float32)

    counts = shape.distribution == "negative-binomial"
    scale = np.exp(normal(batch))
    values, ahead = normal(batch, shape.reach), normal(batch, shape.horizon)
    if counts:
        values, ahead = np.round(np.abs(values) * 5) / scale[:, None], np.round(np.abs(ahead) * 5) / scale[:, None]
    return Windows(
        values=values,
        observed=(rng.random((batch, shape.reach)) < 0.8).astype(np.float32),
        past=normal(batch, shape.context, shape.past) if shape.past else None,
        future=normal(batch, shape.context + shape.horizon, shape.future) if shape.future else None,
        static=normal(batch, shape.static) if shape.static else None,
        series=rng.integers(0, shape.series + 1, batch) if shape.series else None,
        level=normal(batch),
        scale=scale,
        targets=ahead if targets else None,
    )


def as_tensors(given: Windows) -> Windows:
    """The same as tensors."""
    return Windows(*(None if each is None else torch.from_numpy(each) for each in given))
