from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from elman.errors import DataError, NonFiniteLossError, SettingsError
from elman.training import loop
from elman.training.checkpoint import load_checkpoint
from elman.training.events import Callback, Progress
from elman.training.loop import Result, Trainer
from elman.training.problem import Evaluate, Loss, Score
from tolerances import FLOAT32_STEP
from training.small_run import STEPS_PER_EPOCH, Windows, evaluate, network, objective, settings


class Recorder(Callback):
    """Keeps every event, and at every step a copy of the weights of ``module``."""

    def __init__(self, module: nn.Module | None = None) -> None:
        self.events: list[tuple[str, int]] = []
        self.progress: list[Progress] = []
        self.notes: list[str] = []
        self.weights: list[dict[str, torch.Tensor]] = []
        self._module = module

    def on_start(self, progress: Progress) -> None:
        self.events.append(("start", progress.step))

    def on_note(self, text: str) -> None:
        self.notes.append(text)

    def on_step(self, progress: Progress) -> None:
        self.progress.append(progress)
        if self._module is not None:
            self.weights.append({name: tensor.clone() for name, tensor in self._module.state_dict().items()})

    def on_score(self, progress: Progress) -> None:
        self.events.append(("score", progress.step))

    def on_checkpoint(self, progress: Progress) -> None:
        self.events.append(("checkpoint", progress.step))

    def on_end(self, progress: Progress) -> None:
        self.events.append(("end", progress.step))


def scripted(values: list[float]) -> Evaluate:
    """Held-out scores that were written beforehand."""
    remaining = iter(values)
    return lambda module: Score(next(remaining))


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def train(seed: int, **changes: Any) -> dict[str, torch.Tensor]:
    module = network()
    Trainer(settings(seed=seed, **changes)).fit(module, objective, Windows())
    return dict(module.state_dict())


def test_one_seed_gives_one_result_and_another_seed_another() -> None:
    torch.manual_seed(5)
    first = train(seed=3)
    torch.manual_seed(6)
    assert equal(first, train(seed=3))
    assert not equal(first, train(seed=4))


def test_training_leaves_the_global_random_numbers_alone() -> None:
    module = network()
    before = torch.get_rng_state()
    Trainer(settings()).fit(module, objective, Windows(), evaluate)
    assert torch.equal(torch.get_rng_state(), before)


def test_held_out_scores_do_not_change_the_run(tmp_path: Path) -> None:
    Trainer(settings(evaluate_every=1), tmp_path / "a").fit(network(), objective, Windows(), evaluate)
    Trainer(settings(), tmp_path / "b").fit(network(), objective, Windows())
    assert equal(load_checkpoint(tmp_path / "a")["weights"], load_checkpoint(tmp_path / "b")["weights"])


def test_the_order_of_events(tmp_path: Path) -> None:
    recorder = Recorder()
    Trainer(settings(epochs=2, evaluate_every=4), tmp_path, events=[recorder]).fit(
        network(), objective, Windows(), evaluate
    )
    assert recorder.events == [
        ("start", 0),
        ("checkpoint", 0),
        ("score", 4),
        ("score", 6),
        ("checkpoint", 6),
        ("score", 8),
        ("score", 12),
        ("checkpoint", 12),
        ("end", 12),
    ]


def test_progress_says_where_the_run_is() -> None:
    recorder = Recorder()
    Trainer(settings(epochs=2, schedule="constant", warmup=0.0), events=[recorder]).fit(
        network(), objective, Windows(), evaluate
    )
    last = recorder.progress[-1]
    assert (last.step, last.epoch, last.total, last.fraction) == (12, 2, 12, 1.0)
    assert (last.symbols, last.learning_rate, last.seconds_left) == (12 * 4 * 6, 2e-3, 0.0)
    assert last.symbols_per_second > 0
    assert last.figures == {"error": last.score}
    assert [progress.fraction for progress in recorder.progress] == [step / 12 for step in range(1, 13)]


def test_a_checkpoint_is_due_after_its_time(tmp_path: Path) -> None:
    recorder = Recorder()
    Trainer(settings(epochs=1, checkpoint_every=0.0), tmp_path, events=[recorder]).fit(network(), objective, Windows())
    assert recorder.events[1:-1] == [("checkpoint", step) for step in range(STEPS_PER_EPOCH + 1)]


def test_the_carry_goes_from_batch_to_batch_without_its_graph_and_ends_with_the_epoch() -> None:
    seen: list[Any] = []

    def watch(module: nn.Module, batch: torch.Tensor, carry: Any) -> Loss:
        seen.append(carry)
        return objective(module, batch, carry)

    Trainer(settings(epochs=2)).fit(network(), watch, Windows())
    assert [step for step, carry in enumerate(seen) if carry is None] == [0, STEPS_PER_EPOCH]
    assert all(not carry["cell"][0].requires_grad and carry["cell"][1] is None for carry in seen if carry)


@pytest.mark.parametrize(
    ("limits", "stopped_by", "steps", "epochs"),
    [
        ({"epochs": 2}, "epochs", 12, 2),
        ({"steps": 8}, "steps", 8, 1),
        ({"steps": 8, "epochs": 1}, "epochs", 6, 1),
        ({"steps": 5, "epochs": 1}, "steps", 5, 0),
    ],
)
def test_the_first_limit_ends_the_run(limits: dict[str, int], stopped_by: str, steps: int, epochs: int) -> None:
    result = Trainer(settings(**limits)).fit(network(), objective, Windows(), evaluate)
    assert (result.stopped_by, result.steps, result.epochs) == (stopped_by, steps, epochs)
    assert result.best_score == result.figures["error"]


def test_the_best_weights_are_left_in_the_module() -> None:
    module = network()
    recorder = Recorder(module)
    result = Trainer(settings(), events=[recorder]).fit(module, objective, Windows(), scripted([3.0, 1.0, 2.0, 1.0]))
    assert result == Result(1.0, {}, 24, 4, result.elapsed, "epochs")
    assert equal(dict(module.state_dict()), recorder.weights[2 * STEPS_PER_EPOCH - 1])
    assert not module.training


def test_patience_ends_the_run() -> None:
    scores = scripted([3.0, 1.0, 2.0, 1.5, 1.0, 0.0])
    result = Trainer(settings(epochs=10, patience=3)).fit(network(), objective, Windows(), scores)
    assert (result.stopped_by, result.epochs, result.best_score) == ("patience", 5, 1.0)


def test_nt_asgd_scores_and_keeps_the_mean_of_the_steps_after_its_trigger() -> None:
    module = network()
    recorder = Recorder(module)
    scores = scripted([1.0, 2.0, 3.0, 3.0, 3.0, 3.0, 3.0, 0.5])
    Trainer(settings(optimizer="nt-asgd", steps=8, evaluate_every=1, learning_rate=0.1), events=[recorder]).fit(
        module, objective, Windows(), scores
    )
    assert "from step 7 on weights are averaged" in recorder.notes[-1]
    assert equal(dict(module.state_dict()), recorder.weights[7])  # the mean of one

    module = network()
    recorder = Recorder(module)
    scores = scripted([1.0, *[2.0] * 6, 0.9, 0.8, 0.7])
    Trainer(settings(optimizer="nt-asgd", steps=10, evaluate_every=1, learning_rate=0.1), events=[recorder]).fit(
        module, objective, Windows(), scores
    )
    for name, tensor in module.state_dict().items():
        mean = torch.stack([weights[name] for weights in recorder.weights[7:]]).mean(0)
        torch.testing.assert_close(tensor, mean, **FLOAT32_STEP)


class Clock:
    """Time that passes only where a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: float, work: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any) -> Any:
            self.now += seconds
            return work(*arguments)

        return slow


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(loop, "_clock", clock)
    return clock


def test_time_ends_the_run_and_its_schedule(clock: Clock, tmp_path: Path) -> None:
    recorder = Recorder()
    changes = {"max_time": 20.0, "warmup": 0.0, "learning_rate": 1.0, "optimizer": "sgd"}
    trainer = Trainer(settings(**changes), tmp_path, events=[recorder])
    result = trainer.fit(network(), clock.taking(2.0, objective), Windows(), clock.taking(0.01, evaluate))
    assert (result.stopped_by, result.steps) == ("max_time", 10)
    assert recorder.progress[-1].fraction == 1.0
    assert recorder.progress[4].seconds_left == pytest.approx(10.0)
    rates = [progress.learning_rate for progress in recorder.progress]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == 1.0
    # A resumed run has used that time already; more time takes it further.
    again = Trainer(settings(**changes | {"max_time": 24.0}), tmp_path)
    result = again.fit(network(), clock.taking(2.0, objective), Windows(), evaluate, resume=True)
    assert (result.stopped_by, result.steps) == ("max_time", 12)
    assert result.elapsed == pytest.approx(24.02)


def test_in_a_timed_run_scores_take_a_twentieth_of_the_time_but_the_last_one_is_made(clock: Clock) -> None:
    recorder = Recorder()
    trainer = Trainer(settings(max_time=500.0), events=[recorder])
    trainer.fit(network(), clock.taking(1.0, objective), Windows(), clock.taking(3.0, evaluate))
    steps = [step for event, step in recorder.events if event == "score"]
    assert steps[0] == STEPS_PER_EPOCH
    assert all(3.0 * count <= 0.05 * (step + 3.0 * count) for count, step in enumerate(steps[1:-1], 2))
    assert steps[-1] == recorder.progress[-1].step
    assert len(steps) == 9


class Breaks(nn.Module):
    """A network whose ``part`` makes NaN of the input 1 (forward) or only of its gradient (backward)."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.first, self.part, self.last = nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1)
        self.dropout = nn.Dropout(0.5)
        self._where = where

    def forward(self, inputs: torch.Tensor, broken: bool) -> torch.Tensor:
        hidden = self.part(self.dropout(self.first(inputs)))
        if broken and self._where == "backward":
            hidden = (hidden * 0).sqrt() * hidden.detach()
        if broken and self._where == "forward":
            hidden = hidden * float("inf")
        return self.last(hidden)


class Breaking:
    def steps_in(self, epoch: int) -> int:
        return 4

    def batch(self, epoch: int, index: int) -> tuple[torch.Tensor, bool]:
        return torch.ones(16, 1), (epoch, index) == (1, 1)


def breaking_objective(module: nn.Module, batch: tuple[torch.Tensor, bool], carry: None) -> Loss:
    return Loss(module(*batch).square().mean(), 16)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("forward", r"The loss became (NaN|infinite) at step 6, first in layer 'last' \(its output\)"),
        ("backward", r"The gradient became NaN at step 6, first in layer 'part' \(the gradient of part\.\w+\)"),
    ],
)
@pytest.mark.parametrize("scored", [True, False])
def test_nan_names_step_and_layer_and_keeps_good_weights(
    tmp_path: Path, where: str, message: str, scored: bool
) -> None:
    module = Breaks(where)
    recorder = Recorder(module)
    held_out = scripted([1.0]) if scored else None
    with pytest.raises(NonFiniteLossError, match=message) as error:
        Trainer(settings(), tmp_path, events=[recorder]).fit(module, breaking_objective, Breaking(), held_out)
    kept = 4 if scored else 5
    assert f"step {kept}" in str(error.value).partition("kept")[2]
    assert equal(dict(module.state_dict()), recorder.weights[kept - 1])
    assert recorder.events[-1] == ("end", 5)
    assert all(torch.isfinite(tensor).all() for tensor in load_checkpoint(tmp_path)["weights"].values())


def test_weights_that_became_infinite_are_not_saved(tmp_path: Path) -> None:
    class Explode(Callback):
        def on_step(self, progress: Progress) -> None:
            if progress.step == 8:
                nn.init.constant_(module.part.weight, float("inf"))

    module = Breaks("nowhere")
    recorder = Recorder(module)
    trainer = Trainer(settings(), tmp_path, events=[recorder, Explode()])
    with pytest.raises(NonFiniteLossError, match=r"at step 8, in layer 'part'.*last checkpoint, step 4"):
        trainer.fit(module, breaking_objective, Breaking())
    assert equal(dict(module.state_dict()), recorder.weights[3])


def test_a_score_that_is_nan_ends_the_run() -> None:
    with pytest.raises(NonFiniteLossError, match="held-out score is NaN after step 12"):
        Trainer(settings()).fit(network(), objective, Windows(), scripted([1.0, float("nan")]))


def test_what_cannot_be_trained_is_said() -> None:
    class Empty(Windows):
        def steps_in(self, epoch: int) -> int:
            return 0

    with pytest.raises(SettingsError, match="needs a limit: give epochs, steps or max_time"):
        Trainer(settings(epochs=None))
    with pytest.raises(SettingsError, match="fp16 needs a GPU"):
        Trainer(settings(precision="fp16")).fit(network(), objective, Windows())
    with pytest.raises(DataError, match="Epoch 1 has no batch"):
        Trainer(settings()).fit(network(), objective, Empty())


def test_on_end_comes_after_an_error_too() -> None:
    class Fail(Callback):
        def on_step(self, progress: Progress) -> None:
            raise ZeroDivisionError

    recorder = Recorder()
    with pytest.raises(ZeroDivisionError):
        Trainer(settings(), events=[Fail(), recorder]).fit(network(), objective, Windows())
    assert recorder.events == [("start", 0), ("end", 1)]


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_nothing_is_printed(capfd: pytest.CaptureFixture[str], precision: str) -> None:
    Trainer(settings(precision=precision)).fit(network(), objective, Windows(), evaluate)
    assert capfd.readouterr() == ("", "")


def test_the_gradient_is_clipped_to_its_norm() -> None:
    module = nn.Linear(1, 1, bias=False)
    before = module.weight.item()
    recorder = Recorder()
    changes = {"optimizer": "sgd", "steps": 1, "learning_rate": 1.0, "warmup": 0.0, "final_learning_rate": 1.0}
    for clip, move in ((0.5, 0.5), (0.0, 10.0)):
        nn.init.constant_(module.weight, before)
        trainer = Trainer(settings(clip_norm=clip, **changes), events=[recorder])
        trainer.fit(module, lambda module, _batch, _carry: Loss(10 * module.weight.sum(), 1), Windows())
        assert module.weight.item() == pytest.approx(before - move, rel=FLOAT32_STEP["rtol"])
        assert recorder.progress[-1].grad_norm == pytest.approx(10.0)
