"""The part of learning captions that needs torch: build the network, train it, choose how it writes."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from elman.codecs.pictures import PicturesCodec
from elman.codecs.raw import Picture, Series
from elman.codecs.text import TextCodec
from elman.data.batch import SequenceBatch
from elman.data.captions import CaptionBatches
from elman.data.examples import Examples
from elman.data.sources import settled
from elman.data.splits import Parts
from elman.errors import DataError, NonFiniteLossError, UsageError
from elman.nn.captions import CaptionNetwork
from elman.nn.own_encoder import as_function, made_of
from elman.runtime.caption_model import CaptionModel
from elman.runtime.pair_model import spaced
from elman.settings import AUTO, CaptionerSettings, CaptionInputSettings, WritingSettings, flat, update
from elman.shapes import CaptionShape, Convolution, DecoderShape, RegionShape
from elman.tasks.caption_report import score_of
from elman.tasks.labelled_budget import convolutions
from elman.tasks.labelled_training import fingerprint, targets_in
from elman.tasks.run_folder import RunRecord, record_in
from elman.tasks.text_report import truth_in, writing_of
from elman.tasks.training_run import tensors_of, train
from elman.training.events import Callback
from elman.training.problem import Loss, Score

Record: TypeAlias = RunRecord[CaptionModel, CaptionerSettings]

#: Held-out pictures from which beam and length penalty are chosen, and what is tried.
TUNED, BEAM, LENGTH_PENALTIES = 200, 5, (0.0, 0.5, 1.0)

#: Pixels of the regions' grid on its longer side, at most; channels of the first convolutions and of all further ones.
GRID, CHANNELS, MOST_CHANNELS = 8, (32, 64), 128

#: Optimiser steps of a run, and the fewest and most passes over all captions.
STEPS, EPOCHS = 4000, (4, 200)

#: Captions for a large decoder, and its units; those of a small one.
MANY_CAPTIONS, LARGE, SMALL = 20_000, 512, 256

#: Symbols from which captions speak of the world, not of a few things, so that pictures and words are soon known by
#: heart: then more is hidden of both. Of 100 held-out photographs the true one was among the ten likeliest for 40% of
#: the captions, learnt from 800. Pictures lose up to such a share of their sides.
MANY_WORDS, ZOOM = 300, 0.4

#: Captions that hold a word that is kept.
FEWEST = 2


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind."""

    settings: CaptionerSettings
    model: CaptionModel
    training: dict[str, Any]
    failure: NonFiniteLossError | None


class Objective:
    """The loss of a batch: cross-entropy of the captions' symbols, in nats for each."""

    def __init__(self, smoothing: float, sampling: float) -> None:
        self._smoothing, self._sampling = smoothing, sampling

    def __call__(self, module: torch.nn.Module, batch: SequenceBatch, carry: Any) -> Loss:
        """All captions of the batch; nothing is carried."""
        assert isinstance(module, CaptionNetwork)
        assert batch.targets is not None
        written = module(batch, sampling=self._sampling)
        return Loss(module.loss(written, batch, smoothing=self._smoothing), int((batch.targets >= 0).sum()))


def run(
    parts: Parts,
    settings: CaptionerSettings,
    *,
    source: str,
    out: str | Path | None,
    resume: bool,
    encoder: torch.nn.Module | None,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a model from start to end; `elman.tasks.caption.Captioner.fit_parts` says what the arguments mean."""
    with record_in(
        out, resume, CaptionModel, settings, sha256=lambda: fingerprint(parts), source=source,
        begin=lambda: _begin(parts, settings, source, encoder, callbacks),
    ) as (folder, record):  # fmt: skip
        return _train(parts, record, folder, resume, encoder, callbacks)


def captions_in(examples: Examples) -> tuple[list[int], list[str]]:
    """The captions of all pictures, and whose each is. Raises `DataError` without captions, or for other inputs."""
    owners: list[int] = []
    texts: list[str] = []
    for number, (raw, known) in enumerate(zip(examples.inputs, targets_in(examples), strict=True)):
        if not isinstance(raw, (Picture, Series)):
            raise DataError(
                f"{examples.names[number]}: expected a picture, or its regions, found a {type(raw).__name__}."
            )
        for text in [known] if isinstance(known, str) else known:
            owners.append(number)
            texts.append(str(text))
    return owners, texts


def _begin(
    parts: Parts,
    settings: CaptionerSettings,
    source: str,
    encoder: torch.nn.Module | None,
    callbacks: Sequence[Callback],
) -> Record:
    """Settle what the settings leave open."""
    _, texts = captions_in(parts.train)
    asked = settings.input
    target = _text_codec(asked, texts)
    many = len(target) >= MANY_WORDS
    codec = PicturesCodec.fit(
        parts.train.inputs, picture_size="auto" if asked.picture_size == AUTO else int(asked.picture_size),
        augment=f"shift,contrast,brightness,zoom={ZOOM}" if many and asked.augment == AUTO else asked.augment,
    )  # fmt: skip
    own = () if encoder is None else _own_regions(encoder, codec)
    if own:
        settings = update(settings, {"convolutions": "none"}, "budget")
    settings = replace(_resolved(settings, codec, target, len(texts)), data=settled(settings.data, parts.train))
    shape = _shape(settings, codec, target, own)
    lengths = [len(target.encode(spaced(target.kind, text))) for text in texts]
    model = CaptionModel(shape, codec, target, longest=int(np.quantile(lengths, 0.999)) + 2)
    network, (rows, columns) = settings.network, shape.encoder.grid
    regions = f"{rows} x {columns} regions" if rows else "regions that come ready"
    maker = f"convolutions {network.convolutions}" if shape.encoder.convolutions else "an encoder of one's own"
    sentences = (
        *parts.sentences, codec.describe(),
        f"A caption is written in {len(target):,} {'words' if target.kind == 'words' else target.kind}.",
        f"{network.cell} of {network.hidden_size} units with {network.attention} attention over {regions}"
        + (f", made by {maker}." if rows else "."),
    )  # fmt: skip
    for sentence in sentences:
        for callback in callbacks:
            callback.on_note(sentence)
    return RunRecord(settings, model, source, fingerprint(parts))


def _own_regions(encoder: torch.nn.Module, codec: PicturesCodec) -> tuple[int, ...]:
    """Rows, columns and features of what an encoder makes of a picture. Raises `UsageError` where it does not fit."""
    if codec.size is None:
        raise UsageError("An encoder takes pictures; these are regions that come ready.")
    features, rows, columns = made_of(encoder, codec.frame, "features", "rows", "columns")
    return rows, columns, features


def _text_codec(settings: CaptionInputSettings, texts: Sequence[str]) -> TextCodec:
    """What the symbols of captions are."""
    size = settings.vocabulary_size
    if size == AUTO:
        lower = [text.lower() if settings.lowercase else text for text in texts]
        counts = Counter(word for text in lower for word in set(text.split()))
        often = sum(count >= FEWEST for count in counts.values())
        # All words where hardly any recurs: then there are too few captions to say what is rare.
        size = max(8, often if 2 * often > len(counts) or len(counts) > len(texts) // 4 else len(counts)) + 2
        size = size if settings.units == "words" else 1000
    spaced_texts = [spaced(settings.units, text) for text in texts]
    return TextCodec.fit(settings.units, spaced_texts, int(size), settings.lowercase)


def _resolved(settings: CaptionerSettings, codec: PicturesCodec, target: TextCodec, captions: int) -> CaptionerSettings:
    """The settings with every 'auto' replaced but those of writing; what was given stays as it is."""
    chosen = flat(settings)
    large, many = captions >= MANY_CAPTIONS, len(target) >= MANY_WORDS

    def fill(**values: Any) -> None:
        chosen.update({name: value for name, value in values.items() if chosen[name] == AUTO})

    fill(cell="lstm", hidden_size=LARGE if large else SMALL, embedding_size=LARGE // 2 if large else SMALL // 2)
    fill(batch_size=32, learning_rate=0.002, weight_decay=0.01, precision="32")
    fill(dropout=0.5 if many else 0.3, dropout_words=0.15 if many else 0.0)
    fill(coverage_penalty=0.0, replace_unknown=False, vocabulary_size=len(target))
    if codec.size is not None:
        fill(convolutions=_usual_convolutions(codec.size), picture_size=max(codec.size))
    if not any(chosen[limit] is not None for limit in ("epochs", "steps", "max_time")):
        chosen["epochs"] = int(np.clip(round(STEPS * int(chosen["batch_size"]) / captions), *EPOCHS))
    left = {name: chosen.pop(name) for name in ("beam", "length_penalty")}
    return update(settings, {name: value for name, value in chosen.items() if value is not None} | left, "budget")


def _usual_convolutions(size: tuple[int, int]) -> str:
    """Convolutions that halve a picture until its longer side has at most `GRID` regions.

    >>> _usual_convolutions((64, 48))
    '32x5/2,64x3/2,128x3/2,128x3'
    """
    layers: list[str] = []
    longest, channels = max(size), list(CHANNELS)
    while longest > GRID or not layers:
        stride = 2 if longest > GRID else 1
        layers.append(f"{channels.pop(0) if channels else MOST_CHANNELS}x{3 if layers else 5}/{stride}")
        longest = -(-longest // stride)
    return ",".join([*layers, f"{MOST_CHANNELS}x3"])


def _shape(settings: CaptionerSettings, codec: PicturesCodec, target: TextCodec, own: tuple[int, ...]) -> CaptionShape:
    """The network that settings without any 'auto' describe."""
    network, hidden = settings.network, int(settings.network.hidden_size)
    layers: tuple[Convolution, ...] = () if codec.size is None else convolutions(network.convolutions)
    memory = layers[-1].channels if layers else hidden
    decoder = DecoderShape(
        len(target) + 1, int(network.embedding_size), network.cell, (hidden,), memory=memory, attentional_size=hidden,
        attention=network.attention, input_feeding=network.input_feeding,
    )  # fmt: skip
    return CaptionShape(RegionShape(codec.frame, memory, layers, own), decoder)


def _train(
    parts: Parts,
    record: Record,
    folder: Path | None,
    resume: bool,
    encoder: torch.nn.Module | None,
    callbacks: Sequence[Callback],
) -> Trained:
    settings, model = record.settings, record.model
    training, network_settings = settings.training, settings.network
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = CaptionNetwork(
            model.shape, dropout=float(network_settings.dropout), dropout_words=float(network_settings.dropout_words),
            normed=True, own=copy.deepcopy(encoder), backend=network_settings.backend,
        )  # fmt: skip
    batches = batches_of(parts.train, model, int(training.batch_size), training.seed)
    outcome = train(
        network,
        Objective(settings.objective.label_smoothing, settings.objective.scheduled_sampling),
        batches,
        None if parts.valid is None else _evaluation(parts.valid, model),
        record,
        folder=folder,
        resume=resume,
        callbacks=callbacks,
    )
    learnt = captions_in(parts.train)[1]
    symbols = sum(len(model.learn(text)) + 1 for text in learnt)
    figures = outcome.figures(record.source, record.sha256, symbols) | {"sequences": len(learnt)}
    made = None if network.encoder.own is None else as_function(network.encoder.own)
    trained = replace(model, tensors=tensors_of(network), encoder=made)
    early = outcome.failure is not None or figures["stopped_by"] == "interrupt"
    writing = tuned(settings.writing, trained, None if early else parts.valid, callbacks)
    return Trained(replace(settings, training=outcome.settings, writing=writing), trained, figures, outcome.failure)


def batches_of(examples: Examples, model: CaptionModel, batch_size: int, seed: int) -> CaptionBatches:
    """Batches of all captions. Raises `DataError` for a picture that cannot be read."""
    owners, texts = captions_in(examples)
    pictures = [model.codec.encode(raw) for raw in examples.inputs]
    captions = [model.learn(text) for text in texts]
    return CaptionBatches(pictures, owners, captions, model.shape.decoder.end, batch_size, model.codec, seed=seed)


def _evaluation(examples: Examples, model: CaptionModel) -> Callable[[torch.nn.Module], Score]:
    """The cross-entropy of held-out captions."""
    batches = batches_of(examples, model, 1, 0)

    def evaluate(module: torch.nn.Module) -> Score:
        assert isinstance(module, CaptionNetwork)
        device, total, symbols = next(module.parameters()).device, 0.0, 0
        for batch in batches.scored():
            batch = batch.to(device)
            assert batch.targets is not None
            count = int((batch.targets >= 0).sum())
            total += float(module.loss(module(batch), batch)) * count
            symbols += count
        return Score(total / symbols, {"perplexity": float(np.exp(total / symbols))})

    return evaluate


def tuned(
    settings: WritingSettings, model: CaptionModel, held_out: Examples | None, callbacks: Sequence[Callback]
) -> WritingSettings:
    """The settings with beam and length penalty that write held-out captions best; else the usual ones."""
    beams = [1, BEAM] if settings.beam == AUTO else [int(settings.beam)]
    lengths = LENGTH_PENALTIES if settings.length_penalty == AUTO else (float(settings.length_penalty),)
    ways = [(beam, length) for beam in beams for length in (lengths if beam > 1 else lengths[:1])]
    if held_out is None or len(ways) == 1:
        beam, length = ways[0] if len(ways) == 1 else (beams[-1], lengths[len(lengths) // 2])
        return replace(settings, beam=beam, length_penalty=length)
    some: NDArray[np.int64] = np.unique(np.linspace(0, len(held_out) - 1, min(TUNED, len(held_out))).astype(np.int64))
    chosen, found = held_out.take(some), []
    for beam, length in ways:
        way = writing_of(replace(settings, beam=beam, length_penalty=length))
        found.append(score_of([each[0].text for each in model.describe(chosen.inputs, way)], truth_in(chosen)))
    beam, length = ways[int(np.argmax(found))]
    for callback in callbacks:
        callback.on_note(
            f"Held-out captions are written best with a beam of {beam} and a length penalty of {length:g}."
        )
    return replace(settings, beam=beam, length_penalty=length)
