from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import forecast_runs, kept_runs
from benchmarks.forecast_runs import Attempt, Goal, Problem
from benchmarks.harness import Data


def test_a_stopped_benchmark_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_runs, "RESULTS", tmp_path)
    tried: list[int] = []

    def attempt(data: Path, run: int) -> Attempt:
        tried.append(run)
        if tried == [0, 1]:
            raise KeyboardInterrupt
        return Attempt({"MASE": 0.5 + run, "MAE": 2.0}, {"last value": {"MASE": 1.0}}, 1.5, 10, ["found"])

    problem = Problem("waves", attempt, (Goal("MASE", 0.9), Goal("MAE")), runs=(0, 1))
    with pytest.raises(KeyboardInterrupt):
        forecast_runs.measure([problem], Data(tmp_path), "waves")
    found = forecast_runs.measure([problem], Data(tmp_path), "waves")
    assert tried == [0, 1, 1]
    assert [(figure.name, figure.value, figure.reached) for figure in found] == [
        ("waves: MASE, mean of 2 seeds", 1.0, False),
        ("waves: MAE, mean of 2 seeds", 2.0, True),
    ]
    assert found[0].baseline == "last value 1; 2 s of training at most, 10 weights"
    assert forecast_runs.measure([problem], Data(tmp_path), "waves") == found
