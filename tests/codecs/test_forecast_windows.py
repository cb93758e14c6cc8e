"""Windows of series in their own units."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from elman.codecs.forecast_windows import WindowCodec
from elman.codecs.panel import Panel

SERIES = Panel.of({"a": [1.0, 2.0, np.nan, 4.0, 6.0, 8.0], "b": [5.0, 5.0, 5.0, 5.0, 5.0, 5.0]})


def codec(**options: object) -> WindowCodec:
    return WindowCodec.fit(SERIES, context=3, reach=3, logarithm=False, **options)


def test_values_by_hand() -> None:
    """Of 2, gap, 4 the gap is filled with 2; the last value is the level and their deviation, 1, the scale."""
    windows = codec(numbered=True).encode(SERIES, np.array([0]), np.array([4]), 3, targets=True)
    assert_allclose(windows.values, [[-2, -2, 0]])
    assert_allclose(windows.observed, [[1, 0, 1]])
    assert_allclose(windows.targets, [[2, 4, np.nan]])
    assert (float(windows.level[0]), float(windows.scale[0]), int(windows.series[0])) == (4.0, 1.0, 1)


def test_before_a_series_its_first_value_stands() -> None:
    windows = codec(level="zero", scale="series").encode(SERIES, np.array([0]), np.array([2]), 1)
    assert_allclose(windows.observed, [[0, 1, 1]])
    assert_allclose(windows.values * windows.scale, [[1, 1, 2]], rtol=1e-6)


@pytest.mark.parametrize("level", ["last", "mean", "zero"])
@pytest.mark.parametrize("scale", ["window", "series", "mean"])
@pytest.mark.parametrize("logarithm", [False, True])
def test_forecasts_come_back_in_the_units_of_the_series(level: str, scale: str, logarithm: bool) -> None:
    made = WindowCodec.fit(SERIES, context=3, reach=3, logarithm=logarithm, level=level, scale=scale)
    windows = made.encode(SERIES, np.array([0, 1]), np.array([4, 3]), 2, targets=True)
    assert_allclose(made.decode(windows.targets, windows), [[6, 8], [5, 5]], rtol=1e-6)
    assert (windows.scale > 0).all()


def test_a_series_that_training_had_not_goes_by_its_own_window() -> None:
    other = Panel.of({"new": [1.0, 3.0, 5.0]})
    windows = codec(scale="series", numbered=True).encode(other, np.array([0]), np.array([3]), 1)
    assert float(windows.scale[0]) == pytest.approx(np.std([1, 3, 5]))
    assert int(windows.series[0]) == 0


def test_a_codec_is_kept_in_json() -> None:
    hours = Panel.of({"a": np.arange(99.0)}, "h", start="2020-01-01")
    made = WindowCodec.fit(hours, context=5, reach=7, logarithm=False, calendar=(0, 1, 3))
    again = WindowCodec.from_config(json.loads(json.dumps(made.to_config())))
    given = (np.array([0]), np.array([50]), 4)
    for one, other in zip(made.encode(hours, *given), again.encode(hours, *given), strict=True):
        assert (one is None and other is None) or np.array_equal(one, other)
    assert made.encode(hours, *given).future.shape == (1, 9, 3)
