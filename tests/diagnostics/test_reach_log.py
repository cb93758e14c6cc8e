from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from diagnostics.linear import of
from elman.diagnostics.reach_log import COLUMNS, ReachLog
from elman.errors import SettingsError
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


def fit(*events: ReachLog, steps: int = 4, directory: Path | None = None, resume: bool = False) -> Recurrent:
    torch.manual_seed(0)
    layer = Recurrent("rnn", 2, 4, initial="torch", dropout=0.1, num_layers=2)
    settings = TrainingSettings(steps=steps, threads=1, precision="32", learning_rate=0.1, clip_norm=1e-6)
    Trainer(settings, directory, events=events).fit(layer, objective, Batches(), resume=resume)
    return layer


def subject(module: nn.Module) -> Subject:
    assert isinstance(module, Recurrent)
    seen = Recurrent("rnn", 2, 4, num_layers=2)
    seen.load_state_dict(module.state_dict())
    return of(seen, time=30)


def test_it_writes_a_row_for_every_look(tmp_path: Path) -> None:
    told: list[str] = []
    log = ReachLog(subject, tmp_path, every=2, window=25, clip_norm=1e-6, warn=told.append)
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
    fit(ReachLog(subject, tmp_path, every=2), steps=4, directory=tmp_path)
    log = ReachLog(subject, tmp_path, every=2)
    fit(log, steps=8, directory=tmp_path, resume=True)
    assert [row["step"] for row in log.rows] == [0, 2, 4, 6, 8]


def test_training_is_the_same_with_it_and_without() -> None:
    with_it, without = fit(ReachLog(lambda module: of_copy(module), every=1)), fit()
    for one, other in zip(with_it.parameters(), without.parameters(), strict=True):
        assert torch.equal(one, other)


def of_copy(module: nn.Module) -> Subject:
    inputs = torch.randn(1, 12, 2, generator=torch.Generator().manual_seed(0))
    assert isinstance(module, Recurrent)
    return Subject(
        module, inputs, lambda outputs: outputs.sum(-1), lambda scores, targets: scores - targets,
        torch.zeros(1, 12), torch.ones(1, 12, dtype=torch.bool), [["x"] * 12],
    )  # fmt: skip


def test_a_reach_as_long_as_the_window_is_not_warned_of() -> None:
    told: list[str] = []
    fit(ReachLog(subject, every=1, window=1, warn=told.append))
    assert told == []


def test_it_needs_a_module_and_a_number_of_steps() -> None:
    with pytest.raises(SettingsError, match="at least 1 step, not 0"):
        ReachLog(subject, every=0)
