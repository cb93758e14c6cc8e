"""A model of forecasts: from a panel to quantiles, in a folder, as a stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elman.codecs.forecast_windows import WindowCodec
from elman.codecs.panel import LEVELS, Panel
from elman.errors import BundleError, DataError, UsageError
from elman.export import write_bundle
from elman.metrics.conformal import Conformal
from elman.runtime.bundle import Bundle
from elman.runtime.forecast_model import ForecastModel, tail
from elman.shapes.forecast import ForecastShape
from forecast_networks import SHAPES, network
from small_models import FIGURES
from tolerances import NUMPY_AGAINST_TORCH

KINDS = ["autoregressive student-t", "direct normal", "direct implicit", "hybrid"]


def panel(length: int = 60, series: int = 3) -> Panel:
    rng = np.random.default_rng(0)
    waves = 50 + 9 * np.sin(np.arange(length) * 2 * np.pi / 12) + rng.normal(0, 2, (series, length))
    return Panel.of({f"s{number}": wave for number, wave in enumerate(waves)}, "MS", start="2015-01")


def model(name: str = "direct normal", of: Panel | None = None, **options: Any) -> ForecastModel:
    shape = SHAPES[name]
    of = of or panel()
    codec = WindowCodec.fit(of, context=shape.context, reach=shape.reach, logarithm=True, numbered=bool(shape.series))
    tensors = {key: value.numpy() for key, value in network(shape).state_dict().items()}
    return ForecastModel(shape, codec, of.columns, tail(of, shape.reach), tensors, paths=20, **options)


@pytest.mark.parametrize("name", KINDS)
def test_a_forecast_goes_by_no_more_than_the_end_of_a_series(name: str) -> None:
    whole = panel()
    made = model(name)
    long, short = made.forecast(whole), made.forecast()
    np.testing.assert_allclose(long.quantiles, short.quantiles, **NUMPY_AGAINST_TORCH)
    assert np.array_equal(long.first, short.first)
    assert (np.diff(long.quantiles, axis=-1) >= 0).all()
    changed = whole.target.copy()
    changed[whole.offsets[:-1]] *= 3  # before the window
    again = made.forecast(Panel(**{**whole.__dict__, "target": changed}))
    np.testing.assert_allclose(again.point, long.point)


@pytest.mark.parametrize("name", KINDS)
def test_nothing_after_the_origin_is_seen(name: str) -> None:
    whole, made = panel(), model(name)
    series, origins = np.arange(3), np.array([40, 41, 42])
    told = made.at(whole, series, origins)
    cut = made.forecast(whole.until(origins))
    np.testing.assert_allclose(told.quantiles, cut.quantiles, **NUMPY_AGAINST_TORCH)


@pytest.mark.parametrize("name", KINDS)
def test_a_folder_gives_the_same_forecast(name: str, tmp_path: Path) -> None:
    made = model(name, conformal=Conformal(LEVELS, np.array([0.1]), np.full((1, 7), 2.0)))
    write_bundle(tmp_path, task="forecast", model=made, settings={}, metrics=FIGURES, sample=made.record())
    read = Bundle.read(tmp_path, ForecastModel).model
    np.testing.assert_allclose(read.forecast().quantiles, made.forecast().quantiles, **NUMPY_AGAINST_TORCH)
    (tmp_path / "latest.safetensors").write_bytes(b"no")
    with pytest.raises(BundleError, match="latest"):
        Bundle.read(tmp_path)


@pytest.mark.parametrize("name", KINDS)
def test_a_stream_says_what_the_whole_table_says(name: str, tmp_path: Path) -> None:
    whole = panel(72)
    before = whole.without_last(9)
    made = model(name, before)
    stream = made.stream("s1")
    for value in whole.series(1)[63:70]:
        stream.push(float(value))
    stream.save(tmp_path / "stream")
    other = made.stream("s1")
    other.load(tmp_path / "stream")
    fork = stream.fork()
    fork.push(3.0)
    for live in (stream, other):
        for value in whole.series(1)[70:]:
            live.push(float(value))
        expected = made.forecast(whole.take([1]))
        found = live.forecast()
        np.testing.assert_allclose(found.quantiles, expected.quantiles, **NUMPY_AGAINST_TORCH)
        assert found.first.tolist() == expected.first.tolist()
    stream.reset()
    np.testing.assert_allclose(stream.forecast().point, made.forecast(before.take([1])).point, **NUMPY_AGAINST_TORCH)


def test_a_stream_of_an_unknown_series_begins_with_nothing() -> None:
    made = model("direct normal")
    stream = made.stream()
    with pytest.raises(DataError, match="nothing was measured"):
        stream.forecast()
    for value in (3.0, None, 5.0):
        stream.push(value)
    expected = made.forecast(Panel.of({"new": [3.0, np.nan, 5.0]}, "MS"))
    np.testing.assert_allclose(stream.forecast().quantiles, expected.quantiles, **NUMPY_AGAINST_TORCH)
    with pytest.raises(UsageError, match="s9"):
        made.stream("s9")


def test_a_direct_network_tells_no_more_steps_than_it_learnt() -> None:
    with pytest.raises(UsageError, match="--horizon 8"):
        model("direct normal").forecast(horizon=8)
    assert model("autoregressive student-t").forecast(horizon=8).horizon == 8
    assert model("direct normal").forecast(horizon=2).horizon == 2


def test_the_mean_lies_above_the_median_where_logarithms_are_symmetric() -> None:
    median, mean = model("direct normal").forecast(), model("direct normal", point="mean").forecast()
    assert (mean.point > median.point).all()


def test_covariates_of_the_future_must_be_known() -> None:
    whole = panel(series=1)
    known = Panel(**{**whole.__dict__, "future": np.ones((60, 1)), "columns": whole.columns})
    shape = ForecastShape("direct", "normal", "gru", (4,), 10, 5, segment=5, future=1)
    codec = WindowCodec.fit(known, context=10, reach=10, logarithm=False)
    windows = codec.encode(known, np.array([0]), np.array([50]), shape.horizon)
    assert windows.future.shape == (1, 15, 1)
    with pytest.raises(DataError, match="all 5 steps"):
        codec.encode(known, np.array([0]), np.array([58]), shape.horizon)


def test_drawn_futures_are_as_many_as_asked_for() -> None:
    assert model("autoregressive student-t").sampled(paths=4, horizon=9).shape == (3, 4, 9)
    assert model("direct normal").sampled(paths=4).shape == (3, 4, 7)


def test_the_last_value_is_told_where_nothing_beyond_it_was_found() -> None:
    persistent = (True, True, False, False, False, True, False)
    plain, made = model("direct normal").forecast(), model("direct normal", persistent=persistent).forecast()
    last = np.array([panel().series(number)[-1] for number in range(3)])
    np.testing.assert_allclose(made.point[:, :2], np.tile(last[:, None], 2), rtol=1e-5)
    np.testing.assert_allclose(made.quantiles[:, 2:5], plain.quantiles[:, 2:5])
    widths = [np.log(each.quantiles[..., -1] / each.quantiles[..., 0]) for each in (plain, made)]
    np.testing.assert_allclose(*widths, rtol=1e-4)
