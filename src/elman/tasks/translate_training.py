"""The part of learning to translate that needs torch: build the network, train it, choose how it writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from elman.data.batch import SequenceBatch
from elman.data.examples import Examples
from elman.data.pairs import PairBatches, Symbols, scored_pairs
from elman.data.sources import settled
from elman.data.splits import Parts
from elman.errors import DataError, NonFiniteLossError
from elman.nn.pairs import PairNetwork
from elman.runtime.pair_model import PairModel
from elman.settings import AUTO, TranslatorSettings, WritingSettings
from elman.tasks import translate_budget as budget
from elman.tasks.best_weights import BestWeights
from elman.tasks.labelled_training import fingerprint, targets_in
from elman.tasks.run_folder import RunRecord, record_in
from elman.tasks.text_report import truth_in, writing_of
from elman.tasks.training_run import tensors_of, train
from elman.tasks.translation_report import Measure
from elman.training.events import Callback
from elman.training.problem import Loss, Score

Record: TypeAlias = RunRecord[PairModel, TranslatorSettings]

#: Held-out pairs that are written at every score, and for each way to write after training.
SCORED, TUNED = 1_000, 1_000

#: Beams and length penalties from which those are taken that write held-out targets best.
BEAM, LENGTH_PENALTIES = 5, (0.0, 0.5, 1.0)

#: Symbols that are named where some are unseen.
NAMED = 10


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind; ``others`` are the next best checkpoints, the best one first."""

    settings: TranslatorSettings
    model: PairModel
    others: Sequence[PairModel]
    training: dict[str, Any]
    failure: NonFiniteLossError | None


@dataclass(frozen=True)
class Encoded:
    """Pairs as a network reads and learns them; a pair for each of several targets."""

    sources: Sequence[Symbols]
    targets: Sequence[Symbols]

    @classmethod
    def of(cls, examples: Examples, model: PairModel) -> Encoded:
        """Encode all. Raises `DataError` for a source without symbols."""
        sources, targets = pairs_in(examples)
        read = [model.read(source) for source in sources]
        empty = next((number for number, each in enumerate(read) if not len(each)), None)
        if empty is not None:
            raise DataError(f"The source {sources[empty]!r} has no symbols to read. Take such pairs out.")
        return cls(read, [model.learn(target) for target in targets])

    @property
    def length(self) -> int:
        """Symbols of all targets, and their ends."""
        return sum(map(len, self.targets)) + len(self.targets)


class Objective:
    """The loss of a batch: cross-entropy of the targets' symbols, smoothed, in nats for each."""

    def __init__(self, smoothing: float, sampling: float) -> None:
        self._smoothing, self._sampling = smoothing, sampling

    def __call__(self, module: torch.nn.Module, batch: SequenceBatch, carry: Any) -> Loss:
        """All pairs of the batch; nothing is carried."""
        assert isinstance(module, PairNetwork)
        assert batch.targets is not None
        written = module(batch, sampling=self._sampling)
        loss = module.loss(written, batch, smoothing=self._smoothing)
        return Loss(loss, int((batch.targets >= 0).sum()))


def run(
    parts: Parts,
    settings: TranslatorSettings,
    *,
    source: str,
    out: str | Path | None,
    resume: bool,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a model from start to end; `elman.tasks.learner.Learner.fit_parts` says what the arguments mean."""
    with record_in(
        out, resume, PairModel, settings, sha256=lambda: fingerprint(parts), source=source,
        begin=lambda: _begin(parts, settings, source, callbacks),
    ) as (folder, record):  # fmt: skip
        return _train(parts, record, folder, resume, callbacks)


def _begin(parts: Parts, settings: TranslatorSettings, source: str, callbacks: Sequence[Callback]) -> Record:
    """Settle what the settings leave open."""
    sources, targets = pairs_in(parts.train)
    settings = replace(
        settings,
        data=settled(settings.data, parts.train),
        text=budget.text_settings(settings.text, sources, targets),
    )
    facts = budget.Facts.of(*budget.codecs(settings.text, sources, targets), sources, targets)
    settings = budget.resolve(settings, facts)
    shape = budget.shape_of(settings, facts)
    record = RunRecord(
        settings, PairModel(shape, facts.codec, facts.target, budget.longest(facts)), source, fingerprint(parts)
    )
    about = (*parts.sentences, *budget.describe(settings, shape, facts), *unseen(parts, record.model))
    for sentence in about:
        for callback in callbacks:
            callback.on_note(sentence)
    return record


def pairs_in(examples: Examples) -> tuple[list[str], list[str]]:
    """Sources and targets, one pair for each of several targets of a source. Raises `DataError` without targets."""
    sources: list[str] = []
    targets: list[str] = []
    for raw, known in zip(examples.inputs, targets_in(examples), strict=True):
        if not isinstance(raw, str):
            raise DataError(f"expected texts to translate, found {type(raw).__name__}.")
        for target in [known] if isinstance(known, str) else known:
            sources.append(raw)
            targets.append(str(target))
    return sources, targets


def unseen(parts: Parts, model: PairModel) -> list[str]:
    """A sentence for each side of held-out and test data with symbols that training has not: how many, and which."""
    sentences = []
    for part, called in ((parts.valid, "the held-out data"), (parts.test, "the test")):
        if part is None:
            continue
        sides = zip(("sources", "targets"), (model.codec, model.target), pairs_in(part), strict=True)
        for side, codec, texts in sides:
            found = dict.fromkeys(symbol for text in texts for symbol in codec.unknown_symbols(text.strip()))
            if found:
                some = ", ".join(map(repr, list(found)[:NAMED])) + (", ..." if len(found) > NAMED else "")
                sentences.append(f"{len(found):,} symbols of the {side} of {called} are unknown: {some}.")
    return sentences


def _train(parts: Parts, record: Record, folder: Path | None, resume: bool, callbacks: Sequence[Callback]) -> Trained:
    settings, model = record.settings, record.model
    training = settings.training
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = build(model, settings)
    learnt = Encoded.of(parts.train, model)
    batches = PairBatches(
        learnt.sources,
        learnt.targets,
        model.shape.decoder.end,
        int(settings.objective.batch_tokens),
        most=int(training.batch_size),
        seed=training.seed,
    )
    best = BestWeights(settings.keep, None if folder is None else folder, resume)
    outcome = train(
        network,
        Objective(settings.objective.label_smoothing, settings.objective.scheduled_sampling),
        batches,
        None if parts.valid is None else _evaluation(parts.valid, model, best),
        record,
        folder=folder,
        resume=resume,
        callbacks=callbacks,
    )
    figures = outcome.figures(record.source, record.sha256, learnt.length)
    figures["sequences"] = len(learnt.sources)
    trained = replace(model, tensors=tensors_of(network))
    others = [replace(model, tensors=tensors) for tensors in best.weights()[1:]]
    held_out = None if outcome.failure is not None or figures["stopped_by"] == "interrupt" else parts.valid
    settings = replace(
        settings, training=outcome.settings, writing=tuned(settings.writing, trained, held_out, callbacks)
    )
    return Trained(settings, trained, others, figures, outcome.failure)


def build(model: PairModel, settings: TranslatorSettings) -> PairNetwork:
    """A fresh torch network of a model's shape."""
    names = ("dropout", "dropout_words", "backend")
    return PairNetwork(model.shape, **{name: getattr(settings.network, name) for name in names})


def _evaluation(examples: Examples, model: PairModel, best: BestWeights) -> Callable[[torch.nn.Module], Score]:
    """How wrong greedy targets are, and the perplexity of the right ones."""
    encoded, measure = Encoded.of(examples, model), Measure.of(model.codec, model.target)
    some = examples.take(_spread(len(examples), SCORED))

    def evaluate(module: torch.nn.Module) -> Score:
        assert isinstance(module, PairNetwork)
        tensors = tensors_of(module)
        now = replace(model, tensors=tensors)
        texts = [each[0].text for each in now.translate([str(raw) for raw in some.inputs])]
        value = measure.loss(texts, truth_in(some))
        best.take(value, tensors)
        shown = {"BLEU": 100 * (1 - value)} if measure.main == "bleu" else {measure.main.replace("_", " "): value}
        return Score(value, {**shown, "perplexity": float(np.exp(mean_loss(module, encoded)))})

    return evaluate


def mean_loss(network: PairNetwork, encoded: Encoded) -> float:
    """The cross-entropy of all targets, in nats for each symbol."""
    total, symbols = 0.0, 0
    device = next(network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for batch in scored_pairs(encoded.sources, encoded.targets, network.shape.decoder.end):
            batch = batch.to(device)
            assert batch.targets is not None
            count = int((batch.targets >= 0).sum())
            total += float(network.loss(network(batch), batch)) * count
            symbols += count
    return total / symbols


def tuned(
    settings: WritingSettings, model: PairModel, held_out: Examples | None, callbacks: Sequence[Callback]
) -> WritingSettings:
    """The settings with beam and length penalty that write held-out targets best; without such data the usual ones."""
    beams = [1, BEAM] if settings.beam == AUTO else [int(settings.beam)]
    lengths = LENGTH_PENALTIES if settings.length_penalty == AUTO else [float(settings.length_penalty)]
    ways = [(beam, length) for beam in beams for length in (lengths if beam > 1 else lengths[:1])]
    if held_out is None or len(ways) == 1:
        beam, length = ways[0] if len(ways) == 1 else (beams[-1], lengths[len(lengths) // 2])
        return replace(settings, beam=beam, length_penalty=length)
    some, measure = held_out.take(_spread(len(held_out), TUNED)), Measure.of(model.codec, model.target)
    found = []
    for beam, length in ways:
        way = writing_of(replace(settings, beam=beam, length_penalty=length))
        texts = [each[0].text for each in model.translate([str(raw) for raw in some.inputs], way)]
        found.append(measure.loss(texts, truth_in(some)))
    beam, length = ways[int(np.argmin(found))]
    for callback in callbacks:
        callback.on_note(f"Held-out targets are written best with a beam of {beam} and a length penalty of {length:g}.")
    return replace(settings, beam=beam, length_penalty=length)


def _spread(rows: int, count: int) -> NDArray[np.int64]:
    """At most so many rows, evenly over all of them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, count)).round().astype(np.int64))
