"""What classifying, tagging and regression share: sequences in, something said of each.

Training needs torch (`elman.tasks.labelled_training`, imported when it is asked for); what was learnt runs without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np

from elman.data.examples import Answer, Examples
from elman.data.splits import Parts
from elman.runtime.label_model import LabelModel, Prediction
from elman.runtime.label_stream import LabelStream
from elman.settings import LabelSettings
from elman.tasks.encoded_learner import EncodedLearner
from elman.tasks.label_figures import Part
from elman.tasks.label_report import BagPart, LabelReport, Rival, fit_rivals, recorded, report
from elman.tasks.learner import scored_in

if TYPE_CHECKING:
    from torch import nn

    from elman.baselines.linear import LinearModel
    from elman.nn.subject import Subject
    from elman.training.events import Callback


class Labelled(EncodedLearner[LabelSettings, LabelModel]):
    """A network that reads sequences and says something of each."""

    Model = LabelModel

    _report: LabelReport | None = None

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
        """Train on data that are divided already.

        Args:
            parts: What trains, what is held out, what is for the test.
            source: Where they come from, for the reader of a report.
            out: Folder for model, report, logs and checkpoints; without it all stays in memory, and no baselines are
                fitted.
            resume: Go on with the run in ``out``.
            start_from: Folder of a language model whose embedding and layers are taken as a start.
            encoder: A torch module of your own in place of the convolutions over pixels: frames (n, channels, height,
                width) to features (n, features). It is trained along. A folder keeps its weights, not the module
                itself, which `load` is given again.
            callbacks: Follow the run.
        """
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
        known = scored_in(parts)
        self._report = self._reported(known, rivals, source)
        return self._concluded(self._report, trained, out)

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
    def report(self) -> LabelReport | None:
        """All that `fit` found of held-out and test data; None where there were none, and after `load`."""
        return self._report

    # To say something --------------------------------------------------------------------------------------

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
        """How good the model is on sequences whose truth is known; arguments as for `fit`.

        Where the network has a bag of features beside it, each of the two is told by itself too. What the baselines
        reached when it was trained stands in `metrics`.
        """
        examples = self.examples(X, y, lengths=lengths, with_targets=True)
        beside = [] if self.model.bag is None else [BagPart(self.model)]
        found = self._reported({"data": examples}, beside, f"{len(examples):,} sequences")
        assert found is not None
        return replace(found, note=recorded(self.model.answers, self.metrics))

    @property
    def _learnt_answer(self) -> Answer:
        return cast(Answer, self.model.answers.kind)

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


def _answer_of(examples: Examples, asked: Answer) -> Answer:
    """Several labels for each sequence where the data have lists of them."""
    if asked == "class" and examples.targets and isinstance(examples.targets[0], frozenset):
        return "classes"
    return asked
