"""What every task that learns of `Examples` shares: files or sequences in memory in, a model out, kept in a folder.

Training needs torch and is imported when it is asked for; what was learnt runs without it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from elman import cells
from elman.data.examples import Answer, Examples
from elman.data.sources import read_examples, read_frame
from elman.data.splits import Parts, split, with_own_files
from elman.errors import BundleError, NonFiniteLossError, SettingsError
from elman.runtime.bundle import Bundle
from elman.runtime.model import Model
from elman.settings import AUTO, flat, to_dict, update
from elman.tasks.estimator import AnySettings, Estimator

if TYPE_CHECKING:
    from elman.training.events import Callback

AnyModel = TypeVar("AnyModel", bound=Model)


class Report(Protocol):
    """What is found of held-out and test data."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """By part of the data, for ``metrics.json``."""

    def write(self, folder: str | Path) -> Path:
        """Write a page with all of it."""


class Trained(Protocol):
    """What a training run leaves behind."""

    @property
    def training(self) -> dict[str, Any]:
        """How it went."""

    @property
    def failure(self) -> NonFiniteLossError | None:
        """What ended it, its last good weights kept."""


class Learner(Estimator[AnySettings], Generic[AnySettings, AnyModel]):
    """A network that learns of sequences what is known of each.

    Options are the fields of its `Settings`, by name. It works as an estimator of scikit-learn does, see
    `elman.tasks.estimator`.

    Raises:
        SettingsError: An option is unknown or out of range.
    """

    #: Name of the task, as in ``config.json`` and ``elman train``.
    task: ClassVar[str]
    #: What is learnt, as it runs without torch.
    Model: type[AnyModel]

    _model: AnyModel | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        cell = flat(self.settings).get("cell", AUTO)
        if cell != AUTO:
            cells.find(cell)
        self._metrics: dict[str, Any] = {}
        self._sample: dict[str, Any] = {}

    # To learn ----------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, *, lengths: Any = None, **options: Any) -> Self:  # noqa: N803
        """Train on files, or on sequences in memory.

        Args:
            X: A file or folder, or a list of them, with sequences and what is to be learnt of each; a data frame with
                columns for both, without ``y``; or sequences in memory, see `elman.data.arrays.from_arrays`.
            y: What is to be learnt of each sequence in memory.
            lengths: Valid steps of each row of one padded array.
            options: Those of `fit_parts`.

        Raises:
            DataError: A file or an array is not what was expected.
            SaveError: ``out`` is in use or cannot be written to.
            NonFiniteLossError: The loss became NaN; the last good model is kept.
        """
        asked = self._asked()
        if y is None and _are_paths(X):
            source = ", ".join(Path(path).name for path in ([X] if isinstance(X, (str, Path)) else X))
            found = self._to_divide(read_examples(X, asked.data, self.answer))
            parts = with_own_files(found, asked.data, self.answer, asked.training.seed)
        else:
            table = y is None and hasattr(X, "columns")
            source = "a data frame" if table else "data in memory"
            found = read_frame(X, asked.data, self.answer) if table else self._to_learn(X, y, lengths)
            parts = split(self._to_divide(found), asked.data, asked.training.seed)
        return self.fit_parts(parts, source=source, **options)

    def fit_examples(
        self,
        train: Examples,
        valid: Examples | None = None,
        test: Examples | None = None,
        **options: Any,
    ) -> Self:
        """Train on `Examples`; without ``valid`` some of ``train`` are held out. Options are those of `fit_parts`."""
        asked = self._asked()
        return self.fit_parts(split(self._to_divide(train), asked.data, asked.training.seed, valid, test), **options)

    @abstractmethod
    def fit_parts(
        self,
        parts: Parts,
        *,
        source: str = "examples in memory",
        out: str | Path | None = None,
        resume: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on data that are divided already.

        Args:
            parts: What trains, what is held out, what is for the test.
            source: Where they come from, for the reader of a report.
            out: Folder for model, report, logs and checkpoints; without it all stays in memory, and no baselines are
                fitted.
            resume: Go on with the run in ``out``.
            callbacks: Follow the run.
        """

    def _concluded(self, report: Report | None, trained: Trained, out: str | Path | None) -> Self:
        """Keep the figures of a training, and write the model with its report; raises what made the training fail."""
        self._metrics = {**(report.figures if report else {}), "training": trained.training}
        if out is not None:
            self.save(out)
            if report is not None:
                report.write(out)
        if trained.failure is not None:
            raise trained.failure
        return self

    def _to_divide(self, examples: Examples) -> Examples:
        """The examples as they are divided into parts."""
        return examples

    @property
    def metrics(self) -> dict[str, Any]:
        """How good the model is on held-out and test data, with the baselines, and how it was trained."""
        return self._metrics

    # To say something --------------------------------------------------------------------------------------

    @property
    def model(self) -> AnyModel:
        """What was learnt, as it runs without torch. Raises `UsageError` before `fit` or `load`."""
        if self._model is None:
            raise self._not_fitted()
        return self._model

    def examples(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        lengths: Any = None,
        with_targets: bool = False,
    ) -> Examples:
        """Files, or sequences in memory, as `Examples` of the kind that this model reads."""
        if isinstance(X, Examples):
            return X
        # Groups are for dividing training data; others need not tell them.
        data = replace(self.settings.data, group=None)
        answer: Any = self._learnt_answer if with_targets else None
        if y is None and _are_paths(X) and self._reads_files(X):
            return read_examples(X, data, answer)
        if y is None and hasattr(X, "columns") and data.target:  # what was learnt stood in a column too
            return read_frame(X, data, answer)
        return self._to_read(X, y, lengths)

    @property
    def _learnt_answer(self) -> Answer:
        """What the model was trained to say."""
        return self.answer

    def _reads_files(self, X: Any) -> bool:  # noqa: N803
        """Whether texts are names of files: paths are, and texts that name what exists."""
        several = [X] if isinstance(X, (str, Path)) else X
        return all(isinstance(path, Path) or Path(path).exists() for path in several)

    # To keep -----------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model folder. Raises `BundleError` with one sentence on what is wrong with it."""
        return cls._of(Bundle.read(folder, cls.Model), folder)

    @classmethod
    def _of(cls, bundle: Bundle[AnyModel], folder: str | Path) -> Self:
        if bundle.config["task"] != cls.task:
            raise BundleError(f"{folder}: is a model for the task '{bundle.config['task']}', not '{cls.task}'.")
        try:
            settings = update(cls.Settings(), bundle.config.get("settings", {}), f"{folder}/config.json")
        except SettingsError as error:
            raise BundleError(str(error)) from None
        found = cls(**flat(settings))
        found._metrics, found._model, found._sample = bundle.metrics, bundle.model, bundle.sample
        return found

    def save(self, folder: str | Path) -> None:
        """Write the model folder, whole or not at all. Raises `SaveError`."""
        from elman.export import write_bundle

        write_bundle(
            folder,
            task=self.task,
            model=self.model,
            settings=to_dict(self.settings),
            metrics=self.metrics,
            sample=self._sample,
        )


def scored_in(parts: Parts) -> dict[str, Examples]:
    """The parts that a model is scored on, by name: those that there are."""
    scored = {"held_out": parts.valid, "test": parts.test}
    return {name: part for name, part in scored.items() if part is not None}


def _are_paths(given: Any) -> bool:
    several = given if isinstance(given, (list, tuple)) else [given]
    return bool(several) and all(isinstance(item, (str, Path)) for item in several)
