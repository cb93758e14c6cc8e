"""Anomalies and gaps, from tables to answers, on channels that are made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

import elman
from elman.codecs.panel_frames import panel_of
from elman.errors import DataError, UsageError
from elman.tasks.anomalies import AnomalyDetector, _labels_in
from elman.tasks.impute import Imputer

#: Steps of training: enough to learn that one channel is twice the other.
LEARNT: dict[str, Any] = {
    "steps": 150, "window": 32, "hidden_size": 16, "batch_size": 8, "learning_rate": 0.02, "precision": "32",
    "threads": 1,
}  # fmt: skip


def channels(rows: int = 900, seed: int = 0) -> pd.DataFrame:
    """Two channels that tell each other, and a third that does not."""
    rng = np.random.default_rng(seed)
    heat = lfilter([1.0], [1.0, -0.9], rng.normal(0, 0.5, rows))
    return pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=rows, freq="h"),
            "inside": heat + rng.normal(0, 0.05, rows),
            "outside": 2 * heat + 5 + rng.normal(0, 0.05, rows),
            "noise": rng.normal(size=rows),
        }
    )


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector(**LEARNT).fit(channels())


@pytest.fixture(scope="module")
def imputer() -> Imputer:
    return Imputer(**LEARNT).fit(channels())


def test_a_fault_is_found_and_explained(detector: AnomalyDetector) -> None:
    table = channels(400, seed=1)
    truth = np.zeros(400)
    truth[200:203] = 1
    table.loc[200:202, "inside"] += 4 * table["inside"].std()
    found = detector.judge(table)
    strangest = detector.stretches(found)[0]
    assert strangest.channel == "inside"
    assert strangest.start <= table["time"][201] <= strangest.end
    assert 200 <= int(found.judgement.score.argmax()) <= 202
    report = detector.evaluate(table, truth)
    assert report.figures["data"]["average_precision"] > 0.5
    assert report.figures["data"]["recall"] == 1.0
    assert "Average precision" in report.lines()[1]


def test_a_column_that_says_what_is_an_anomaly_is_no_channel() -> None:
    table = channels(300, seed=2).assign(Anomaly=[0.0] * 299 + [1.0], y2=[0.0, 1.0] * 150)
    panel = panel_of(table)
    assert _labels_in(panel, ()) == "Anomaly"
    assert _labels_in(panel, ("Anomaly", "inside")) is None
    assert _labels_in(panel_of(table.assign(Anomaly=0.5)), ()) is None


def test_labels_may_be_a_column(detector: AnomalyDetector) -> None:
    table = channels(300, seed=2)
    table["fault"] = 0
    table.loc[50:52, "fault"] = 1
    table.loc[50:52, "outside"] -= 20
    figures = detector.evaluate(table, "fault").figures["data"]
    assert figures["anomalous"] == 3
    assert figures["recall"] == 1.0
    in_words = table.assign(fault=np.where(table["fault"] == 1, "Attack", "Normal "))
    assert detector.evaluate(in_words, "fault").figures["data"] == figures
    with pytest.raises(DataError, match="expected a number in column 'fault', found 'Normal'"):
        detector.evaluate(table.assign(fault=np.where(table["fault"] == 1, "odd", "Normal")), "fault")
    with pytest.raises(DataError, match="names the column 'falt'"):
        detector.evaluate(table, "falt")
    with pytest.raises(UsageError, match="which steps are anomalies"):
        detector.evaluate(table)
    with pytest.raises(DataError, match="a label for each of 300 steps"):
        detector.evaluate(table, np.zeros(7))


def test_a_stream_says_what_the_table_says_live(detector: AnomalyDetector) -> None:
    table = channels(120, seed=3)
    table.loc[60, "inside"] = np.nan
    whole = detector.judge(table, live=True)
    live = detector.stream(start=table["time"][0])
    scores = []
    for number, row in enumerate(table[["inside", "outside", "noise"]].to_numpy()):
        if number == 77:  # a session goes on from what was saved of it, and a fork changes nothing
            live.fork().push(np.zeros(3))
        said = live.push(row)
        scores.append(said.score)
        np.testing.assert_allclose(said.expected, whole.should[number], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores, whole.judgement.score, rtol=1e-3, atol=1e-3)
    assert live.rows == 120
    with pytest.raises(UsageError, match="start"):
        detector.stream()
    with pytest.raises(DataError, match="outside missing"):
        live.push({"inside": 1.0, "noise": 0.0})


def test_a_saved_session_goes_on(detector: AnomalyDetector, tmp_path: Path) -> None:
    rows = channels(60, seed=4)[["inside", "outside", "noise"]].to_numpy()
    live = detector.stream(start="2024-03-01")
    for row in rows[:40]:
        live.push(row)
    live.save(tmp_path / "live.safetensors")
    other = detector.stream(start="2000-01-01")
    other.load(tmp_path / "live.safetensors")
    assert [live.push(row).score for row in rows[40:]] == [other.push(row).score for row in rows[40:]]


def test_gaps_are_filled_better_than_by_a_line_where_another_channel_tells(imputer: Imputer) -> None:
    report = imputer.evaluate(channels(500, seed=5))
    found = report.figures["data"]["channels"]
    assert min(found["inside"]["ratio"], found["outside"]["ratio"]) < 0.6
    assert found["noise"]["ratio"] < 1.1  # held-out data keep it from being worse than the line
    assert "under those of the line" in report.lines()[-1]


def test_what_was_measured_stays_and_what_was_not_is_filled(imputer: Imputer) -> None:
    table = channels(200, seed=6)
    table.loc[30:40, "inside"] = np.nan
    filled = imputer.transform(table)
    known = table["inside"].notna()
    np.testing.assert_allclose(filled["inside"][known], table["inside"][known])
    assert filled["inside"].notna().all()
    assert [channel for _, channel, _ in imputer.gaps(table)] == ["inside"] * 11


@pytest.mark.parametrize("kind", ["anomalies", "impute"])
def test_a_folder_keeps_the_model(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    model = request.getfixturevalue("detector" if kind == "anomalies" else "imputer")
    model.save(tmp_path / "m")
    again = elman.load(tmp_path / "m")
    assert type(again) is type(model)
    pd.testing.assert_frame_equal(again.predict(channels(80, seed=7)), model.predict(channels(80, seed=7)))
    assert "channels: inside, outside, noise" in (tmp_path / "m" / "README.md").read_text()


def test_a_single_channel_is_rebuilt_in_stretches() -> None:
    rows = np.arange(800)
    table = pd.DataFrame({"ds": pd.date_range("2024", periods=800, freq="h"), "y": np.sin(rows * 2 * np.pi / 24)})
    model = AnomalyDetector(**LEARNT).fit(table)
    table.loc[400:401, "y"] += 3
    assert 399 <= int(model.predict(table)["score"].argmax()) <= 402


def test_too_few_rows_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"60 steps are too few for windows of 8: .* and 9 held out, at least 16 "):
        AnomalyDetector().fit(channels(60))
