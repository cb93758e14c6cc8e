"""A linear map beside a network that forecasts: found in closed form, weighed on held-out windows, made part of it.

Two forecasts whose errors differ are better together (Bates & Granger 1969). The map sees what the network sees, so
that both are one network of the same kind: `elman.shapes.forecast.ForecastShape.linear`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elman.codecs.panel import Panel
from elman.data.windows import origins_of
from elman.runtime.forecast_model import ForecastModel

#: Windows that the map is found from, at most, and how many are looked at at once.
WINDOWS, AT_ONCE = 20_000, 2_048

#: Penalties on the map, as shares of the mean square of what it sees.
PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)


class _Seen(NamedTuple):
    """Windows without gaps in what follows: what is seen, (n, context), and what follows, (n, horizon)."""

    values: NDArray[np.float64]
    targets: NDArray[np.float64]


def takes_linear(model: ForecastModel) -> bool:
    """Whether a map can be put beside: beside a direct network of quantiles, from the last value on, without one."""
    shape = model.shape
    plain = shape.network == "direct" and shape.distribution == "quantiles" and not shape.linear
    return plain and model.codec.level == "last" and 0.5 in shape.quantiles


def with_linear(
    model: ForecastModel,
    panel: Panel,
    learnt: NDArray[np.int64],
    held_out: tuple[NDArray[Any], NDArray[Any]],
    seed: int,
) -> tuple[ForecastModel, float]:
    """The model with the map in it, and the share of the map, from 0 to 1.

    The median becomes (1 - w) of the network's and w of the map's, and the other quantiles keep their distance to it.
    The penalty of the map and w have the least squared error on held-out windows.

    Args:
        model: See `takes_linear`.
        panel: The series.
        learnt: Rows of each that are learnt from, (n,).
        held_out: Series and origin of held-out windows.
        seed: Of the windows that the map is found from.
    """
    shape = model.shape
    series, origins = origins_of(panel, shape.reach, shape.horizon, last=learnt - shape.horizon)
    some = np.random.default_rng(seed).permutation(len(series))[:WINDOWS]
    gram, product = np.zeros((shape.context, shape.context)), np.zeros((shape.context, shape.horizon))
    for begin in range(0, len(some), AT_ONCE):
        part = some[begin : begin + AT_ONCE]
        seen = _seen(model, panel, series[part].astype(np.int64), origins[part].astype(np.int64))
        gram, product = gram + seen.values.T @ seen.values, product + seen.values.T @ seen.targets
    checked = _seen(model, panel, *held_out)
    size = np.trace(gram) / len(gram)
    if not len(checked.values) or size <= 0:
        return model, 0.0
    maps = [np.linalg.solve(gram + penalty * size * np.eye(len(gram)), product) for penalty in PENALTIES]
    best = min(maps, key=lambda each: float(((checked.values @ each - checked.targets) ** 2).mean()))
    median = _medians(model, panel, held_out)
    apart = checked.values @ best - median
    share = float(np.clip(((checked.targets - median) * apart).sum() / max((apart**2).sum(), 1e-12), 0, 1))
    return _joined(model, best, share), share


def _seen(model: ForecastModel, panel: Panel, series: NDArray[Any], origins: NDArray[Any]) -> _Seen:
    windows = model.codec.encode(panel, series, origins, model.shape.horizon, targets=True)
    whole = ~np.isnan(windows.targets).any(1)
    return _Seen(windows.values[whole].astype(np.float64), windows.targets[whole].astype(np.float64))


def _medians(model: ForecastModel, panel: Panel, held_out: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[np.float64]:
    """What the network says of the windows of `_seen`."""
    windows = model.codec.encode(panel, *held_out, model.shape.horizon, targets=True)
    whole = ~np.isnan(windows.targets).any(1)
    return model.engine().quantiles(windows, (0.5,))[whole, :, 0].astype(np.float64)


def _joined(model: ForecastModel, linear: NDArray[np.float64], share: float) -> ForecastModel:
    shape, tensors = replace(model.shape, linear=True), dict(model.tensors)
    middle = shape.quantiles.index(0.5)
    for name in ("head.weight", "head.bias"):
        rows = tensors[name].reshape(shape.segment, len(shape.quantiles), -1)
        tensors[name] = (rows - share * rows[:, middle : middle + 1]).reshape(tensors[name].shape).astype(np.float32)
    tensors["linear.weight"] = (share * linear.T).astype(np.float32)
    return replace(model, shape=shape, tensors=tensors)
