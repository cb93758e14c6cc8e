"""Transcribing: from sound, strokes, pictures of lines or features to text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from elman.data.examples import Answer, Examples
from elman.data.splits import Parts
from elman.errors import DataError, UsageError
from elman.runtime.backends import Array
from elman.runtime.transcript_model import TranscriptModel
from elman.runtime.transcript_stream import TranscriptStream
from elman.runtime.transcripts import GREEDY, Decoding, Transcription
from elman.settings import AUTO, DecodingSettings, TranscriberSettings
from elman.tasks.learner import Learner, scored_in
from elman.tasks.transcript_language import (
    BONUS,
    TRANSCRIPTS,
    TRIED_BEAM,
    TRIED_FRAMES,
    WEIGHT,
    Language,
    Tuned,
    character_error,
    language_of,
    tune,
)
from elman.tasks.transcript_report import COMMONEST, MODEL, Said, TranscriptReport, commonest

if TYPE_CHECKING:
    from elman.nn.subject import Subject
    from elman.training.events import Callback


#: Hypotheses of a beam search where nobody says how many.
BEAM = 32


@final
class Transcriber(Learner[TranscriberSettings, TranscriptModel]):
    """A network that reads a sequence and writes down what was said, or written, in it.

    It learns from sequences and their transcripts, without being told when each symbol was said: connectionist temporal
    classification (Graves et al., ICML 2006). Options are the fields of `elman.settings.TranscriberSettings`, by name:

    >>> model = Transcriber(cell="gru", hidden_size=64)
    >>> model.settings.network.cell
    'gru'
    """

    task = "transcribe"
    Settings = TranscriberSettings
    Model = TranscriptModel

    _report: TranscriptReport | None = None

    @property
    def answer(self) -> Answer:
        """A text for each sequence."""
        return "text"

    def fit_parts(
        self,
        parts: Parts,
        *,
        source: str = "examples in memory",
        out: str | Path | None = None,
        resume: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train on data that are divided already; `Learner.fit_parts` says what the arguments mean.

        Raises `DataError` also for sequences with fewer frames than their transcript needs, each named, unless the
        option ``impossible`` is ``drop``.
        """
        from elman.tasks import transcribe_training as training

        trained = training.run(parts, self._asked(), source=source, out=out, resume=resume, callbacks=callbacks)
        self._effective, self._model = trained.settings, trained.model
        self._sample = trained.model.record(parts.train.inputs[0])
        self._metrics = {"training": trained.training}
        if out is not None and parts.valid is not None and not trained.stopped_early:
            self._weigh_transcripts(parts.valid, callbacks)
        if out is not None:  # scoring takes a while: the model is safe before
            self.save(out)
        known = scored_in(parts)
        baseline = commonest([str(target) for target in parts.train.targets or ()])
        self._report = self._reported(known, source, baseline=None if out is None else baseline) if known else None
        return self._concluded(self._report, trained, out)

    @property
    def report(self) -> TranscriptReport | None:
        """All that `fit` found of held-out and test data; None where there were none, and after `load`."""
        return self._report

    # To transcribe -----------------------------------------------------------------------------------------

    def predict(self, X: Any, *, lengths: Any = None, decoding: Decoding = GREEDY) -> list[str]:  # noqa: N803
        """The transcript of each sequence; ``X`` is as for `fit`, or `Examples`."""
        return [each.text for each in self.transcriptions(X, lengths=lengths, decoding=decoding)]

    def transcriptions(
        self,
        X: Any,  # noqa: N803
        *,
        lengths: Any = None,
        decoding: Decoding = GREEDY,
    ) -> list[Transcription]:
        """The transcript of each sequence with the times of its words, how sure they are, and alternatives."""
        return list(self.model.transcribe(self.examples(X, lengths=lengths).inputs, decoding))

    def align(self, X: Any, y: Any = None, *, lengths: Any = None) -> list[Transcription]:  # noqa: N803
        """When each word of known transcripts was said: forced alignment; arguments as for `fit`.

        Raises `DataError` for a sequence that is too short for its transcript.
        """
        examples = self.examples(X, y, lengths=lengths, with_targets=True)
        pairs = zip(examples.inputs, _texts(examples), strict=True)
        return [self.model.aligned(raw, text) for raw, text in pairs]

    def decoding(self, settings: DecodingSettings, alternatives: int = 1) -> Decoding:
        """How transcripts are looked for, as options say; several ``alternatives`` need a beam."""
        language = language_of(settings, self.model.text, self.model.learnt)
        beam = BEAM if alternatives > 1 or language is not None else 1
        if settings.beam != AUTO:
            beam = int(settings.beam)
        if language is None:
            return Decoding(beam, None, alternatives)
        weight, bonus = WEIGHT, BONUS
        if settings.language_model == TRANSCRIPTS and self.model.fusion is not None:
            weight, bonus = self.model.fusion
        weight = weight if settings.language_weight == AUTO else float(settings.language_weight)
        bonus = bonus if settings.bonus == AUTO else float(settings.bonus)
        return Decoding(beam, language.scorer(weight, bonus), alternatives)

    def tuned(self, settings: DecodingSettings) -> DecodingSettings:
        """The same options with weight and bonus of the language model as the sequences of ``tune_on`` choose them.

        Raises `UsageError` where there is no language model to tune.
        """
        if settings.tune_on is None:
            return settings
        language = language_of(settings, self.model.text, self.model.learnt)
        if language is None or not language.has_model:
            raise UsageError("--tune-on chooses weight and bonus of a language model: name one with --language-model.")
        examples = self.examples(settings.tune_on, with_targets=True)
        best = self._best_fusion(language, *self._first_frames(examples))
        return replace(settings, language_weight=best.weight, bonus=best.bonus, tune_on=None)

    def _weigh_transcripts(self, held_out: Examples, callbacks: Sequence[Callback]) -> None:
        """Choose how much the n-gram of the transcripts that were learnt counts, and say what it would mend."""
        language = language_of(DecodingSettings(language_model=TRANSCRIPTS), self.model.text, self.model.learnt)
        assert language is not None
        frames, truth = self._first_frames(held_out)
        best = self._best_fusion(language, frames, truth)
        without = character_error(self._decoded(frames, GREEDY), truth)
        self._model = replace(self.model, fusion=(best.weight, best.bonus))
        if best.error < without:
            for callback in callbacks:
                callback.on_note(
                    f"With --language-model {TRANSCRIPTS} {best.error:.1%} of the characters are wrong in held-out "
                    f"transcripts, which chose its weight, and {without:.1%} without."
                )

    def _best_fusion(self, language: Language, frames: Sequence[Array], truth: Sequence[str]) -> Tuned:
        """How much a language counts where frames are transcribed best."""
        return tune(language, truth, lambda scorer: self._decoded(frames, Decoding(TRIED_BEAM, scorer)))

    def _first_frames(self, examples: Examples) -> tuple[list[Array], list[str]]:
        """The frames of the first sequences, enough to choose by, and their transcripts."""
        frames: list[Array] = []
        for each in self.model.frames(examples.inputs):
            if sum(map(len, frames)) >= TRIED_FRAMES:
                break
            frames.append(each)
        return frames, _texts(examples)[: len(frames)]

    def _decoded(self, frames: Sequence[Array], decoding: Decoding) -> list[str]:
        return [self.model.decoded(each, decoding).text for each in frames]

    def stream(self, decoding: Decoding = GREEDY) -> TranscriptStream:
        """A live session: the transcript of a sequence while it comes, see `elman.runtime.transcript_stream`."""
        return self.model.stream(decoding)

    def subject(self, examples: Examples, *, steps: int = 250, batch: int = 4) -> Subject:
        """The model and some of the longest of these sequences, for `elman.diagnostics`.

        `elman.tasks.transcript_subject` says what is looked at, and what is raised.
        """
        from elman.tasks import transcript_subject

        return transcript_subject.subject(self.model, examples, steps, batch, self.task)

    def evaluate(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        lengths: Any = None,
        decoding: Decoding = GREEDY,
        lowercase: bool = False,
    ) -> TranscriptReport:
        """How good the model is on sequences whose transcripts are known; arguments as for `fit`.

        With ``lowercase`` transcripts and truth are compared in lower case.
        """
        examples = self.examples(X, y, lengths=lengths, with_targets=True)
        return self._reported({"data": examples}, f"{len(examples):,} sequences", decoding, lowercase=lowercase)

    def score(self, X: Any, y: Any = None, *, lengths: Any = None) -> float:  # noqa: N803
        """1 - the word error."""
        return 1 - float(self.evaluate(X, y, lengths=lengths).figures["data"][MODEL]["wer"])

    def _reported(
        self,
        parts: dict[str, Examples],
        source: str,
        decoding: Decoding = GREEDY,
        *,
        baseline: str | None = None,
        lowercase: bool = False,
    ) -> TranscriptReport:
        """What the model says of parts, beside the ``baseline`` that says always the same."""
        found = {}
        for name, part in parts.items():
            texts = {MODEL: [each.text for each in self.model.transcribe(part.inputs, decoding)]}
            if baseline is not None:
                texts[COMMONEST] = [baseline] * len(part)
            truth = _texts(part)
            known = Counter(symbol for text in truth for symbol in self._unknown(text))
            found[name] = Said(part.names, truth, texts, known, lowercase or self.model.text.lowercase)
        return TranscriptReport(found, f"Transcripts of {source}, by {self.settings.network.cell}")

    def _unknown(self, text: str) -> list[str]:
        return self.model.text.unknown_symbols(text)


def _texts(examples: Examples) -> list[str]:
    """The transcripts; `DataError` where there are none."""
    if examples.targets is None:
        raise DataError("Scoring needs to know what was said, found sequences alone. Give transcripts.")
    return [str(target) for target in examples.targets]
