from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from elman.baselines import speed
from elman.baselines.layers import Shape
from elman.baselines.speed import Speed
from elman.cli.bench import bench

ROWS = [
    Speed("training", Shape("lstm", 32, 100, 256), {"ours": 0.0123, "torch": 0.0246}, 0.76),
    Speed("one step", Shape("gru", 1, 1, 128), {"ours": 4.7e-6, "torch": 33e-6, "onnx": 11.9e-6}, 0.21),
]


@pytest.fixture(autouse=True)
def _measured_before(monkeypatch: pytest.MonkeyPatch) -> None:
    def speeds(rate: float) -> Iterator[Speed]:
        assert rate == 331e9
        yield from ROWS

    monkeypatch.setattr(speed, "rate", lambda: 331e9)
    monkeypatch.setattr(speed, "speeds", speeds)


def test_a_line_for_everything_that_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    bench()
    lines = capsys.readouterr().out.splitlines()
    assert "torch " in lines[1]
    assert "331 GFLOP/s" in lines[2]
    first, second = (next(line.split() for line in lines if line.startswith(cell)) for cell in ("LSTM", "GRU"))
    assert first == "LSTM training 32 100 256 12.3 ms 24.6 ms 2.00x 76%".split()  # noqa: SIM905 - as it is printed
    assert second[:9] == ["GRU", "one", "step", "1", "1", "128", "4.7", "us", "33"]
    assert second[-2:] == ["2.53x", "21%"]
    assert max(map(len, lines)) <= 80


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    bench(json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["matrix_products_per_second"] == 331e9
    assert told["rows"][0] == {
        "cell": "lstm",
        "kind": "training",
        "batch": 32,
        "time": 100,
        "units": 256,
        "seconds": {"ours": 0.0123, "torch": 0.0246},
        "times_faster": 2.0,
        "share_of_matrix_products": 0.76,
    }
