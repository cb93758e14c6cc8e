"""Benchmarks of the compiled engine run, on the smallest shapes; what they measure there means nothing."""

from __future__ import annotations

import importlib
import json
import math
import shutil
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.__main__ import NAMES
from benchmarks.harness import Data, Figure

QUICK = [
    *(
        "compile_time",
        "custom_cells",
        "dense_cells",
        "elementwise_cells",
        "flags",
        "gradient_reach",
        "inference_grid",
        "layer_norm",
        "matrix_memory",
        "matrix_rate",
        "memory_tasks",
    ),
    *("mingru", "streaming_step"),
    *("training_grid", "units_that_count", "usable_memory", "variable_lengths"),
]


@pytest.mark.parametrize("name", QUICK)
def test_it_runs(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    figures = module.measure(Data(None, quick=True))
    assert figures
    for figure in figures:
        assert math.isfinite(figure.value)
        assert figure.unit or figure.value <= 1
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)


def test_the_page_is_measured_where_there_is_a_browser() -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: the page is not measured")
    if shutil.which("chromium") is None:
        pytest.skip("no chromium here: the page is not measured")
    test_it_runs("watch_page")


def test_every_name_is_a_benchmark() -> None:
    assert set(QUICK) <= set(NAMES)
    for name in NAMES:
        assert callable(importlib.import_module(f"benchmarks.{name}").measure)


def test_only_a_whole_run_leaves_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    figure = Figure("loss", 1.0, "nats", "lower", 2.0)
    assert harness.record("loss", lambda data: [figure], Data(None, quick=True)) == [figure]
    assert not list(tmp_path.iterdir())
    harness.record("loss", lambda data: [figure], Data(None))
    (path,) = tmp_path.iterdir()
    assert harness.read(path) == [figure]
    assert json.loads(path.read_text(encoding="utf-8"))["command"] == "python -m benchmarks loss"
