from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elman.errors import DataError, SaveError
from elman.training import logs
from elman.training.events import Progress
from elman.training.logs import CsvLog, TensorBoardLog, read_curve
from elman.training.loop import Trainer
from training.small_run import Windows, evaluate, network, objective, settings

START = Progress(
    step=0, epoch=0, total=None, fraction=0.0, loss=1.5, learning_rate=0.1, grad_norm=2.0, symbols=0,
    symbols_per_second=0.0, elapsed=0.0, seconds_left=None,
)  # fmt: skip


def at(step: int, score: float | None = None, **figures: float) -> Progress:
    return dataclasses.replace(START, step=step, symbols=10 * step, score=score, figures=figures)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_rows_of_steps_and_scores(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    log.on_start(START)
    for step in range(1, 121):
        log.on_step(at(step))
        if step in (100, 110):
            log.on_score(at(step, 1.25, bits=1.8))
    log.on_end(at(120))
    table = rows(tmp_path / "log.csv")
    assert [(row["step"], row["score"], row["bits"]) for row in table] == [
        ("50", "", ""),
        ("100", "1.25", "1.8"),
        ("110", "1.25", "1.8"),
    ]
    assert (table[0]["loss"], table[0]["symbols"], table[0]["learning_rate"]) == ("1.5", "500", "0.1")


@pytest.mark.parametrize("cut", [0, 7])
def test_a_resumed_log_has_every_step_once(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "log.csv"
    log = CsvLog(file)
    log.on_start(START)
    for step in range(50, 301, 50):
        log.on_step(at(step))
        log.on_score(at(step, 1.0, bits=2.0))
    content = file.read_bytes()
    file.write_bytes(content[: len(content) - cut])  # as a kill in the middle of a row leaves it
    log = CsvLog(file)
    log.on_start(at(200))
    for step in range(250, 351, 50):
        log.on_step(at(step))
        log.on_score(at(step, 1.0, bits=2.0, words=3.0))
    assert [row["step"] for row in rows(file)] == ["50", "100", "150", "200", "250", "300", "350"]
    assert [row["words"] for row in rows(file)] == [""] * 4 + ["3"] * 3


@given(st.integers(0, 400))
def test_any_cut_of_the_table_can_be_resumed(length: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.csv"
        log = CsvLog(file)
        log.on_start(START)
        for step in range(50, 301, 50):
            log.on_step(at(step))
        log.on_end(at(300))
        file.write_bytes(file.read_bytes()[:length])
        log = CsvLog(file)
        log.on_start(at(100))
        log.on_step(at(150))
        log.on_end(at(150))
        steps = [int(row["step"]) for row in rows(file)]
        assert steps in ([150], [50, 150], [50, 100, 150])


def test_a_new_run_starts_a_new_table(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("something,else\n1,2\n")
    CsvLog(tmp_path / "log.csv").on_start(START)
    assert rows(tmp_path / "log.csv") == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "runs" / "log.csv")
    log.on_start(START)
    (tmp_path / "runs" / "log.csv").unlink()
    (tmp_path / "runs" / "log.csv").mkdir()
    log.on_step(at(50))
    with pytest.raises(SaveError, match=r"log\.csv: cannot be written"):
        log.on_end(at(50))


def test_an_interrupted_and_resumed_run_logs_what_the_whole_run_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_EVERY", 2)
    for name, epochs in (("whole", [3]), ("parts", [1, 3])):
        for number, count in enumerate(epochs):
            run = Trainer(
                settings(epochs=count, schedule="constant"), tmp_path / name, events=[CsvLog(tmp_path / f"{name}.csv")]
            )
            run.fit(network(), objective, Windows(), evaluate, resume=number > 0)
    whole, parts = (
        [{key: value for key, value in row.items() if key != "elapsed"} for row in rows(tmp_path / f"{name}.csv")]
        for name in ("whole", "parts")
    )
    assert whole == parts
    assert len(whole) == 9


def test_the_curve_of_a_table_is_that_of_its_scores(tmp_path: Path) -> None:
    log = CsvLog(tmp_path / "log.csv")
    log.on_start(START)
    for step in range(25, 151, 25):
        log.on_step(at(step))
        if step in (75, 150):
            log.on_score(dataclasses.replace(at(step, 1.0, bits=step / 100), elapsed=step / 10))
    assert read_curve(tmp_path / "log.csv", "bits") == ([7.5, 15.0], [0.75, 1.5])
    with pytest.raises(DataError, match="has no column 'accuracy'"):
        read_curve(tmp_path / "log.csv", "accuracy")
    with pytest.raises(DataError, match="cannot be read"):
        read_curve(tmp_path / "none.csv", "bits")


def test_tensorboard_reads_what_was_logged(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for start, end in ((0, 300), (200, 350)):
        log = TensorBoardLog(tmp_path)
        log.on_start(at(start))
        for step in range(start + 50, end + 1, 50):
            log.on_step(at(step))
        log.on_score(at(end, 1.5, bits=2.25))
        log.on_checkpoint(at(end))
        log.on_end(at(end))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.step for event in events.Scalars("loss")] == [50, 100, 150, 200, 250, 300, 350]
    assert [(event.step, event.value) for event in events.Scalars("held-out/bits")] == [(350, 2.25)]
    assert events.Scalars("held-out/score")[0].value == 1.5


@pytest.mark.parametrize("log", [TensorBoardLog, CsvLog])
def test_a_place_that_cannot_be_written_to_is_said(log: type[TensorBoardLog | CsvLog], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SaveError, match="taken"):
        log(tmp_path / "taken" / "log").on_start(START)
