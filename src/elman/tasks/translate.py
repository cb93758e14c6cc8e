"""Translating: from text to text, whatever both are: sentences, spellings and sounds, names in two scripts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

from elman.data.examples import Answer, Examples
from elman.data.splits import Parts
from elman.data.text_files import read_text
from elman.runtime.bundle import Bundle
from elman.runtime.pair_model import PairModel, Translation, Writing
from elman.runtime.pair_stream import PairStream
from elman.settings import AUTO, TranslatorSettings, to_dict
from elman.tasks.learner import Learner, scored_in
from elman.tasks.text_report import COMMONEST, asked_writing, commonest, truth_in
from elman.tasks.translation_report import COPY, Measure, Translated, TranslationReport

if TYPE_CHECKING:
    from elman.nn.subject import Subject
    from elman.training.events import Callback

#: Files that are no lines of text.
TABLES = (".csv", ".tsv", ".tab", ".psv", ".json", ".jsonl", ".ndjson", ".parquet", ".dict", ".dic")

#: Folder in that of a run with the next best checkpoints, each a model folder of its own.
CHECKPOINTS = "checkpoints"


@final
class Translator(Learner[TranslatorSettings, PairModel]):
    """A network that reads a text and writes another one, learnt from pairs.

    An encoder reads the source in both directions; a decoder writes the target symbol by symbol and looks, before each,
    at all of the source (Bahdanau et al., ICLR 2015; Luong et al., EMNLP 2015). Options are the fields of
    `elman.settings.TranslatorSettings`, by name:

    >>> model = Translator(cell="lstm", hidden_size=64, target_units="symbols")
    >>> model.settings.network.cell
    'lstm'
    """

    task = "translate"
    Settings = TranslatorSettings
    Model = PairModel

    _report: TranslationReport | None = None
    _beside: Sequence[PairModel] = ()

    @property
    def answer(self) -> Answer:
        """A text for each source."""
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

        A source with several targets, each of which is right, is learnt with each of them.
        """
        from elman.tasks import translate_training as training

        trained = training.run(parts, self._asked(), source=source, out=out, resume=resume, callbacks=callbacks)
        self._effective, self._model, self._beside = trained.settings, trained.model, ()
        sources, targets = training.pairs_in(parts.train)
        self._sample = trained.model.record((sources[0], targets[0]))
        self._metrics = {"training": trained.training}
        if out is not None:  # scoring takes a while: the model is safe before
            self.save(out)
            for number, other in enumerate(trained.others, 2):
                self._save_beside(Path(out) / CHECKPOINTS / str(number), other, (sources[0], targets[0]))
        known = scored_in(parts)
        early = trained.failure is not None or trained.training["stopped_by"] == "interrupt"
        rivals = None if out is None or early else (sources, targets)
        self._report = self._reported(known, source, learnt=rivals) if known else None
        return self._concluded(self._report, trained, out)

    @property
    def report(self) -> TranslationReport | None:
        """All that `fit` found of held-out and test data; None where there were none, and after `load`."""
        return self._report

    def _to_divide(self, examples: Examples) -> Examples:
        """The pairs with those of one source kept together, unless the data say how they are divided."""
        if examples.groups is not None or examples.parts is not None or len(set(examples.inputs)) == len(examples):
            return examples
        return replace(examples, groups=[str(raw) for raw in examples.inputs])

    # To write ----------------------------------------------------------------------------------------------

    def writing(self, n_best: int = 1, **options: Any) -> Writing:
        """How targets are looked for: as was chosen after training, but for the ``options`` that are given.

        They are those of `elman.settings.WritingSettings`. Raises `SettingsError` for one that there is not.
        """
        return asked_writing(self.settings.writing, options, n_best, replace_unknown=True)

    def beside(self, *folders: str | Path) -> Self:
        """Let the models of other folders write along with this one, as one: the mean of their probabilities.

        A folder of model folders stands for all of them: ``RUN/checkpoints`` holds the next best ones of a run with the
        option ``keep``. Raises `BundleError` where there is no such model, `UsageError` where its vocabularies are
        others.
        """
        found: list[PairModel] = []
        for folder in map(Path, folders):
            inside = sorted(each.parent for each in folder.glob("*/config.json"))
            if (folder / "config.json").exists() or not inside:
                inside = [folder]
            found += [Bundle.read(each, PairModel).model for each in inside]
        for model in found:
            self.model.check_vocabularies(model)
        self._beside = (*self._beside, *found)
        return self

    def predict(self, X: Any, **options: Any) -> list[str]:  # noqa: N803
        """The target of each source; ``X`` is as for `fit`, or `Examples`; options are those of `writing`."""
        return [several[0].text for several in self.translations(X, **options)]

    def translations(self, X: Any, *, n_best: int = 1, **options: Any) -> list[list[Translation]]:  # noqa: N803
        """The ``n_best`` targets of each source, the best one first, with scores and alignments."""
        sources = [str(raw) for raw in self.examples(X).inputs]
        return list(self.model.translate(sources, self.writing(n_best, **options), beside=self._beside))

    def examples(self, X: Any, y: Any = None, *, lengths: Any = None, with_targets: bool = False) -> Examples:  # noqa: N803
        """Files, or texts in memory, as `Examples`; without targets every line of a text file is a source."""
        several = [X] if isinstance(X, (str, Path)) else X
        if with_targets or y is not None or not isinstance(several, (list, tuple)) or not self._are_lines(several):
            return super().examples(X, y, lengths=lengths, with_targets=with_targets)
        encoding = self.settings.data.encoding
        found: list[tuple[str, str]] = []
        for path in map(Path, several):
            text = read_text(path, "utf-8" if encoding == AUTO else encoding).removesuffix("\n")
            found += [(f"{path.name}, row {row}", line) for row, line in enumerate(text.split("\n"), 1)]
        return Examples("text", [line for _, line in found], None, [name for name, _ in found])

    def _are_lines(self, several: Sequence[Any]) -> bool:
        """Whether these are files of lines, not texts in memory, and not tables."""
        if not several or not all(isinstance(each, (str, Path)) for each in several) or not self._reads_files(several):
            return False
        names = [Path(each).name.removesuffix(".gz") for each in several]
        return not any(Path(name).suffix.lower() in TABLES for name in names)

    def stream(self, **options: Any) -> PairStream:
        """A live session: text comes in, line by line its targets come out, see `elman.runtime.pair_stream`."""
        return PairStream(self.model, self.writing(**options), self._beside)

    def subject(self, examples: Examples, *, steps: int = 250, batch: int = 4) -> Subject:
        """The decoder and some of the longest of these targets, for `elman.diagnostics`.

        `elman.tasks.pair_subject` says what is looked at, and what is raised.
        """
        from elman.tasks import pair_subject

        return pair_subject.subject(self.model, examples, steps, batch, self.task)

    def evaluate(self, X: Any, y: Any = None, *, lowercase: bool = False, **options: Any) -> TranslationReport:  # noqa: N803
        """How good the model is on sources whose targets are known; arguments as for `fit` and `writing`.

        With ``lowercase`` targets and truth are compared in lower case.
        """
        examples = self.examples(X, y, with_targets=True)
        return self._reported({"data": examples}, f"{len(examples):,} pairs", options, lowercase=lowercase)

    def score(self, X: Any, y: Any = None) -> float:  # noqa: N803
        """BLEU / 100, or 1 - the error."""
        report = self.evaluate(X, y)
        value = float(report.figures["data"]["model"][report.measure.main])
        return value / 100 if report.measure.main == "bleu" else 1 - value

    def _reported(
        self,
        parts: dict[str, Examples],
        source: str,
        options: dict[str, Any] | None = None,
        learnt: tuple[list[str], list[str]] | None = None,
        *,
        lowercase: bool = False,
    ) -> TranslationReport:
        """What the model writes for parts, beside baselines made of what was ``learnt``."""
        writing, memory = self.writing(**(options or {})), None
        if learnt is not None:
            from elman.baselines.translation_memory import TranslationMemory

            memory = TranslationMemory(*learnt)
        found = {}
        for name, part in parts.items():
            sources = [str(raw) for raw in part.inputs]
            written = [several[0] for several in self.model.translate(sources, writing, beside=self._beside)]
            others = {}
            if memory is not None and learnt is not None:
                others = {memory.name: memory.predict(sources), COPY: sources}
                others[COMMONEST] = [commonest(learnt[1])] * len(sources)
            found[name] = Translated(
                names=part.names, truth=truth_in(part), model=written, others=others, sources=sources
            )
        title = f"Targets of {source}, by {self.settings.network.cell}"
        measure = Measure.of(self.model.codec, self.model.target)
        return TranslationReport(
            parts=found, title=title, measure=replace(measure, lowercase=lowercase or measure.lowercase)
        )

    def _save_beside(self, folder: Path, model: PairModel, sample: tuple[str, str]) -> None:
        """Write a model folder for another checkpoint of the same run."""
        from elman.export import write_bundle

        write_bundle(
            folder,
            task=self.task,
            model=model,
            settings=to_dict(self.settings),
            metrics={"training": self._metrics["training"]},
            sample=model.record(sample),
        )
