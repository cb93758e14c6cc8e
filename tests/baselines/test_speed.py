from __future__ import annotations

import pytest

from elman.baselines import speed
from elman.baselines.layers import Shape, one_step
from elman.baselines.onnx_layer import installed
from elman.baselines.speed import CELLS, SIZES, Speed, speeds


def test_every_cell_does_every_thing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "SIZES", {kind: [(2, 3, 4)] for kind in SIZES})
    found = list(speeds(1e9, seconds=0))
    assert [(row.shape.cell, row.kind) for row in found] == [(cell, kind) for cell in CELLS for kind in SIZES]
    for row in found:
        assert set(row.seconds) == {"ours", "torch"} | ({"onnx"} if installed() and row.kind != "training" else set())
        factor = 3 if row.kind == "training" else 1
        assert row.share == pytest.approx(factor * row.shape.flops / row.seconds["ours"] / 1e9)


def test_faster_is_against_the_best_rival() -> None:
    row = Speed("inference", Shape("lstm", 1, 1, 1), {"ours": 2.0, "torch": 8.0, "onnx": 5.0}, 0.5)
    assert row.times_faster == 2.5


@pytest.mark.parametrize("cell", CELLS)
def test_one_step_is_the_same_by_all(cell: str) -> None:
    race = one_step(Shape(cell, batch=3, time=1, units=5))  # type: ignore[arg-type]
    for run in race.values():
        run()
