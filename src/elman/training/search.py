"""Search for settings: so many are tried, each by a training of its own, and what mattered is reported.

The study is a SQLite file in the folder of the run, so a search that was stopped goes on where it stood, and several
processes can search the same folder at the same time. Optuna proposes what to try (Akiba et al. 2019, "Optuna: a
next-generation hyperparameter optimization framework") by a tree-structured Parzen estimator (Bergstra et al. 2011,
"Algorithms for hyper-parameter optimization"); a trial that does worse than half of those before it, at the same point
of its training, ends early.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

from elman import system
from elman.errors import DataError, NonFiniteLossError, SaveError, SettingsError, UsageError, nearest
from elman.training.events import Callback, Progress
from elman.training.logs import CsvLog

if TYPE_CHECKING:
    import optuna

#: In the folder of a run: the folder of its search, and what is in it.
FOLDER, STUDY, TRIALS = "search", "study.db", "trials"

#: A trial is compared with others at every tenth of its training from this one on, once so many have been trained.
COMPARED_FROM, TRIALS_BEFORE = 3, 5

#: So many are drawn at random before the sampler goes by what it has seen; at most a third of all.
AT_RANDOM = 10

#: What the first trial is called.
PLAIN = "as chosen without a search"

State: TypeAlias = Literal["complete", "pruned", "failed", "stopped", "running"]


class Range(ABC):
    """The values that an option may take."""

    @abstractmethod
    def draw(self, trial: optuna.Trial, name: str) -> Any:
        """A value, drawn by Optuna."""


@final
@dataclass(frozen=True)
class Numbers(Range):
    """Numbers from ``low`` to ``high``, whole ones where both are; by their logarithm where their size matters."""

    low: float
    high: float
    log: bool = False

    def draw(self, trial: optuna.Trial, name: str) -> float:
        """A value, drawn by Optuna."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@final
@dataclass(frozen=True)
class OneOf(Range):
    """One of a few values."""

    values: tuple[Any, ...]

    def draw(self, trial: optuna.Trial, name: str) -> Any:
        """A value, drawn by Optuna."""
        return trial.suggest_categorical(name, self.values)


#: What can be searched, by the name of the option.
RANGES: dict[str, Range] = {
    "hidden_size": Numbers(32, 512, log=True),
    "num_layers": Numbers(1, 3),
    "dropout": Numbers(0.0, 0.7),
    "dropout_input": Numbers(0.0, 0.6),
    "learning_rate": Numbers(5e-4, 2e-2, log=True),
    "weight_decay": Numbers(1e-4, 0.5, log=True),
    "pooling": OneOf(("mean", "max", "mean+max", "mean+max+attention", "attention", "last")),
    "label_smoothing": Numbers(0.0, 0.2),
    "batch_size": OneOf((8, 16, 32, 64, 128)),
    "embedding_size": Numbers(16, 512, log=True),
    "dropout_words": Numbers(0.0, 0.4),
    "weight_drop": Numbers(0.0, 0.6),
    "cell": OneOf(("lstm", "gru", "lstm_layer_norm", "mingru", "sru")),
    "bidirectional": OneOf((True, False)),
    "bag": OneOf((True, False)),
    "crf": OneOf((True, False)),
    "clip_norm": Numbers(0.1, 5.0, log=True),
}

#: What is searched where nothing else is asked for, as far as the task has it and the user left it open.
USUAL = (
    "hidden_size",
    "num_layers",
    "dropout",
    "dropout_input",
    "learning_rate",
    "weight_decay",
    "pooling",
    "label_smoothing",
)


def ranges_for(known: Sequence[str], given: Sequence[str], over: Sequence[str] = ()) -> dict[str, Range]:
    """The options to search and their values.

    Args:
        known: Options that the task has.
        given: Options that were given a value, which they keep.
        over: Options to search; the usual ones when empty.

    Raises `SettingsError` where one of ``over`` cannot be searched, or none is left.

    >>> list(ranges_for(["hidden_size", "dropout", "seed"], given=["dropout"]))
    ['hidden_size']
    """
    for name in over:
        if name not in RANGES or name not in known:
            possible = [option for option in RANGES if option in known]
            raise SettingsError(
                f"--search-over takes options of this task such as {', '.join(possible)}, not '{name}'."
                f"{nearest(name, possible)}"
            )
        if name in given:
            raise SettingsError(f"--search-over {name}: it was given a value as well; leave one of them out.")
    found = {name: RANGES[name] for name in over or USUAL if name in known and name not in given}
    if not found:
        raise SettingsError("There is nothing to search: every option that can be was given a value.")
    return found


@dataclass(frozen=True)
class Trial:
    """Settings that were tried.

    Attributes:
        number: In the order in which they were begun; 0 is what the task chooses by itself.
        options: What was drawn, by name.
        score: The best held-out score, lower is better; None before there is one.
        figures: The same in units people know.
        seconds: Time it took.
        state: Whether it is complete, ended early (pruned), could not be trained (failed), was interrupted (stopped) or
            is under way.
    """

    number: int
    options: dict[str, Any]
    score: float | None
    figures: dict[str, float]
    seconds: float
    state: State

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {shown_value(value)}" for name, value in self.options.items()) or PLAIN
        if self.score is None:
            return f"{shown}: {'could not be trained' if self.state == 'failed' else self.state}"
        score = "  ".join(f"{name} {value:.4g}" for name, value in self.figures.items()) or f"{self.score}"
        return f"{shown}: {score}{', ended early' if self.state == 'pruned' else ''}"


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        trials: In the order in which they were begun, without those that were interrupted.
        importance: Share of the differences between scores that each option accounts for, the largest first; empty
            where too few trials are complete.
    """

    trials: list[Trial]
    importance: dict[str, float] = field(default_factory=dict)

    @property
    def complete(self) -> list[Trial]:
        """Those that were trained to the end."""
        return [trial for trial in self.trials if trial.state == "complete"]

    @property
    def best(self) -> Trial:
        """The one with the best score; `UsageError` where none is complete."""
        if not self.complete:
            raise UsageError("No settings were trained to the end; the messages above say why.")
        return min(self.complete, key=_by_score)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        best = self.best.number if self.complete else None
        return {"best": best, "importance": self.importance, "trials": [asdict(trial) for trial in self.trials]}


class _PrunedError(Exception):
    """A trial does worse than those before it."""


def _by_score(trial: Trial) -> tuple[float, int]:
    assert trial.score is not None
    return trial.score, trial.number


#: Trains with options by name, and hands the callbacks to the training.
Attempt: TypeAlias = Callable[[Mapping[str, Any], Sequence[Callback]], None]


class Search:
    """A search in the folder of a run.

    Args:
        folder: Of the run; the study and the logs of all trials go to ``folder/search``.
        ranges: What to search, from `ranges_for`.
        seed: Of what is drawn; with one process the same seed tries the same settings.

    Raises `UsageError` where Optuna is not installed, `SaveError` where the folder cannot be written to.
    """

    def __init__(self, folder: str | Path, ranges: Mapping[str, Range], *, seed: int = 0) -> None:
        self.folder = Path(folder) / FOLDER
        self.ranges = dict(ranges)
        self._seed = seed
        self._study = self._open()

    def _open(self) -> optuna.Study:
        library = _optuna()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SaveError(f"{self.folder}: cannot be made ({error.strerror}).") from error
        storage = library.storages.RDBStorage(
            f"sqlite:///{self.folder / STUDY}", engine_kwargs={"connect_args": {"timeout": 60}}
        )
        pruner = library.pruners.MedianPruner(n_startup_trials=TRIALS_BEFORE, n_warmup_steps=COMPARED_FROM)
        study: optuna.Study = library.create_study(
            storage=storage, study_name=FOLDER, load_if_exists=True, pruner=pruner
        )
        names = study.user_attrs.get("options")
        if names is None:
            study.set_user_attr("options", sorted(self.ranges))
        elif names != sorted(self.ranges):
            raise UsageError(
                f"{self.folder}: holds a search over {', '.join(names)}, this one is over "
                f"{', '.join(sorted(self.ranges))}; search in another --out, or with the same options."
            )
        return study

    def run(self, trials: int, attempt: Attempt, note: Callable[[str], None] | None = None) -> SearchResult:
        """Try settings until the study holds ``trials`` of them, whoever tried them.

        Args:
            trials: How many, those of earlier sessions and of other processes included.
            attempt: Trains with given options, and hands on callbacks; a `NonFiniteLossError` or `SettingsError` ends
                only its trial, unless that is the first.
            note: Receives a sentence about each trial.

        Raises:
            KeyboardInterrupt: As it came, the trial under way counting as failed; the same call goes on.
        """
        self._release_dead()
        while len(self._counted()) < trials:
            self._study.sampler = self._sampler(trials)
            trial = self._study.ask()
            self._try(trial, attempt)
            found = _trial(self._study.trials[trial.number])
            if note is not None:
                so_far = SearchResult(self._counted())
                is_best = bool(so_far.complete) and so_far.best.number == found.number
                note(f"trial {len(so_far.trials)} of {trials}: {found}{' (best)' if is_best else ''}")
        return self.result()

    @property
    def running(self) -> int:
        """Trials that are under way in other processes."""
        return sum(trial.state == "running" for trial in self._counted())

    def result(self) -> SearchResult:
        """What has been found so far."""
        return SearchResult(self._counted(), self._importance())

    def _counted(self) -> list[Trial]:
        """Those that need not be tried again: all but those that were stopped on their way."""
        return [trial for trial in map(_trial, self._study.trials) if trial.state != "stopped"]

    def _sampler(self, trials: int) -> optuna.samplers.BaseSampler:
        # A seed for each trial: what is drawn does not depend on how often the search was stopped.
        seed = (self._seed * 10_007 + len(self._study.trials)) % 2**32
        at_random = max(2, min(AT_RANDOM, trials // 3))
        sampler: optuna.samplers.BaseSampler = _optuna().samplers.TPESampler(seed=seed, n_startup_trials=at_random)
        return sampler

    def _try(self, trial: optuna.Trial, attempt: Attempt) -> None:
        state = _optuna().trial.TrialState
        # The first is what the task chooses by itself: the others must be better than that.
        is_first = all(trial.number <= before.number for before in self._counted())
        options = {} if is_first else {name: each.draw(trial, name) for name, each in self.ranges.items()}
        with self._holding(trial.number) as folder:
            follow = _Follow(trial)
            began = time.perf_counter()
            try:
                attempt(options, [follow, CsvLog(folder / "log.csv")])
                if follow.best is None:
                    raise DataError("A search needs held-out data to compare settings on, found none.")
                self._tell(trial, began, figures=follow.figures)
                self._study.tell(trial, follow.best)
            except _PrunedError:
                self._tell(trial, began, figures=follow.figures)
                self._study.tell(trial, state=state.PRUNED)
            except (NonFiniteLossError, SettingsError) as error:
                if is_first:
                    self._study.tell(trial, state=state.FAIL)
                    raise
                # What is pruned without a score is the worst that there is, so that its like is not drawn again.
                self._tell(trial, began, error=str(error))
                self._study.tell(trial, state=state.PRUNED)
            except BaseException:
                self._study.tell(trial, state=state.FAIL)
                raise

    def _tell(self, trial: optuna.Trial, began: float, **seen: Any) -> None:
        """Keep what a trial came to beside its score."""
        for name, value in {"seconds": time.perf_counter() - began, **seen}.items():
            trial.set_user_attr(name, value)

    @contextmanager
    def _holding(self, number: int) -> Iterator[Path]:
        """Hold the folder of a trial: who finds it free knows that its process is dead."""
        folder = self.folder / TRIALS / f"{number:04}"
        with system.lock_folder(folder):
            yield folder

    def _release_dead(self) -> None:
        """Call those failed that a process left behind when it was killed."""
        running = _optuna().trial.TrialState.RUNNING
        for trial in self._study.get_trials(deepcopy=False, states=(running,)):
            try:
                with self._holding(trial.number):
                    self._study.tell(trial.number, state=_optuna().trial.TrialState.FAIL)
            except SaveError:  # another process is at it
                continue

    def _importance(self) -> dict[str, float]:
        optuna = _optuna()
        done = [trial for trial in self._study.trials if trial.state.name == "COMPLETE" and trial.params]
        if len(done) < 4 or len({trial.value for trial in done}) < 2:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self._seed)
        found = optuna.importance.get_param_importances(self._study, evaluator=evaluator, params=list(self.ranges))
        return {name: float(share) for name, share in found.items()}


class _Follow(Callback):
    """Tells Optuna how a trial is doing, and ends one that does badly."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial, self._tenth = trial, 0
        self.best: float | None = None
        self.figures: dict[str, float] = {}

    def on_score(self, progress: Progress) -> None:
        """Keep the best score, and compare it with those of the trials before at the same point of their training."""
        assert progress.score is not None
        if self.best is None or progress.score < self.best:
            self.best = float(progress.score)
            self.figures = {name: float(value) for name, value in progress.figures.items()}
        tenth = int(10 * progress.fraction)
        if self._tenth < tenth < 10:
            self._tenth = tenth
            self._trial.report(self.best, tenth)
            if self._trial.should_prune():
                raise _PrunedError


def _trial(found: optuna.trial.FrozenTrial) -> Trial:
    seen = found.user_attrs
    states: dict[str, State] = {
        "COMPLETE": "complete",
        "PRUNED": "failed" if "error" in seen else "pruned",
        "FAIL": "stopped",
    }
    value = found.value
    if value is None and found.intermediate_values:
        value = min(found.intermediate_values.values())
    return Trial(
        found.number, dict(found.params), value, seen.get("figures", {}), seen.get("seconds", 0.0),
        states.get(found.state.name, "running"),
    )  # fmt: skip


def shown_value(value: Any) -> str:
    """A value as people read it.

    >>> shown_value(0.0123456), shown_value(64), shown_value("mean")
    ('0.0123', '64', 'mean')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UsageError("A search needs Optuna: pip install 'elman[search]'.") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna
