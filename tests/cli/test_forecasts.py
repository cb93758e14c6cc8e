"""train forecast, and what predict, evaluate and info make of its models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shell import Shell


@pytest.fixture
def elman(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_from_a_table_to_forecasts(elman: Shell, tmp_path: Path) -> None:
    file, out = tmp_path / "sales.csv", tmp_path / "run"
    times = pd.date_range("2015-01-01", periods=60, freq="MS")
    pd.DataFrame({"month": times, "sales": 20 + 5 * np.sin(np.arange(60) * np.pi / 6)}).to_csv(file, index=False)
    small = ["--horizon", 3, "--context", 12, "--hidden-size", 4, "--steps", 3]
    code, said, error = elman("train", "forecast", file, "--out", out, *small)
    assert code == 0, error
    assert "last season" in said
    assert "60 steps; a step is a month" in error

    pictures = ["--plot", tmp_path / "fan.png", "--html", tmp_path / "fan.html"]
    code, said, _ = elman("predict", out, *pictures, "--out", tmp_path / "next.csv", "--horizon", 2)
    assert code == 0
    assert "sales" in (tmp_path / "fan.html").read_text()
    assert pd.read_csv(tmp_path / "next.csv")["ds"].tolist() == ["2020-01-01", "2020-02-01"]
    assert (tmp_path / "fan.png").stat().st_size > 1000
    code, said, _ = elman("predict", out, file, "--json")
    assert len([json.loads(line) for line in said.splitlines()]) == 3
    assert "forecast" in elman("predict", out)[1]

    code, said, _ = elman("evaluate", out, file, "--folds", 2, "--json")
    assert set(json.loads(said)["figures"]) == {"model", "last value", "last season", "linear map"}
    code, said, _ = elman("info", out)
    assert code == 0
    assert "3 steps ahead" in said

    further = ["--from", out, "--steps", 1, "--held-out", 0]
    code, said, _ = elman("train", "forecast", file, "--out", tmp_path / "more", *further)
    assert code == 0
    code, _, error = elman("predict", out, "--horizon", 9)
    assert code != 0
    assert "--architecture autoregressive" in error
    assert "DATA" in elman("predict", out, "--stream")[2]
