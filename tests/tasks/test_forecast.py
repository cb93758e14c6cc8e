"""A `Forecaster` from tables to forecasts, folders, backtests and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import elman
from elman.codecs.panel import Panel
from elman.errors import CheckpointError, DataError, SettingsError, UsageError
from elman.tasks import forecast_budget as budget
from elman.tasks.forecast import Forecaster
from elman.tasks.forecast_training import held_out_windows

SMALL: dict[str, Any] = {"horizon": 4, "context": 12, "hidden_size": 6, "steps": 6, "batch_size": 8}


def table(length: int = 60, series: int = 2, seed: int = 0) -> pd.DataFrame:
    """Months with a season of 12, long."""
    rng = np.random.default_rng(seed)
    times = pd.date_range("2015-01-01", periods=length, freq="MS")
    waves = [30 + 9 * np.sin(np.arange(length) * np.pi / 6 + k) + rng.normal(0, 1, length) for k in range(series)]
    parts = [pd.DataFrame({"unique_id": f"s{k}", "ds": times, "y": wave}) for k, wave in enumerate(waves)]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Forecaster, Path]:
    folder = tmp_path_factory.mktemp("runs") / "sales"
    model = Forecaster(**SMALL, held_out=12, conformal=True).fit(table(), out=folder)
    return model, folder


def test_a_frame_of_the_field_becomes_a_frame_of_forecasts(trained: tuple[Forecaster, Path]) -> None:
    found = trained[0].predict()
    assert list(found.columns) == ["unique_id", "ds", "forecast", "lo-50", "hi-50", "lo-80", "hi-80", "lo-95", "hi-95"]
    assert found["unique_id"].tolist() == ["s0"] * 4 + ["s1"] * 4
    assert found["ds"].iloc[0] == pd.Timestamp("2020-01-01")
    assert (found["lo-95"] <= found["forecast"]).all()
    assert (found["forecast"] <= found["hi-95"]).all()
    assert len(trained[0].predict(2)) == 4


def test_a_folder_keeps_the_model(trained: tuple[Forecaster, Path]) -> None:
    model, folder = trained
    loaded = elman.load(folder)
    assert isinstance(loaded, Forecaster)
    pd.testing.assert_frame_equal(loaded.predict(), model.predict(), rtol=1e-4)
    assert loaded.settings == model.settings
    with pytest.raises(UsageError, match="give the data"):
        loaded.backtest()


def test_the_report_stands_beside_simple_forecasts(trained: tuple[Forecaster, Path]) -> None:
    model, folder = trained
    assert model.report is not None
    figures = model.report.figures["data"]
    assert list(figures) == ["model", "last value", "last season", "linear map"]
    assert model.metrics["held_out"] == figures
    assert model.report.backtests["model"].folds == 3
    assert (folder / "report" / "index.html").stat().st_size > 10_000
    assert len(pd.read_csv(folder / "report" / "forecasts.csv")) == 3 * 2 * 4
    assert any("last season" in line for line in model.report.lines())
    assert not any("trained" in word for word in model.report.words())


def test_a_backtest_where_the_model_was_trained_says_so(trained: tuple[Forecaster, Path]) -> None:
    words = trained[0].backtest(folds=6).words()
    assert any("where the model was trained" in word for word in words)


def test_a_model_goes_on_with_the_rows_that_came_since(trained: tuple[Forecaster, Path]) -> None:
    longer = table(66, series=3)
    further = Forecaster(steps=2).fit(longer, start_from=trained[1])
    assert further.model.shape == trained[0].model.shape
    assert further.predict()["ds"].iloc[0] == pd.Timestamp("2020-07-01")
    assert len(further.predict()) == 3 * 4
    assert further.settings.network == trained[0].settings.network
    with pytest.raises(UsageError, match="horizon = 4"):
        Forecaster(horizon=5).fit(longer, start_from=trained[1])


def test_a_run_is_resumed_with_the_same_data_only(tmp_path: Path) -> None:
    quick = SMALL | {"held_out": 0}
    Forecaster(**quick).fit(table(), out=tmp_path / "run")
    with pytest.raises(CheckpointError, match="other data"):
        Forecaster(**quick).fit(table(seed=1), out=tmp_path / "run", resume=True)
    again = Forecaster(**quick | {"steps": 9}).fit(table(), out=tmp_path / "run", resume=True)
    assert again.metrics["training"]["steps"] == 9


def test_a_picture_of_what_is_to_come(trained: tuple[Forecaster, Path]) -> None:
    figure = trained[0].plot(3)
    assert [axes.get_title("left") for axes in figure.axes[:2]] == ["s0", "s1"]


def test_a_stream_of_a_series_of_the_training(trained: tuple[Forecaster, Path]) -> None:
    stream = trained[0].stream("s1")
    expected = trained[0].forecast(2)
    np.testing.assert_allclose(stream.forecast(2).quantiles[0], expected.quantiles[1], rtol=1e-4)


@pytest.mark.parametrize("architecture", ["autoregressive", "hybrid"])
def test_every_architecture_learns(architecture: str) -> None:
    model = Forecaster(**SMALL, architecture=architecture, paths=10).fit(table())
    assert np.isfinite(model.predict()["forecast"]).all()
    assert model.report is None


def test_covariates_of_all_roles_gaps_and_short_series() -> None:
    rows = table(60, 3).query("unique_id != 's2' or ds >= '2019-01-01'").reset_index(drop=True)
    rng = np.random.default_rng(0)
    rows["seen"], rows["planned"] = rng.normal(size=len(rows)), rng.normal(size=len(rows))
    rows["kind"] = rows["unique_id"].map({"s0": "a", "s1": "b", "s2": "b"})
    rows.loc[20:23, "y"] = np.nan
    model = Forecaster(**SMALL, past="seen", future="planned", static="kind").fit(rows)
    shape = model.model.shape
    assert (shape.past, shape.static, shape.gaps) == (1, 2, True)
    with pytest.raises(DataError, match="planned"):
        model.predict()
    ahead = pd.DataFrame(
        {
            "unique_id": np.repeat(["s0", "s1", "s2"], 4),
            "ds": list(pd.date_range("2020-01-01", periods=4, freq="MS")) * 3,
        }
    )
    ahead["planned"], ahead["seen"], ahead["kind"] = 0.5, np.nan, np.repeat(["a", "b", "b"], 4)
    found = model.predict(data=pd.concat([rows, ahead]))
    assert len(found) == 12
    assert np.isfinite(found["forecast"]).all()


def test_small_counts_are_drawn_as_counts() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"ds": pd.date_range("2020-01-01", periods=90), "y": rng.poisson(2.0, 90)})
    model = Forecaster(**SMALL, paths=50).fit(frame)
    assert model.model.shape.distribution == "negative-binomial"
    paths = model.model.sampled()
    np.testing.assert_allclose(paths, np.round(paths), atol=1e-4)


def test_what_cannot_be_learnt_is_told() -> None:
    with pytest.raises(DataError, match="longest series"):
        Forecaster(horizon=40).fit(table(30))
    with pytest.raises(SettingsError, match="horizon"):
        Forecaster(horizn=3)
    with pytest.raises(DataError, match="found dict"):
        Forecaster().fit({"y": [1, 2]})
    with pytest.raises(UsageError, match="call fit"):
        Forecaster().predict()


def test_held_out_windows_lie_after_what_is_learnt() -> None:
    panel = Panel.of({"long": np.arange(100.0), "short": np.arange(15.0)})
    settings = budget.resolve(Forecaster(horizon=5, held_out=20).settings, budget.Facts(panel))
    series, origins = held_out_windows(panel, settings, 10)
    assert set(series) == {0}
    assert (origins.min(), origins.max()) == (80, 95)


def test_the_budget_leaves_what_was_given() -> None:
    asked = Forecaster(architecture="direct", segment=2, epochs=3).settings
    found = budget.resolve(asked, budget.Facts(Panel.of([np.arange(200.0)], "MS", start="2000-01")))
    assert (found.network.segment, found.training.epochs, found.training.steps) == (2, 3, None)
    assert budget.resolve(found, budget.Facts(Panel.of([np.arange(99.0)]))) == found


def test_for_the_next_step_less_is_read() -> None:
    hours = budget.Facts(Panel.of([np.random.default_rng(0).normal(size=9_000)], "h", start="2000-01-01"))
    read = {horizon: budget.resolve(Forecaster(horizon=horizon).settings, hours).windows for horizon in (1, 24)}
    assert [read[1].context, read[24].context] == [72, 720]


@pytest.mark.parametrize("architecture", ["autoregressive", "direct", "hybrid"])
def test_what_it_remembers_can_be_looked_at(architecture: str) -> None:
    model = Forecaster(**SMALL, architecture=architecture, paths=2, segment=1 if architecture[0] == "a" else 3)
    subject = model.fit(table()).subject()
    outputs, _, _ = subject.run()
    assert np.isfinite(float(subject.mean_loss(outputs).detach()))
    assert subject.batch == 2
    assert subject.labels[0][-1].startswith("2019-12" if architecture[0] == "a" else "2019-08")


def test_a_random_walk_is_told_by_its_last_value() -> None:
    walk = np.random.default_rng(0).normal(size=400).cumsum()
    model = Forecaster(**SMALL, held_out=100).fit(Panel.of({"walk": walk}))
    assert len(model.model.persistent) == 4
    told = model.forecast().point[0]
    assert told[np.array(model.model.persistent)] == pytest.approx(walk[-1])
