from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from elman import system
from elman.errors import DataError, NonFiniteLossError, SettingsError, UsageError
from elman.training import search
from elman.training.events import Callback, Progress
from elman.training.search import TRIALS, Numbers, Search, ranges_for

RANGES = {"size": Numbers(1, 100, log=True), "rate": Numbers(0.0, 1.0)}


def progress(fraction: float, score: float | None) -> Progress:
    return Progress(
        step=round(100 * fraction), epoch=0, total=100, fraction=fraction, loss=1.0, learning_rate=0.1, grad_norm=1.0,
        symbols=0, symbols_per_second=1.0, elapsed=0.0, seconds_left=None, score=score,
        figures={} if score is None else {"accuracy": 1 - score},
    )  # fmt: skip


def follow(callbacks: Sequence[Callback], score: float) -> None:
    """A training whose score falls to ``score``."""
    for callback in callbacks:
        callback.on_start(progress(0, None))
    for tenth in (4, 7, 10):
        for callback in callbacks:
            callback.on_score(progress(tenth / 10, score + 0.1 / tenth))


def attempt(options: Mapping[str, Any], callbacks: Sequence[Callback]) -> None:
    """Best at a rate of 0.5; the size matters little."""
    follow(callbacks, abs(options["rate"] - 0.5) + 0.01 * math.log(options["size"]) if options else 0.9)


def tried(folder: Path, trials: int, **more: Any) -> list[dict[str, Any]]:
    return [each.options for each in Search(folder, RANGES).run(trials, attempt, **more).trials]


def test_the_first_trial_is_without_a_search_and_the_best_is_found(tmp_path: Path) -> None:
    said: list[str] = []
    result = Search(tmp_path, RANGES).run(14, attempt, said.append)
    assert result.trials[0].options == {}
    assert result.trials[0].score == pytest.approx(0.91)
    assert abs(result.best.options["rate"] - 0.5) < 0.15
    assert result.importance["rate"] > 0.5
    assert sum(result.importance.values()) == pytest.approx(1)
    assert len(said) == 14
    assert said[0] == "trial 1 of 14: as chosen without a search: accuracy 0.09 (best)"
    assert (tmp_path / "search" / TRIALS / "0013" / "log.csv").is_file()


def test_a_trial_that_does_worse_than_half_of_the_others_ends_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "TRIALS_BEFORE", 1)
    scores = iter([0.1, 0.7])
    result = Search(tmp_path, RANGES).run(2, lambda options, callbacks: follow(callbacks, next(scores)))
    assert [trial.state for trial in result.trials] == ["complete", "pruned"]
    assert result.trials[1].score == pytest.approx(0.725)  # as it was after four tenths


def test_the_same_seed_tries_the_same_also_when_it_was_stopped(tmp_path: Path) -> None:
    whole = tried(tmp_path / "a", 4)
    tried(tmp_path / "b", 2)
    assert tried(tmp_path / "b", 4) == whole
    assert tried(tmp_path / "b", 4) == whole  # nothing is left to do


def test_an_interrupted_trial_is_tried_again(tmp_path: Path) -> None:
    def interrupted(options: Mapping[str, Any], callbacks: Sequence[Callback]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Search(tmp_path, RANGES).run(2, interrupted)
    result = Search(tmp_path, RANGES).run(2, attempt)
    assert [trial.state for trial in result.trials] == ["complete", "complete"]
    assert result.trials[0].options == {}


def test_a_trial_whose_process_died_is_tried_again(tmp_path: Path) -> None:
    first = Search(tmp_path, RANGES)
    first._study.ask()
    assert Search(tmp_path, RANGES).running == 1
    assert [trial.number for trial in Search(tmp_path, RANGES).run(2, attempt).trials] == [1, 2]


def test_a_trial_of_another_process_counts(tmp_path: Path) -> None:
    first = Search(tmp_path, RANGES)
    number = first._study.ask().number
    with system.lock_folder(first.folder / TRIALS / f"{number:04}"):
        second = Search(tmp_path, RANGES)
        second.run(2, attempt)
        assert second.running == 1
        assert [trial.state for trial in second.result().trials] == ["running", "complete"]


def test_settings_that_cannot_be_trained_end_their_trial_alone(tmp_path: Path) -> None:
    def diverging(options: Mapping[str, Any], callbacks: Sequence[Callback]) -> None:
        if options and options["rate"] > 0.5:
            raise NonFiniteLossError("NaN")
        attempt(options, callbacks)

    result = Search(tmp_path, RANGES).run(5, diverging)
    assert {trial.state for trial in result.trials} >= {"complete", "failed"}
    assert all(trial.score is None for trial in result.trials if trial.state == "failed")
    assert "could not be trained" in str(next(trial for trial in result.trials if trial.state == "failed"))


def test_what_is_wrong_with_the_first_trial_is_wrong_with_all(tmp_path: Path) -> None:
    def diverging(options: Mapping[str, Any], callbacks: Sequence[Callback]) -> None:
        raise NonFiniteLossError("NaN")

    with pytest.raises(NonFiniteLossError):
        Search(tmp_path, RANGES).run(8, diverging)


def test_a_search_needs_held_out_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="held-out data"):
        Search(tmp_path, RANGES).run(2, lambda options, callbacks: None)


def test_another_search_in_the_same_folder(tmp_path: Path) -> None:
    Search(tmp_path, RANGES)
    with pytest.raises(UsageError, match="holds a search over rate, size, this one is over size"):
        Search(tmp_path, {"size": RANGES["size"]})


def test_what_can_be_searched() -> None:
    known = ["hidden_size", "dropout", "cell", "seed"]
    assert list(ranges_for(known, [])) == ["hidden_size", "dropout"]
    assert list(ranges_for(known, ["dropout"], over=["cell"])) == ["cell"]
    with pytest.raises(SettingsError, match=r"not 'droput'\. Did you mean 'dropout'"):
        ranges_for(known, [], over=["droput"])
    with pytest.raises(SettingsError, match="not 'pooling'"):
        ranges_for(known, [], over=["pooling"])
    with pytest.raises(SettingsError, match="given a value as well"):
        ranges_for(known, ["cell"], over=["cell"])
    with pytest.raises(SettingsError, match="nothing to search"):
        ranges_for(["hidden_size"], ["hidden_size"])


def test_optuna_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(UsageError, match=r"pip install 'elman\[search\]'"):
        Search(tmp_path, RANGES)


def test_every_range_belongs_to_an_option() -> None:
    from elman import settings

    known = {
        leaf.name
        for each in (settings.ClassifierSettings, settings.TaggerSettings, settings.LanguageModelSettings)
        for _, leaf, _ in settings.fields_of(each)
    }
    assert set(search.RANGES) <= known
    assert set(search.USUAL) <= set(search.RANGES)
