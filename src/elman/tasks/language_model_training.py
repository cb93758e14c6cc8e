"""The part of language modelling that needs torch: build the network, train it, score texts with it."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from elman import system
from elman.baselines.ngram import KneserNey
from elman.codecs import TextCodec
from elman.data.batch import SequenceBatch
from elman.data.streams import TextStreams, score_streams
from elman.decoding.sampling import Sampling
from elman.errors import CheckpointError, DataError, NonFiniteLossError, SaveError, UsageError
from elman.metrics.language import bits_per_symbol, nats_per_symbol, perplexity
from elman.nn.language_model import LanguageModelNetwork
from elman.runtime.engine import Array, Engine, NetworkShape
from elman.runtime.stream import Stream
from elman.settings import LanguageModelSettings, flat, to_dict, update
from elman.tasks import budget
from elman.tasks.language_model import LanguageModel, TextData, TextScore, text_figures
from elman.training.checkpoint import checkpoint_file
from elman.training.device import choose_device
from elman.training.events import Callback, Progress
from elman.training.logs import CsvLog, TensorBoardLog
from elman.training.loop import Trainer
from elman.training.probe import Machine, measure
from elman.training.problem import Loss, Score

#: The settings and the text of a run, in its folder: what resuming goes by.
RUN_RECORD = "run.json"

#: The baseline counts at most so many symbols, the last ones: more would take memory by the gigabyte.
BASELINE_SYMBOLS = 20_000_000


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind."""

    settings: LanguageModelSettings
    codec: TextCodec
    shape: NetworkShape
    tensors: dict[str, Array]
    metrics: dict[str, Any]
    sample: NDArray[np.int64]
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
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
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


def nats_of(network: torch.nn.Module, documents: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
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


def score_texts(network: torch.nn.Module, codec: TextCodec, texts: Sequence[str]) -> TextScore:
    """Score texts, each a document of its own. Raises `DataError` for fewer than two symbols."""
    documents = _encode(codec, texts, "scored")
    # Nothing predicts a document's first symbol.
    characters = sum(len(text) - len(codec.decode(ids[:1])) for text, ids in zip(texts, documents, strict=True))
    return TextScore(nats_of(network, documents), documents, codec, characters)


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch compute with ``count`` threads inside the block; None leaves it as it is."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run(
    data: TextData,
    settings: LanguageModelSettings,
    *,
    out: str | Path | None,
    resume: bool,
    start: LanguageModel | None,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a language model from start to figures; `LanguageModel.fit` says what the arguments mean."""
    folder = None if out is None else Path(out)
    with _own_folder(folder, resume):
        return _run(data, settings, folder, resume, start, callbacks)


def _run(
    data: TextData,
    settings: LanguageModelSettings,
    folder: Path | None,
    resume: bool,
    start: LanguageModel | None,
    callbacks: Sequence[Callback],
) -> Trained:
    if resume and folder is not None:
        settings = _settings_of_run(folder, settings, data)
    codec = _codec(data, settings, start)
    train = _encode(codec, data.train, "training")
    held_out = _encode(codec, data.held_out, "held-out")
    symbols = sum(len(ids) for ids in train)
    machine = _measure(settings, callbacks)
    shape = None if start is None else start.shape
    settings = budget.resolve(settings, budget.Task(symbols, len(codec), machine, shape))
    if folder is not None and not resume:
        record = json.dumps({"settings": to_dict(settings), "sha256": data.sha256, "source": data.source}, indent=2)
        system.write_atomically(folder / RUN_RECORD, lambda part: part.write_text(record, encoding="utf-8"))

    with torch.random.fork_rng():
        torch.manual_seed(settings.training.seed)
        shape = shape or _shape(settings, len(codec))
        network = build(shape, None if start is None else start.tensors, **_training_only(settings))
    training = settings.training
    batches = TextStreams(train, int(training.batch_size), int(training.window), seed=training.seed)
    objective = Objective(training.activation_regularisation, training.temporal_regularisation)
    progress = LastProgress()
    logs = [] if folder is None else [CsvLog(folder / "log.csv"), TensorBoardLog(folder / "tensorboard")]
    events = [*logs, *callbacks, progress]
    if settings.samples:
        events.append(Samples(network, codec, shape, settings.samples, callbacks))
    trainer = Trainer(training, folder, events=events)
    failure, stopped_by = None, "non-finite loss"
    try:
        # A run that was killed before its first checkpoint has nothing to go on from but its settings.
        goes_on = resume and folder is not None and checkpoint_file(folder).exists()
        stopped_by = trainer.fit(network, objective, batches, _held_out(data, held_out), resume=goes_on).stopped_by
    except NonFiniteLossError as error:
        failure = error
    figures = _figures(data, codec, train, network, with_baselines=stopped_by != "interrupt")
    figures["training"] = {
        "source": data.source,
        "sha256": data.sha256,
        "symbols": symbols,
        "epochs": progress.last.symbols / symbols,
        "steps": progress.last.step,
        "seconds": progress.last.elapsed,
        "stopped_by": stopped_by,
        "machine": machine.sentences,
    }
    settings = replace(settings, training=trainer.settings)
    return Trained(settings, codec, shape, tensors_of(network), figures, np.concatenate(held_out)[:64], failure)


def tensors_of(network: torch.nn.Module) -> dict[str, Array]:
    """The weights of a network as float32 arrays of their own."""
    return {name: value.detach().cpu().float().numpy().copy() for name, value in network.state_dict().items()}


def _measure(settings: LanguageModelSettings, callbacks: Sequence[Callback]) -> Machine:
    training = settings.training
    machine = measure(choose_device(training.device), threads=training.threads, precision=training.precision)
    for callback in callbacks:
        for sentence in machine.sentences:
            callback.on_note(sentence)
    return machine


def _held_out(data: TextData, documents: Sequence[NDArray[np.int64]]) -> Callable[[torch.nn.Module], Score]:
    characters = sum(map(len, data.held_out))

    def evaluate(module: torch.nn.Module) -> Score:
        nats = nats_of(module, documents)
        total, count = float(nats.sum()), len(nats)
        figures = {"bits per character": bits_per_symbol(total, characters), "perplexity": perplexity(total, count)}
        return Score(nats_per_symbol(total, count), figures)

    return evaluate


class LastProgress(Callback):
    """Remembers the latest `Progress`."""

    last: Progress

    def on_start(self, progress: Progress) -> None:
        """Take the first one, so that there always is one."""
        self.last = progress

    def on_step(self, progress: Progress) -> None:
        """Take the newest."""
        self.last = progress


class Samples(Callback):
    """Shows what the network writes at the start, in the middle and at the end of its training."""

    def __init__(
        self,
        network: torch.nn.Module,
        codec: TextCodec,
        shape: NetworkShape,
        length: int,
        listeners: Sequence[Callback],
    ) -> None:
        self._network, self._codec, self._shape = network, codec, shape
        self._length = length
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
        stream = Stream(Engine(self._shape, tensors_of(self._network)), self._codec)
        text = "".join(stream.generate(self._length, Sampling(0.8), np.random.default_rng(0)))
        for listener in self._listeners:
            listener.on_note(f"A sample {moment}:\n\n{textwrap.indent(text, '    ')}\n")


def _codec(data: TextData, settings: LanguageModelSettings, start: LanguageModel | None) -> TextCodec:
    if start is not None:
        return start.codec
    text = settings.text
    return TextCodec.fit(text.codec, data.train, text.vocabulary_size, lowercase=text.lowercase)


def _encode(codec: TextCodec, texts: Sequence[str], name: str) -> list[NDArray[np.int64]]:
    documents = [codec.encode(text) for text in texts]
    found = sum(map(len, documents))
    if found < 2:
        raise DataError(f"The {name} text is too short: expected at least 2 symbols, found {found}. Give more text.")
    return documents


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
    data: TextData, codec: TextCodec, train: Sequence[NDArray[np.int64]], network: torch.nn.Module, with_baselines: bool
) -> dict[str, Any]:
    """Held-out and test figures of the model, and of a Kneser-Ney 5-gram fitted on the same text."""
    baseline = KneserNey(len(codec)).fit(_last(train, BASELINE_SYMBOLS)) if with_baselines else None
    figures: dict[str, Any] = {}
    for part, texts in (("held_out", data.held_out), ("test", data.test)):
        if not texts:
            continue
        score = score_texts(network, codec, texts)
        figures[part] = {"model": score.figures()}
        if baseline is not None:
            total, count = baseline.nats(score.documents)
            figures[part]["5-gram"] = text_figures(total, count, score.characters, score.unknown)
    return figures


def _last(documents: Sequence[NDArray[np.int64]], symbols: int) -> list[NDArray[np.int64]]:
    """The documents, or the end of them with so many symbols."""
    kept: list[NDArray[np.int64]] = []
    for ids in reversed(documents):
        kept.insert(0, ids[max(0, len(ids) - symbols) :])
        symbols -= len(kept[0])
    return kept


#: What may change when a run is resumed: how far it goes and how often it saves.
_RESUMABLE = ("epochs", "steps", "max_time", "checkpoint_every")


def _settings_of_run(folder: Path, asked: LanguageModelSettings, data: TextData) -> LanguageModelSettings:
    """The settings that the run in ``folder`` was started with, with the limits that are asked for now."""
    try:
        record = json.loads((folder / RUN_RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder}: holds no run to resume; start one without --resume.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder / RUN_RECORD}: cannot be read ({error}).") from None
    if record["sha256"] != data.sha256:
        raise CheckpointError(f"{folder}: was trained on another text than {data.source}; resume with the same files.")
    settings = update(LanguageModelSettings(), record["settings"], str(folder / RUN_RECORD))
    default, saved = flat(LanguageModelSettings()), flat(settings)
    changed = {name: value for name, value in flat(asked).items() if value not in (default[name], saved[name])}
    if fixed := [name for name in changed if name not in _RESUMABLE]:
        raise UsageError(
            f"--resume goes on with {fixed[0]} = {saved[fixed[0]]}; to change it, start a new run with --from {folder}."
        )
    return update(settings, changed, "resume")


@contextmanager
def _own_folder(folder: Path | None, resume: bool) -> Iterator[None]:
    """Hold ``folder`` for this run alone; refuse one that already holds something, unless resuming."""
    if folder is None:
        yield
        return
    own = {folder / ".lock"}  # left behind by a run that was killed at its very start
    if not resume and folder.exists() and (not folder.is_dir() or set(folder.iterdir()) - own):
        raise SaveError(f"{folder}: is in use; choose another --out, or go on with that run by --resume.")
    with system.lock_folder(folder):
        yield
