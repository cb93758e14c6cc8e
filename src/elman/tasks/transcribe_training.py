"""The part of learning to transcribe that needs torch: build the network, train it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from elman.codecs.registry import codec_for
from elman.codecs.sequence import Steps
from elman.codecs.text import TextCodec
from elman.data.batch import SequenceBatch
from elman.data.examples import Examples
from elman.data.labelled import LabelledBatches, scoring_batches
from elman.data.sources import settled
from elman.data.sources.audio import one_rate
from elman.data.splits import Parts
from elman.decoding.ctc import Misfit, frames_needed, misfits
from elman.errors import DataError, NonFiniteLossError
from elman.metrics.transcripts import errors
from elman.nn.labels import LabelNetwork
from elman.nn.transducer import TransducerNetwork
from elman.runtime.backends import Array
from elman.runtime.transcript_model import TranscriptModel
from elman.settings import AUTO, TranscriberSettings, TranscriptSettings
from elman.shapes import TransducerShape
from elman.tasks import transcribe_budget as budget
from elman.tasks.labelled_training import fingerprint, targets_in
from elman.tasks.run_folder import RunRecord, record_in
from elman.tasks.training_run import tensors_of, train
from elman.training.events import Callback
from elman.training.problem import Loss, Score

Record: TypeAlias = RunRecord[TranscriptModel, TranscriberSettings]
Network: TypeAlias = LabelNetwork | TransducerNetwork

#: Rows that are named where sequences are too short, and characters where some are unseen.
NAMED = 10


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind."""

    settings: TranscriberSettings
    model: TranscriptModel
    training: dict[str, Any]
    failure: NonFiniteLossError | None

    @property
    def stopped_early(self) -> bool:
        """Whether nobody should be kept waiting: it failed, or was interrupted."""
        return self.failure is not None or self.training["stopped_by"] == "interrupt"


@dataclass(frozen=True)
class Encoded:
    """Examples as a network reads and learns them."""

    texts: Sequence[str]
    steps: Sequence[Steps]
    targets: Sequence[NDArray[np.int64]]

    @classmethod
    def of(cls, examples: Examples, model: TranscriptModel) -> Encoded:
        """Encode all. Raises `DataError` for what the codec cannot read."""
        texts = [str(target) for target in targets_in(examples)]
        return cls(
            texts,
            [model.codec.encode(raw) for raw in examples.inputs],
            [model.text.encode(text) for text in texts],
        )

    @property
    def length(self) -> int:
        """Steps of all sequences."""
        return sum(len(each.values) for each in self.steps)


class Objective:
    """The loss of a batch, in nats for each symbol.

    A variant of a sequence may be said so fast that its frames are too few for its transcript: it is left out.
    """

    def __call__(self, module: torch.nn.Module, batch: SequenceBatch, carry: Any) -> Loss:
        """All sequences of the batch; nothing is carried."""
        assert isinstance(module, Network)
        batch = fitting(batch, module)
        if not len(batch.inputs):
            return Loss(torch.stack([0 * weight.sum() for weight in module.parameters()]).sum(), 0)
        loss = module.loss(module(batch), batch)
        steps = batch.inputs.shape[0] * batch.inputs.shape[1] if batch.lengths is None else int(batch.lengths.sum())
        return Loss(loss, steps)


def run(
    parts: Parts,
    settings: TranscriberSettings,
    *,
    source: str,
    out: str | Path | None,
    resume: bool,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a model from start to end; `elman.tasks.learner.Learner.fit_parts` says what the arguments mean."""
    with record_in(
        out, resume, TranscriptModel, settings, sha256=lambda: fingerprint(parts), source=source,
        begin=lambda: _begin(parts, settings, source, callbacks),
    ) as (folder, record):  # fmt: skip
        learnt = _possible(parts.train, record)
        return _train(learnt, parts.valid, record, folder, resume, callbacks)


def _begin(parts: Parts, settings: TranscriberSettings, source: str, callbacks: Sequence[Callback]) -> Record:
    """Settle what the settings leave open."""
    learnt, texts = parts.train, [str(target) for target in targets_in(parts.train)]
    if settings.input.rate == AUTO:
        one_rate(learnt)
    codec = codec_for(learnt.kind, learnt.inputs, budget.input_settings(settings.input, learnt.kind))
    text = text_codec(texts, settings.transcript)
    lengths = [len(codec.encode(raw).values) for raw in learnt.inputs]
    ctc = settings.network.head == "ctc"
    needed = [frames_needed(text.encode(each).tolist()) if ctc else 1 for each in texts]
    facts = budget.Facts(learnt.kind, lengths, needed, codec, text)
    settings = replace(budget.resolve(settings, facts), data=settled(settings.data, learnt))
    shape = budget.shape_of(settings, facts)
    record = RunRecord(settings, TranscriptModel(shape, codec, text), source, fingerprint(parts))
    about = (*parts.sentences, codec.describe(), _symbols(text), *unseen(parts, text), budget.describe(shape))
    for sentence in (*about, *_left_out(learnt, record)):
        for callback in callbacks:
            callback.on_note(sentence)
    return record


def text_codec(texts: Sequence[str], settings: TranscriptSettings) -> TextCodec:
    """What the symbols of transcripts are."""
    units = budget.units(texts, settings.lowercase) if settings.units == AUTO else settings.units
    return TextCodec.fit(units, texts, settings.vocabulary_size, settings.lowercase)


def _symbols(text: TextCodec) -> str:
    what = {"bpe": "pieces of words (BPE)", "symbols": "symbols between white space"}.get(text.kind, text.kind)
    return f"A transcript is written in {len(text):,} {what}{', in lower case' if text.lowercase else ''}."


def unseen(parts: Parts, text: TextCodec) -> list[str]:
    """A sentence for each part whose transcripts hold symbols that training has not: how many, and which."""
    sentences = []
    for part, called in ((parts.valid, "the held-out data"), (parts.test, "the test")):
        if part is None:
            continue
        found = {
            symbol: name
            for target, name in zip(targets_in(part), part.names, strict=True)
            for symbol in text.unknown_symbols(str(target))
        }
        if found:
            some = ", ".join(f"{symbol!r} ({name})" for symbol, name in list(found.items())[:NAMED])
            more = ", ..." if len(found) > NAMED else ""
            sentences.append(
                f"{len(found)} symbols of the transcripts of {called} are not in the training data and cannot be "
                f"written: {some}{more}."
            )
    return sentences


def _too_short(examples: Examples, record: Record) -> list[str]:
    """The sequences that have fewer frames than their transcript needs, each with a sentence."""
    encoded = Encoded.of(examples, record.model)
    return [
        f"{examples.names[found.row]}: {found.frames} frames, {found.needed} needed for '{encoded.texts[found.row]}'"
        for found in _misfits(encoded, record.model)
    ]


def _misfits(encoded: Encoded, model: TranscriptModel) -> list[Misfit]:
    """The sequences that have fewer frames than their transcript needs; a transducer needs no more than one."""
    if isinstance(model.shape, TransducerShape):
        return []
    frames = [model.shape.kept(len(each.values)) for each in encoded.steps]
    return misfits([each.tolist() for each in encoded.targets], frames)


def _left_out(examples: Examples, record: Record) -> list[str]:
    """What is said of sequences that are too short. Raises `DataError` where they are not to be left out."""
    short = _too_short(examples, record)
    if not short:
        return []
    said = f"{len(short)} of {len(examples)} sequences are too short for their transcripts:\n" + "\n".join(short)
    if record.settings.transcript.impossible == "refuse":
        raise DataError(
            f"{said}\nCorrect them, leave them out with --impossible drop, or take convolutions with a smaller stride."
        )
    return [f"{said}\nThey are left out."]


def _possible(examples: Examples, record: Record) -> Encoded:
    """The training sequences that have frames enough for their transcripts."""
    encoded = Encoded.of(examples, record.model)
    short = {found.row for found in _misfits(encoded, record.model)}
    rows = [row for row in range(len(examples)) if row not in short]
    if not rows:
        raise DataError("All sequences are too short for their transcripts. Take a smaller stride, or other units.")
    return Encoded(
        [encoded.texts[row] for row in rows],
        [encoded.steps[row] for row in rows],
        [encoded.targets[row] for row in rows],
    )


def _train(
    learnt: Encoded,
    valid: Examples | None,
    record: Record,
    folder: Path | None,
    resume: bool,
    callbacks: Sequence[Callback],
) -> Trained:
    settings, model = record.settings, record.model
    training = settings.training
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = build(model, settings)
    batches = LabelledBatches(
        learnt.steps,
        learnt.targets,
        int(training.batch_size),
        seed=training.seed,
        augment=model.codec.augment,
        aligned=False,
        short_first=model.codec.kind in budget.SHORT_FIRST,
    )
    outcome = train(
        network,
        Objective(),
        batches,
        None if valid is None else _evaluation(Encoded.of(valid, model), model),
        record,
        folder=folder,
        resume=resume,
        callbacks=callbacks,
    )
    figures = outcome.figures(record.source, record.sha256, learnt.length)
    figures["sequences"] = len(learnt.steps)
    model = replace(model, tensors=tensors_of(network), learnt=tuple(learnt.texts))
    return Trained(replace(settings, training=outcome.settings), model, figures, outcome.failure)


def build(model: TranscriptModel, settings: TranscriberSettings) -> Network:
    """A fresh torch network of a model's shape."""
    names = ("dropout", "dropout_input", "weight_drop", "memory", "normed", "backend")
    options = {name: getattr(settings.network, name) for name in names}
    if isinstance(model.shape, TransducerShape):
        return TransducerNetwork(model.shape, **options)
    return LabelNetwork(model.shape, **options)


def _evaluation(encoded: Encoded, model: TranscriptModel) -> Callable[[torch.nn.Module], Score]:
    """Character error of greedy decoding, and among equals the lower loss."""

    def evaluate(module: torch.nn.Module) -> Score:
        assert isinstance(module, Network)
        frames, loss = frames_and_loss(module, encoded)
        now = replace(model, tensors=tensors_of(module))
        said = [now.decoded(each).text for each in frames]
        wrong = errors(encoded.texts, said, "characters")
        part = loss / (1 + loss) if np.isfinite(loss) else 1.0
        figures = {"CER": wrong.rate, "WER": errors(encoded.texts, said, "words").rate}
        return Score((float(wrong.wrong.sum()) + part) / max(1, int(wrong.lengths.sum())), figures)

    return evaluate


def frames_and_loss(network: Network, encoded: Encoded) -> tuple[list[Array], float]:
    """What the network gives for each sequence, in order, and the loss of those that are long enough, by symbol."""
    found: list[Array] = [np.zeros((0, 1), np.float32)] * len(encoded.steps)
    total = symbols = 0.0
    device = next(network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for batch in scoring_batches(encoded.steps, encoded.targets, aligned=False):
            batch = batch.to(device)
            scores = network(batch)
            assert batch.ids is not None
            for row, values in zip(batch.ids.tolist(), scores.float().cpu().numpy(), strict=True):
                found[row] = values[: network.shape.kept(len(encoded.steps[row].values))]
            possible = fitting(batch, network)
            assert possible.targets is not None
            if len(possible.inputs):
                count = int((possible.targets >= 0).sum())
                again = scores if possible is batch else network(possible)
                total += float(network.loss(again, possible)) * count
                symbols += count
    return found, total / symbols if symbols else float("inf")


def fitting(batch: SequenceBatch, network: Network) -> SequenceBatch:
    """The rows of a batch that have frames enough for their transcripts; the batch itself where all have.

    A transducer needs no more than one.
    """
    assert batch.targets is not None
    if isinstance(network, TransducerNetwork):
        return batch
    lengths = [batch.inputs.shape[1]] * len(batch.inputs) if batch.lengths is None else batch.lengths.tolist()
    wanted = [[symbol for symbol in row if symbol >= 0] for row in batch.targets.tolist()]
    short = {each.row for each in misfits(wanted, map(network.shape.kept, lengths))}
    return batch if not short else batch.take([row for row in range(len(lengths)) if row not in short])
