"""Transcribing: from sound, strokes, pictures of lines or features to text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from elman.data.examples import Answer, Examples
from elman.data.splits import Parts
from elman.errors import DataError
from elman.runtime.transcript_model import TranscriptModel
from elman.runtime.transcript_stream import TranscriptStream
from elman.runtime.transcripts import GREEDY, Decoding, Transcription
from elman.settings import AUTO, DecodingSettings, TranscriberSettings
from elman.tasks.learner import Learner
from elman.tasks.transcript_report import COMMONEST, MODEL, Said, TranscriptReport, commonest

if TYPE_CHECKING:
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
        if out is not None:  # scoring takes a while: the model is safe before
            self.save(out)
        scored = {"held_out": parts.valid, "test": parts.test}
        known = {name: part for name, part in scored.items() if part is not None}
        baseline = commonest([str(target) for target in parts.train.targets or ()])
        self._report = self._reported(known, source, baseline=None if out is None else baseline) if known else None
        self._metrics = {**(self._report.figures if self._report else {}), "training": trained.training}
        if out is not None:
            self.save(out)
            if self._report is not None:
                self._report.write(out)
        if trained.failure is not None:
            raise trained.failure
        return self

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
        beam = BEAM if alternatives > 1 else 1
        return Decoding(beam if settings.beam == AUTO else int(settings.beam), None, alternatives)

    def stream(self, decoding: Decoding = GREEDY) -> TranscriptStream:
        """A live session: the transcript of a sequence while it comes, see `elman.runtime.transcript_stream`."""
        return self.model.stream(decoding)

    def evaluate(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        lengths: Any = None,
        decoding: Decoding = GREEDY,
    ) -> TranscriptReport:
        """How good the model is on sequences whose transcripts are known; arguments as for `fit`."""
        examples = self.examples(X, y, lengths=lengths, with_targets=True)
        return self._reported({"data": examples}, f"{len(examples):,} sequences", decoding)

    def score(self, X: Any, y: Any = None, *, lengths: Any = None) -> float:  # noqa: N803
        """1 - the word error."""
        return 1 - float(self.evaluate(X, y, lengths=lengths).figures["data"][MODEL]["wer"])

    def _reported(
        self, parts: dict[str, Examples], source: str, decoding: Decoding = GREEDY, baseline: str | None = None
    ) -> TranscriptReport:
        """What the model says of parts, beside the ``baseline`` that says always the same."""
        found = {}
        for name, part in parts.items():
            texts = {MODEL: [each.text for each in self.model.transcribe(part.inputs, decoding)]}
            if baseline is not None:
                texts[COMMONEST] = [baseline] * len(part)
            truth = _texts(part)
            known = Counter(symbol for text in truth for symbol in self._unknown(text))
            found[name] = Said(part.names, truth, texts, known, self.model.text.lowercase)
        return TranscriptReport(found, f"Transcripts of {source}, by {self.settings.network.cell}")

    def _unknown(self, text: str) -> list[str]:
        return self.model.text.unknown_symbols(text)


def _texts(examples: Examples) -> list[str]:
    """The transcripts; `DataError` where there are none."""
    if examples.targets is None:
        raise DataError("Scoring needs to know what was said, found sequences alone. Give transcripts.")
    return [str(target) for target in examples.targets]
