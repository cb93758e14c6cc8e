from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from elman.diagnostics.reach_log import COLUMNS, ReachLog
from elman.errors import SettingsError, UsageError
from elman.nn import Recurrent
from elman.nn.subject import Subject
from elman.settings import TrainingSettings
from elman.training.loop import Trainer
from elman.training.problem import Loss


class Batches:
    def steps_in(self, epoch: int) -> int:
        return 4

    def batch(self, epoch: int, index: int) -> Tensor:
        return torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(index))


def objective(module: nn.Module, batch: Tensor, carry: None) -> Loss:
    return Loss(module(batch)[0].square().mean(), batch.shape[0])


def fit(
    *events: ReachLog, window: int = 25, steps: int = 4, directory: Path | None = None, resume: bool = False
) -> Recurrent:
    torch.manual_seed(0)
    layer = Recurrent("rnn", 2, 4, initial="torch", dropout=0.1, num_layers=2)
    settings = TrainingSettings(
        steps=steps, threads=1, precision="32", learning_rate=0.1, clip_norm=1e-6, window=window
    )
    for event in events:
        event.on_subject(lambda: subject(layer), settings)
    Trainer(settings, directory, events=events).fit(layer, objective, Batches(), resume=resume)
    return layer


def subject(layer: Recurrent) -> Subject:
    inputs = torch.randn(1, 30, 2, generator=torch.Generator().manual_seed(0))
    return Subject(
        layer, inputs, lambda outputs: outputs.sum(-1), lambda scores, targets: scores - targets,
        torch.zeros(1, 30), torch.ones(1, 30, dtype=torch.bool), [["x"] * 30],
    )  # fmt: skip


def test_it_writes_a_row_for_every_look(tmp_path: Path) -> None:
    told: list[str] = []
    log = ReachLog(tmp_path, every=2, warn=told.append)
    fit(log, steps=5)
    with (tmp_path / "reach.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "2", "4", "5"]
    assert tuple(rows[0]) == COLUMNS
    assert [row["clipped_gradients"] for row in rows] == ["0", "1", "1", "1"]
    assert 0 < float(rows[0]["reach"]) < 25
    assert len(told) == 1, "once is enough while it stays short"
    assert "reach" in told[0]
    assert "less than the window of 25" in told[0]
    written = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert b"memory/reach" in written


def test_a_resumed_run_goes_on_with_the_table(tmp_path: Path) -> None:
    fit(ReachLog(tmp_path, every=2), steps=4, directory=tmp_path)
    log = ReachLog(tmp_path, every=2)
    fit(log, steps=8, directory=tmp_path, resume=True)
    assert [row["step"] for row in log.rows] == [0, 2, 4, 6, 8]


def test_training_is_the_same_with_it_and_without() -> None:
    with_it, without = fit(ReachLog(every=1)), fit()
    for one, other in zip(with_it.parameters(), without.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_reach_as_long_as_the_window_is_not_warned_of() -> None:
    told: list[str] = []
    fit(ReachLog(every=1, warn=told.append), window=1)
    assert told == []


def test_it_needs_something_to_look_at_and_a_number_of_steps() -> None:
    with pytest.raises(SettingsError, match="at least 1 step, not 0"):
        ReachLog(every=0)
    settings = TrainingSettings(steps=1, threads=1, precision="32")
    with pytest.raises(UsageError, match="nothing to look at: call its on_subject"):
        Trainer(settings, events=[ReachLog()]).fit(Recurrent("rnn", 2, 4), objective, Batches())
