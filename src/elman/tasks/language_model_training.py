"""The part of language modelling that needs torch: build the network, train it, score texts with it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from elman.codecs import TextCodec
from elman.data.batch import SequenceBatch
from elman.data.streams import TextStreams, score_streams
from elman.decoding.ngram import KneserNey
from elman.decoding.sampling import Sampling
from elman.errors import DataError, NonFiniteLossError, UsageError
from elman.metrics.language import bits_per_symbol, nats_per_symbol, perplexity
from elman.nn.language_model import LanguageModelNetwork
from elman.nn.subject import Subject
from elman.runtime.backends import Array
from elman.runtime.engine import NetworkShape
from elman.runtime.text_model import TextModel
from elman.settings import LanguageModelSettings
from elman.tasks import budget
from elman.tasks.language_model import Ids, LanguageModel, TextData, TextScore, encode, text_figures
from elman.tasks.run_folder import RunRecord, as_in, own_folder, start_folder
from elman.tasks.training_run import goes_on, measured, put_weights, tensors_of, train
from elman.training.events import Callback, Progress
from elman.training.problem import Loss, Score

#: The baseline counts at most so many symbols, the last ones: more would take memory by the gigabyte.
BASELINE_SYMBOLS = 20_000_000

Record: TypeAlias = RunRecord[TextModel, LanguageModelSettings]

#: Rows of held-out text for whoever looks at the model while it trains.
LOOKED_AT = 4


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind."""

    settings: LanguageModelSettings
    model: TextModel
    metrics: dict[str, Any]
    sample: Ids
    failure: NonFiniteLossError | None


def build(
    shape: NetworkShape, tensors: Mapping[str, Array] | None = None, **training_only: Any
) -> LanguageModelNetwork:
    """The torch network of ``shape``, with the given weights or fresh ones."""
    network = LanguageModelNetwork(
        shape.vocabulary,
        cell=shape.cell,
        embedding_size=shape.embedding_size,
        hidden_sizes=shape.hidden_sizes,
        tie_weights=shape.tie_weights,
        learn_initial_state=shape.learn_initial_state,
        **training_only,
    )
    if tensors is not None:
        put_weights(network, tensors)
    return network


class Objective:
    """Cross-entropy of the next symbol, with activation regularisation (Merity et al. 2017).

    ``loss + ar * mean(dropped^2) + tar * mean((raw_t - raw_{t-1})^2)``, where ``raw`` is the output of the last
    layer and ``dropped`` the same after dropout.
    """

    def __init__(self, ar: float, tar: float) -> None:
        self._ar = ar
        self._tar = tar

    def __call__(self, module: torch.nn.Module, batch: SequenceBatch, carry: Any) -> Loss:
        """One window: predict each symbol from those before it and from the carried state."""
        assert isinstance(module, LanguageModelNetwork)
        assert batch.targets is not None
        out = module.read(batch.inputs, carry, resets=batch.resets)
        # A target that opens the next document cannot be foreseen and does not count.
        targets = batch.targets if batch.mask is None else batch.targets.masked_fill(~batch.mask, -1)
        total = module.loss(out, targets)
        if self._ar:
            total = total + self._ar * out.dropped.float().pow(2).mean()
        if self._tar and batch.targets.shape[1] > 1:
            total = total + self._tar * out.raw.float().diff(dim=1).pow(2).mean()
        return Loss(total, batch.targets.numel(), out.state)


def nats_of(network: torch.nn.Module, documents: Sequence[Ids]) -> NDArray[np.float64]:
    """``-ln p`` of every symbol but each document's first, in order, in float32 arithmetic; shape (symbols,)."""
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    nats = np.full(sum(map(len, documents)), np.nan)
    state = None
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for batch, places in score_streams(documents):
            batch = batch.to(device)
            out = network(batch.inputs, state, resets=batch.resets)
            state = out.state
            assert batch.targets is not None
            losses = functional.cross_entropy(out.logits.flatten(0, 1), batch.targets.flatten(), reduction="none")
            scored = places.flatten() >= 0
            nats[places.flatten()[scored]] = losses.cpu().numpy()[scored]
    network.train(was_training)
    starts = np.cumsum([0, *map(len, documents)])[:-1]
    return np.delete(nats, starts)


def subject(
    shape: NetworkShape, tensors: Mapping[str, Array], codec: TextCodec, ids: Ids, steps: int, batch: int
) -> Subject:
    """See `elman.tasks.language_model.LanguageModel.subject`."""
    return subject_of(build(shape, tensors).eval(), codec, ids, steps, batch)


def subject_of(network: LanguageModelNetwork, codec: TextCodec, ids: Ids, steps: int, batch: int) -> Subject:
    """`subject` of a network as it is, on its own device."""
    if len(ids) < 2:
        raise DataError(f"A look at a language model needs a text of at least 2 symbols, found {len(ids)}.")
    steps = min(steps, len(ids) - 1)
    starts = np.unique(np.linspace(0, len(ids) - 1 - steps, batch).astype(np.int64) // steps * steps)
    rows = torch.from_numpy(np.stack([ids[start : start + steps + 1] for start in starts]))
    rows = rows.to(network.embedding.weight.device)
    inputs, names, cells = rows[:, :-1], codec.symbols, network.recurrent.cells
    return Subject(
        recurrent=network.recurrent,
        inputs=network.embedding(inputs).detach(),
        readout=lambda outputs: network.softmax(outputs, network.embedding.weight),
        losses=lambda scores, targets: functional.cross_entropy(scores.movedim(-1, 1), targets, reduction="none"),
        targets=rows[:, 1:],
        counts=torch.ones_like(inputs, dtype=torch.bool),
        labels=[[names[symbol] for symbol in row] for row in inputs.tolist()],
        answers=names,
        title=f"language model, {len(cells)} layer{'s' * (len(cells) > 1)} of {cells[0].name}",
    )


def score_texts(network: torch.nn.Module, codec: TextCodec, texts: Sequence[str]) -> TextScore:
    """Score texts, each a document of its own. Raises `DataError` for fewer than two symbols."""
    return _score(network, codec, encode(codec, texts, "scored"), texts)


def _score(network: torch.nn.Module, codec: TextCodec, documents: Sequence[Ids], texts: Sequence[str]) -> TextScore:
    return TextScore.of(nats_of(network, documents), documents, codec, texts)


def run(
    data: TextData,
    settings: LanguageModelSettings,
    *,
    out: str | Path | None,
    resume: bool,
    start_from: str | Path | None,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a language model from start to figures; `LanguageModel.fit` says what the arguments mean."""
    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise UsageError("resume needs the folder of the run as out.")
    with own_folder(folder, resume):
        if resume and folder is not None:
            record = RunRecord.read(folder, TextModel, LanguageModelSettings()).resumed(settings, start_from)
            record.check_data(data.sha256, data.source)
            documents = Documents.encode(data, record.model.codec)
        else:
            record, documents = _begin(data, settings, start_from, callbacks)
        return _train(data, documents, record, folder, resume, callbacks)


@dataclass(frozen=True)
class Documents:
    """`TextData` in symbols."""

    train: list[Ids]
    held_out: list[Ids]
    test: list[Ids]

    @classmethod
    def encode(cls, data: TextData, codec: TextCodec) -> Documents:
        """Raises `DataError` where a part has fewer than two symbols; only the test text may be missing."""
        test = encode(codec, data.test, "test") if data.test else []
        return cls(encode(codec, data.train, "training"), encode(codec, data.held_out, "held-out"), test)

    @property
    def symbols(self) -> int:
        """How many there are to train on."""
        return sum(map(len, self.train))


def _begin(
    data: TextData, settings: LanguageModelSettings, start_from: str | Path | None, callbacks: Sequence[Callback]
) -> tuple[Record, Documents]:
    """Settle what the settings leave open."""
    start = None if start_from is None else LanguageModel.load(start_from)
    if start is None:
        text = settings.text
        codec = TextCodec.fit(text.codec, data.train, text.vocabulary_size, lowercase=text.lowercase)
    else:
        codec, settings = start.codec, _as_in(start, settings)
    documents = Documents.encode(data, codec)
    machine = measured(settings.training, callbacks)
    settings = budget.resolve(settings, budget.Task(documents.symbols, len(codec), machine))
    shape = _shape(settings, len(codec)) if start is None else start.shape
    begun_from = None if start_from is None else start_folder(start_from)
    return RunRecord(settings, TextModel(shape, codec), data.source, data.sha256, begun_from), documents


def _as_in(start: LanguageModel, settings: LanguageModelSettings) -> LanguageModelSettings:
    """The settings with symbols and sizes of the model to start from; `UsageError` where others are asked for."""
    shape = start.shape
    own = {
        "codec": start.codec.kind,
        "lowercase": start.codec.lowercase,
        "cell": shape.cell,
        "hidden_size": shape.hidden_sizes[0],
        "num_layers": len(shape.hidden_sizes),
        "embedding_size": shape.embedding_size,
        "tie_weights": shape.tie_weights,
        "learn_initial_state": shape.learn_initial_state,
    }
    return as_in(settings, own)


def _train(
    data: TextData,
    documents: Documents,
    record: Record,
    folder: Path | None,
    resume: bool,
    callbacks: Sequence[Callback],
) -> Trained:
    settings, model, training = record.settings, record.model, record.settings.training
    start = None if record.start is None or goes_on(folder, resume) else LanguageModel.load(record.start).tensors
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = build(model.shape, start, **_training_only(settings))
    if settings.samples:
        callbacks = [*callbacks, Samples(network, model, settings.samples, callbacks)]
    outcome = train(
        network,
        Objective(training.activation_regularisation, training.temporal_regularisation),
        TextStreams(documents.train, int(training.batch_size), int(training.window), seed=training.seed),
        _held_out(data, documents, model.codec),
        record,
        folder=folder,
        resume=resume,
        callbacks=callbacks,
        look=partial(
            subject_of, network, model.codec, max(documents.held_out, key=len), 2 * int(training.window), LOOKED_AT
        ),
    )
    figures = _figures(data, documents, model.codec, network, with_baseline=outcome.stopped_by != "interrupt")
    figures["training"] = outcome.figures(data.source, data.sha256, documents.symbols)
    settings = replace(settings, training=outcome.settings)
    sample = np.concatenate(documents.held_out)[:64]
    return Trained(settings, replace(model, tensors=tensors_of(network)), figures, sample, outcome.failure)


def _held_out(data: TextData, documents: Documents, codec: TextCodec) -> Callable[[torch.nn.Module], Score]:
    characters = sum(map(len, data.held_out))

    def evaluate(module: torch.nn.Module) -> Score:
        nats = nats_of(module, documents.held_out)
        total, count = float(nats.sum()), len(nats)
        figures = {"bits per character": bits_per_symbol(total, characters), "perplexity": perplexity(total, count)}
        if codec.kind == "words":  # whose models are known by their perplexity: it comes first
            figures = dict(reversed(figures.items()))
        return Score(nats_per_symbol(total, count), figures)

    return evaluate


class Samples(Callback):
    """Shows what the network writes at the start, in the middle and at the end of its training."""

    def __init__(
        self,
        network: torch.nn.Module,
        model: TextModel,
        length: int,
        listeners: Sequence[Callback],
    ) -> None:
        self._network, self._model, self._length = network, model, length
        self._listeners = listeners
        self._middle_is_due = True

    def on_start(self, progress: Progress) -> None:
        """Write what comes to a network that has learnt nothing yet."""
        self._middle_is_due = progress.fraction < 0.5
        if progress.step == 0:
            self._write("before training")

    def on_step(self, progress: Progress) -> None:
        """Write once when half the run is over."""
        if self._middle_is_due and progress.fraction >= 0.5:
            self._middle_is_due = False
            self._write(f"half-way, after {progress.symbols:,} symbols")

    def on_end(self, progress: Progress) -> None:
        """Write what the finished network does."""
        self._write(f"at the end, after {progress.symbols:,} symbols")

    def _write(self, moment: str) -> None:
        stream = TextModel(self._model.shape, self._model.codec, tensors_of(self._network)).stream()
        text = "".join(stream.generate(self._length, Sampling(0.8), np.random.default_rng(0)))
        for listener in self._listeners:
            listener.on_note(f"A sample {moment}:\n\n{textwrap.indent(text, '    ')}\n")


def _shape(settings: LanguageModelSettings, vocabulary: int) -> NetworkShape:
    network = settings.network
    hidden, layers, embedding = int(network.hidden_size), int(network.num_layers), int(network.embedding_size)
    tied = bool(network.tie_weights)
    # A tied softmax scores with the embedding, so the last layer takes its size.
    sizes = (*[hidden] * (layers - 1), embedding if tied else hidden)
    return NetworkShape(vocabulary, network.cell, embedding, sizes, tied, network.learn_initial_state)


def _training_only(settings: LanguageModelSettings) -> dict[str, Any]:
    network = settings.network
    names = ("dropout", "dropout_input", "dropout_words", "weight_drop", "memory", "backend")
    return {name: getattr(network, name) for name in names}


def _figures(
    data: TextData, documents: Documents, codec: TextCodec, network: torch.nn.Module, with_baseline: bool
) -> dict[str, Any]:
    """Held-out and test figures of the model, and of a Kneser-Ney 5-gram fitted on the same text."""
    parts = {"held_out": (documents.held_out, data.held_out), "test": (documents.test, data.test)}
    scores = {name: _score(network, codec, ids, texts) for name, (ids, texts) in parts.items() if ids}
    figures: dict[str, Any] = {name: {"model": score.figures()} for name, score in scores.items()}
    if not with_baseline:
        return figures
    # Ctrl-C means not to wait for the baseline; the model is saved all the same.
    with suppress(KeyboardInterrupt):
        baseline = KneserNey(len(codec)).fit(_last(documents.train, BASELINE_SYMBOLS))
        for name, score in scores.items():
            total, count = baseline.nats(score.documents)
            figures[name]["5-gram"] = text_figures(total, count, score.characters, score.unknown)
    return figures


def _last(documents: Sequence[Ids], symbols: int) -> list[Ids]:
    """The documents, or the end of them with so many symbols."""
    kept: list[Ids] = []
    for ids in reversed(documents):
        kept.insert(0, ids[max(0, len(ids) - symbols) :])
        symbols -= len(kept[0])
    return kept
