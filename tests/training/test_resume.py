from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from elman.errors import CheckpointError, SettingsError
from elman.settings import TrainingSettings
from elman.training.checkpoint import checkpoint_file, load_checkpoint
from elman.training.events import Callback, Progress
from elman.training.loop import Trainer
from training import small_run
from training.small_run import Windows, evaluate, network, objective, settings


def final_state(directory: Path) -> dict[str, Any]:
    """The last checkpoint without its clock times."""
    state = load_checkpoint(directory)
    del state["position"]["elapsed"], state["position"]["scoring_seconds"]
    return state


def same(one: Any, other: Any) -> bool:
    """Equality to the last bit of nested structures with tensors."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def uninterrupted(directory: Path, **changes: Any) -> dict[str, Any]:
    Trainer(settings(**changes), directory).fit(network(), objective, Windows(), evaluate)
    return final_state(directory)


def killed(directory: Path, moment: str, *options: str) -> None:
    """Run `small_run` until it reports ``moment`` and kill it there, as kill -9 does."""
    command = [sys.executable, small_run.__file__, str(directory), "--hold", moment, *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert any(line.strip() == moment for line in child.stdout)
        child.kill()


def test_a_run_killed_at_five_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    killed(tmp_path / "a", "checkpoint 0")
    killed(tmp_path / "a", "step 9", "--resume")
    killed(tmp_path / "a", "writing 12", "--resume")
    killed(tmp_path / "a", "score 16", "--resume")
    killed(tmp_path / "a", "checkpoint 18", "--resume")
    Trainer(settings(evaluate_every=4), tmp_path / "a").fit(network(), objective, Windows(), evaluate, resume=True)
    assert same(final_state(tmp_path / "a"), uninterrupted(tmp_path / "b", evaluate_every=4))


class InterruptAt(Callback):
    def __init__(self, step: int, times: int = 1) -> None:
        self.step, self.times, self.ended = step, times, 0

    def on_step(self, progress: Progress) -> None:
        if progress.step == self.step:
            for _ in range(self.times):
                signal.raise_signal(signal.SIGINT)

    def on_end(self, progress: Progress) -> None:
        self.ended += 1


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd", "momentum": 0.9, "learning_rate": 0.05, "schedule": "plateau"},
        {"optimizer": "adagrad", "schedule": "one-cycle"},
        {"optimizer": "nt-asgd", "learning_rate": 3.0, "epochs": None, "steps": 40, "evaluate_every": 1},
        {"precision": "bf16"},
    ],
    ids=["adamw", "sgd", "adagrad", "nt-asgd", "bf16"],
)
def test_an_interrupted_run_goes_on_as_if_it_had_not_stopped(tmp_path: Path, changes: dict[str, Any]) -> None:
    interrupt = InterruptAt(step=15)
    trainer = Trainer(settings(**changes), tmp_path / "a", events=[interrupt])
    result = trainer.fit(network(), objective, Windows(), evaluate)
    assert (result.stopped_by, result.steps, interrupt.ended) == ("interrupt", 15, 1)
    module = network()
    Trainer(settings(**changes), tmp_path / "a").fit(module, objective, Windows(), evaluate, resume=True)
    whole = uninterrupted(tmp_path / "b", **changes)
    assert same(final_state(tmp_path / "a"), whole)
    assert same(dict(module.state_dict()), whole["best_weights"])
    assert whole["average"]["started"] == (changes.get("optimizer") == "nt-asgd")


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    interrupt = InterruptAt(step=3, times=2)
    with pytest.raises(KeyboardInterrupt):
        Trainer(settings(), tmp_path, events=[interrupt]).fit(network(), objective, Windows())
    assert interrupt.ended == 1
    assert load_checkpoint(tmp_path)["position"]["step"] == 0


def test_a_finished_run_is_resumed_without_a_step_and_may_be_made_longer(tmp_path: Path) -> None:
    result = Trainer(settings(epochs=1), tmp_path).fit(network(), objective, Windows(), evaluate)
    again = Trainer(settings(epochs=1), tmp_path).fit(network(), objective, Windows(), evaluate, resume=True)
    assert (again.steps, again.best_score, again.figures) == (result.steps, result.best_score, result.figures)
    longer = Trainer(settings(epochs=2), tmp_path).fit(network(), objective, Windows(), evaluate, resume=True)
    assert (longer.epochs, longer.steps) == (2, 12)


def resume(directory: Path, module: nn.Module, **changes: Any) -> None:
    Trainer(settings(**changes), directory).fit(module, objective, Windows(), resume=True)


def test_what_cannot_be_resumed_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint to resume from; start the run without resume"):
        resume(tmp_path, network())
    with pytest.raises(SettingsError, match="directory"):
        Trainer(settings()).fit(network(), objective, Windows(), resume=True)
    Trainer(settings(), tmp_path).fit(network(), objective, Windows())
    with pytest.raises(CheckpointError, match=r"has momentum 0\.0, not 0\.5"):
        resume(tmp_path, network(), momentum=0.5)
    with pytest.raises(CheckpointError, match="another network: the checkpoint has no weight_ih_l0"):
        resume(tmp_path, network().recurrent)
    wider = network()
    wider.output = nn.Linear(5, 4)
    with pytest.raises(CheckpointError, match=r"output.weight is \(3, 5\), not \(4, 5\)"):
        resume(tmp_path, wider)
    checkpoint_file(tmp_path).write_bytes(checkpoint_file(tmp_path).read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="damaged or cut short"):
        resume(tmp_path, network())


def test_auto_takes_what_the_saved_run_has_chosen(tmp_path: Path) -> None:
    Trainer(settings(learning_rate=0.123), tmp_path).fit(network(), objective, Windows())
    trainer = Trainer(TrainingSettings(epochs=5, seed=7), tmp_path)
    trainer.fit(network(), objective, Windows(), resume=True)
    assert (trainer.settings.threads, trainer.settings.precision) == (1, "32")
    assert trainer.settings.learning_rate == 0.123
