"""Captioning: from a picture to a text that says what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np
from numpy.typing import NDArray

from elman.data.examples import Answer, Examples
from elman.data.splits import Parts
from elman.runtime.caption_model import Caption, CaptionModel
from elman.runtime.pair_model import Writing
from elman.settings import CaptionerSettings
from elman.tasks.caption_report import CaptionReport, Described, likeliest, nearest
from elman.tasks.encoded_learner import EncodedLearner
from elman.tasks.learner import scored_in
from elman.tasks.text_report import asked_writing, commonest, truth_in

if TYPE_CHECKING:
    from torch import nn

    from elman.nn.subject import Subject
    from elman.training.events import Callback


@final
class Captioner(EncodedLearner[CaptionerSettings, CaptionModel]):
    """A network that says what is in a picture, learnt from pictures with one caption or several.

    Convolutions make regions of the picture; a decoder writes word by word and looks, before each, at the regions
    (Xu et al., "Show, attend and tell", ICML 2015). Regions that another network has made, (regions, features) for each
    picture, are read as well. Options are the fields of `elman.settings.CaptionerSettings`, by name:

    >>> model = Captioner(cell="gru", hidden_size=64, picture_size=48)
    >>> model.settings.network.cell
    'gru'
    """

    task = "caption"
    Settings = CaptionerSettings
    Model = CaptionModel

    _report: CaptionReport | None = None

    @property
    def answer(self) -> Answer:
        """A text for each picture."""
        return "text"

    def fit_parts(
        self,
        parts: Parts,
        *,
        source: str = "examples in memory",
        out: str | Path | None = None,
        resume: bool = False,
        encoder: nn.Module | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on data that are divided already.

        ``encoder`` is a torch module of your own in place of the convolutions: pictures (n, channels, height, width) to
        regions (n, features, rows, columns). It is trained along unless its parameters need no gradients. A folder
        keeps its weights, not the module itself, which `load` is given again. `Learner.fit_parts` says what the other
        arguments mean.
        """
        from elman.tasks import caption_training as training

        trained = training.run(
            parts, self._asked(), source=source, out=out, resume=resume, encoder=encoder, callbacks=callbacks
        )
        self._effective, self._model = trained.settings, trained.model
        self._sample = trained.model.record((parts.train.inputs[0], truth_in(parts.train)[0][0]))
        self._metrics = {"training": trained.training}
        if out is not None:  # scoring takes a while: the model is safe before
            self.save(out)
        known = scored_in(parts)
        early = trained.failure is not None or trained.training["stopped_by"] == "interrupt"
        self._report = self._reported(known, source, None if out is None or early else parts.train) if known else None
        return self._concluded(self._report, trained, out)

    @property
    def report(self) -> CaptionReport | None:
        """All that `fit` found of held-out and test data; None where there were none, and after `load`."""
        return self._report

    # To write ----------------------------------------------------------------------------------------------

    def writing(self, n_best: int = 1, **options: Any) -> Writing:
        """How captions are looked for: as was chosen after training, but for the ``options`` that are given.

        They are those of `elman.settings.WritingSettings`. Raises `SettingsError` for one that there is not.
        """
        return asked_writing(self.settings.writing, options, n_best, replace_unknown=False)

    def predict(self, X: Any, **options: Any) -> list[str]:  # noqa: N803
        """The caption of each picture; ``X`` is as for `fit`, or `Examples`; options are those of `writing`."""
        return [several[0].text for several in self.captions(X, **options)]

    def captions(self, X: Any, *, n_best: int = 1, **options: Any) -> list[list[Caption]]:  # noqa: N803
        """The ``n_best`` captions of each picture, the best one first, with scores and where the model looked."""
        return list(self.model.describe(self.examples(X).inputs, self.writing(n_best, **options)))

    def log_probabilities(self, X: Any, texts: Sequence[str]) -> NDArray[np.float64]:  # noqa: N803
        """Ln p of each text as the caption of each picture, (pictures, texts): which picture does a caption mean?"""
        return self.model.log_probabilities(self.examples(X).inputs, texts)

    def subject(self, examples: Examples, *, steps: int = 250, batch: int = 4) -> Subject:
        """The decoder and some of the longest of these captions, for `elman.diagnostics`.

        `elman.tasks.caption_subject` says what is looked at, and what is raised.
        """
        from elman.tasks import caption_subject

        return caption_subject.subject(self.model, examples, steps, batch, self.task)

    def evaluate(self, X: Any, y: Any = None, **options: Any) -> CaptionReport:  # noqa: N803
        """How good the model is on pictures whose captions are known; arguments as for `fit` and `writing`."""
        examples = self.examples(X, y, with_targets=True)
        return self._reported({"data": examples}, f"{len(examples):,} pictures", None, **options)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """The mean CIDEr-D."""
        return float(self.evaluate(X, y).figures["data"]["model"]["cider"])

    def _reported(
        self, parts: dict[str, Examples], source: str, learnt: Examples | None, **options: Any
    ) -> CaptionReport:
        """What the model writes for parts, beside baselines made of what was ``learnt``."""
        writing, found = self.writing(**options), {}
        for name, part in parts.items():
            written = [several[0] for several in self.model.describe(part.inputs, writing)]
            others = {}
            if learnt is not None:
                known = truth_in(learnt)
                owners = nearest(self.model.codec, learnt.inputs, part.inputs)
                others["caption of the nearest picture"] = [known[number][0] for number in owners]
                often = commonest([text for several in known for text in several])
                others["the commonest caption"] = [often] * len(part)
            pictures = [self.model.codec.encode(raw) for raw in part.inputs]
            found[name] = Described(
                names=part.names,
                truth=truth_in(part),
                model=written,
                others=others,
                pictures=pictures,
                found=likeliest(self.model, part),
            )
        title = f"Captions of {source}, by {self.settings.network.cell}"
        return CaptionReport(parts=found, title=title, model=self.model)
