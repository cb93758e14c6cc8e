"""train anomalies and impute, and what predict and evaluate make of their models."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from shell import Shell
from tasks.test_channels import LEARNT, channels


@pytest.fixture
def elman(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def _options() -> list[str]:
    few = {**LEARNT, "steps": 4}
    return [item for name, value in few.items() for item in (f"--{name.replace('_', '-')}", str(value))]


def test_from_a_table_to_alarms(elman: Shell, tmp_path: Path) -> None:
    normal, new, out = tmp_path / "normal.csv", tmp_path / "new.csv", tmp_path / "run"
    channels().to_csv(normal, index=False)
    table = channels(200, seed=1)
    table.loc[100:102, "inside"] += 30
    table.assign(fault=[int(100 <= row <= 102) for row in range(200)]).to_csv(new, index=False)
    code, said, error = elman("train", "anomalies", normal, "--out", out, *_options())
    assert code == 0, error
    assert "Held-out data, taken as normal" in said
    code, said, error = elman("predict", out, new, "--plot", tmp_path / "alarms.png", "--json")
    assert code == 0, error
    first = json.loads(said.splitlines()[0])
    assert (first["channel"], first["because"]) == ("inside", "is not what the other channels tell")
    assert (tmp_path / "alarms.png").stat().st_size > 10_000
    code, said, _ = elman("predict", out, new, "--stream", "--out", tmp_path / "steps.csv")
    assert code == 0
    assert len(pd.read_csv(tmp_path / "steps.csv")) == 200
    code, said, _ = elman("evaluate", out, new, "--labels", "fault", "--out", tmp_path / "report")
    assert code == 0
    assert "3 of 200 steps are anomalies" in said
    assert (tmp_path / "report" / "alarms.png").exists()
    assert "which steps are anomalies" in elman("evaluate", out, new)[2]
    code, said, _ = elman("info", out)
    assert (code, "channels: inside, outside, noise" in said) == (0, True)


def test_from_a_table_with_gaps_to_one_without(elman: Shell, tmp_path: Path) -> None:
    file, out = tmp_path / "table.csv", tmp_path / "run"
    table = channels()
    table.loc[30:40, "inside"] = None
    table.to_csv(file, index=False)
    code, said, error = elman("train", "impute", file, "--out", out, *_options())
    assert code == 0, error
    assert "those of the line" in said
    code, said, _ = elman("predict", out, file)
    assert len(said.splitlines()) == 12
    code, said, _ = elman("predict", out, file, "--out", tmp_path / "filled.csv")
    assert pd.read_csv(tmp_path / "filled.csv").notna().all(axis=None)
    code, _, error = elman("predict", out, file, "--stream")
    assert (code, "not for filling gaps" in error) == (2, True)
