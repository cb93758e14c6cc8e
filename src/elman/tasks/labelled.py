"""What classifying, tagging and regression share: sequences in, something said of each.

Training needs torch (`elman.tasks.labelled_training`, imported when it is asked for); what was learnt runs without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from elman import cells
from elman.data.examples import Answer, Examples
from elman.data.sources import read_examples, read_frame
from elman.data.splits import Parts, read_parts, split
from elman.errors import BundleError, SettingsError
from elman.runtime.bundle import Bundle
from elman.runtime.label_model import LabelModel, Prediction
from elman.runtime.label_stream import LabelStream
from elman.settings import AUTO, flat, to_dict, update
from elman.tasks.estimator import Estimator
from elman.tasks.label_figures import Part
from elman.tasks.label_report import LabelReport, Rival, fit_rivals, report

if TYPE_CHECKING:
    from torch import nn

    from elman.baselines.linear import LinearModel
    from elman.nn.subject import Subject
    from elman.training.events import Callback


class Labelled(Estimator):
    """A network that reads sequences and says something of each.

    Options are the fields of its `Settings`, by name. It works as an estimator of scikit-learn does, see
    `elman.tasks.estimator`.

    Raises:
        SettingsError: An option is unknown or out of range.
    """

    #: Name of the task, as in ``config.json`` and ``elman train``.
    task: ClassVar[str]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        if self.settings.network.cell != AUTO:
            cells.find(self.settings.network.cell)
        self._metrics: dict[str, Any] = {}
        self._report: LabelReport | None = None
        self._model: LabelModel | None = None
        self._sample: dict[str, Any] = {}

    # To learn ----------------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,  # noqa: N803 - the name that scikit-learn uses
        y: Any = None,
        *,
        lengths: Any = None,
        out: str | Path | None = None,
        resume: bool = False,
        start_from: str | Path | None = None,
        encoder: nn.Module | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on files, or on sequences in memory.

        Args:
            X: A file or folder, or a list of them, with sequences and what is to be learnt of each; a data frame with
                columns for both, without ``y``; or sequences in memory, see `elman.data.arrays.from_arrays`.
            y: What is to be learnt of each sequence in memory.
            lengths: Valid steps of each row of one padded array.
            out: Folder for model, report, logs and checkpoints; without it all stays in memory, and no baselines are
                fitted.
            resume: Go on with the run in ``out``.
            start_from: Folder of a language model whose embedding and layers are taken as a start.
            encoder: A torch module of your own in place of the convolutions over pixels: frames (n, channels, height,
                width) to features (n, features). It is trained along. A folder keeps its weights, not the module
                itself, which `load` is given again.
            callbacks: Follow the run.

        Raises:
            DataError: A file or an array is not what was expected.
            SaveError: ``out`` is in use or cannot be written to.
            NonFiniteLossError: The loss became NaN; the last good model is kept.
        """
        asked = self._asked()
        if y is None and _are_paths(X):
            parts = read_parts(X, asked.data, self.answer, asked.training.seed)
            source = ", ".join(Path(path).name for path in ([X] if isinstance(X, (str, Path)) else X))
        elif y is None and hasattr(X, "columns"):
            train = read_frame(X, asked.data, self.answer)
            parts, source = split(train, asked.data, asked.training.seed), "a data frame"
        else:
            train = self._to_learn(X, y, lengths)
            parts, source = split(train, asked.data, asked.training.seed), "data in memory"
        return self.fit_parts(
            parts, source=source, out=out, resume=resume, start_from=start_from, encoder=encoder, callbacks=callbacks
        )

    def fit_examples(
        self,
        train: Examples,
        valid: Examples | None = None,
        test: Examples | None = None,
        **options: Any,
    ) -> Self:
        """Train on `Examples`; without ``valid`` some of ``train`` are held out. Options as for `fit`."""
        asked = self._asked()
        return self.fit_parts(split(train, asked.data, asked.training.seed, valid, test), **options)

    def fit_parts(
        self,
        parts: Parts,
        *,
        source: str = "examples in memory",
        out: str | Path | None = None,
        resume: bool = False,
        start_from: str | Path | None = None,
        encoder: nn.Module | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on data that are divided already. Options as for `fit`."""
        from elman.tasks import labelled_training as training

        trained = training.run(
            parts,
            self._asked(),
            _answer_of(parts.train, self.answer),
            source=source,
            out=out,
            resume=resume,
            start_from=start_from,
            encoder=encoder,
            callbacks=callbacks,
        )
        self._effective, self._model = trained.settings, trained.model
        self._sample = trained.model.record(parts.train.inputs[0])
        self._metrics = {"training": trained.training}
        if out is not None:  # baselines take a while: the model is safe before
            self.save(out)
        rivals = [] if out is None or trained.stopped_early else self._rivals(parts, trained.beside, callbacks)
        scored = {"held_out": parts.valid, "test": parts.test}
        known = {name: part for name, part in scored.items() if part is not None}
        self._report = self._reported(known, rivals, source)
        self._metrics = {**(self._report.figures if self._report else {}), "training": trained.training}
        if out is not None:
            self.save(out)
            if self._report is not None:
                self._report.write(out)
        if trained.failure is not None:
            raise trained.failure
        return self

    def _rivals(self, parts: Parts, beside: LinearModel | None, callbacks: Sequence[Callback]) -> list[Rival]:
        """The baselines, fitted on the same data."""

        def note(text: str) -> None:
            for callback in callbacks:
                callback.on_note(text)

        return fit_rivals(
            self.model.answers,
            parts.train,
            parts.train.take([]) if parts.valid is None else parts.valid,
            self.model.codec,
            training=self.settings.training,
            bag=None if self.model.bag is None or beside is None else (self.model.bag, beside),
            note=note,
        )

    @property
    def metrics(self) -> dict[str, Any]:
        """How good the model is on held-out and test data, with the baselines, and how it was trained."""
        return self._metrics

    @property
    def report(self) -> LabelReport | None:
        """All that `fit` found of held-out and test data; None where there were none, and after `load`."""
        return self._report

    # To say something --------------------------------------------------------------------------------------

    @property
    def model(self) -> LabelModel:
        """What was learnt, as it runs without torch. Raises `UsageError` before `fit` or `load`."""
        if self._model is None:
            raise self._not_fitted()
        return self._model

    def predictions(self, X: Any, *, lengths: Any = None) -> list[Prediction]:  # noqa: N803
        """What is said of each sequence, with its probabilities; ``X`` is as for `fit`, or `Examples`."""
        return list(self.model.predict(self.examples(X, lengths=lengths).inputs))

    def stream(self) -> LabelStream[Prediction]:
        """A live session: what is said of a sequence while it comes; see `elman.runtime.label_stream.LabelStream`."""
        return self.model.stream()

    def subject(self, examples: Examples, *, steps: int = 250, batch: int = 4) -> Subject:
        """The model and some of the longest of these sequences, for `elman.diagnostics`.

        `elman.tasks.label_subject` says what is looked at. Raises `DataError` without targets, or where the sequences
        are too short.
        """
        from elman.tasks import label_subject

        return label_subject.subject(self.model, examples, steps, batch, self.task)

    def evaluate(self, X: Any, y: Any = None, *, lengths: Any = None) -> LabelReport:  # noqa: N803
        """How good the model is on sequences whose truth is known; arguments as for `fit`."""
        examples = self.examples(X, y, lengths=lengths, with_targets=True)
        found = self._reported({"data": examples}, [], f"{len(examples):,} sequences")
        assert found is not None
        return found

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
        answer: Any = self.model.answers.kind if with_targets else None
        if y is None and _are_paths(X) and self._reads_files(X):
            return read_examples(X, data, answer)
        if y is None and hasattr(X, "columns") and data.target:  # what was learnt stood in a column too
            return read_frame(X, data, answer)
        return self._to_read(X, y, lengths)

    def _reads_files(self, X: Any) -> bool:  # noqa: N803
        """Whether texts are names of files: paths are, and texts that name what exists."""
        several = [X] if isinstance(X, (str, Path)) else X
        return all(isinstance(path, Path) or Path(path).exists() for path in several)

    def _reported(self, parts: dict[str, Examples], rivals: Sequence[Rival], source: str) -> LabelReport | None:
        if not parts:
            return None
        return report(
            self.model.answers,
            {name: self._scored(part) for name, part in parts.items()},
            rivals=rivals,
            title=f"{self.task.capitalize()} {source}, by {self.settings.network.cell}",
        )

    def _scored(self, examples: Examples) -> Part:
        """The examples with what the model says of them."""
        said = list(self.model.predict(examples.inputs))
        outputs: Any = [each.outputs for each in said]
        alone = None if self.model.bag is None else np.stack(self.model.recurrent_alone(examples.inputs))
        if self.model.answers.kind == "tags":
            return Part(examples, outputs, given=[each.said for each in said])
        return Part(examples, np.stack(outputs), alone=alone)

    # To keep -----------------------------------------------------------------------------------------------

    @classmethod
    def load(cls, folder: str | Path, *, encoder: nn.Module | None = None) -> Self:
        """Read a model folder; ``encoder`` is a module as it was given to `fit`, for the weights that the folder holds.

        Raises `BundleError` with one sentence on what is wrong with it.
        """
        bundle = Bundle.read(folder, LabelModel)
        if bundle.config["task"] != cls.task:
            raise BundleError(f"{folder}: is a model for the task '{bundle.config['task']}', not '{cls.task}'.")
        try:
            settings = update(cls.Settings(), bundle.config.get("settings", {}), f"{folder}/config.json")
        except SettingsError as error:
            raise BundleError(str(error)) from None
        found = cls(**flat(settings))
        found._metrics, found._model, found._sample = bundle.metrics, bundle.model, bundle.sample
        if encoder is not None:
            from elman.tasks.label_encoder import with_encoder

            found._model = with_encoder(bundle, encoder, folder)
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


def _are_paths(given: Any) -> bool:
    several = given if isinstance(given, (list, tuple)) else [given]
    return bool(several) and all(isinstance(item, (str, Path)) for item in several)


def _answer_of(examples: Examples, asked: Answer) -> Answer:
    """Several labels for each sequence where the data have lists of them."""
    if asked == "class" and examples.targets and isinstance(examples.targets[0], frozenset):
        return "classes"
    return asked
