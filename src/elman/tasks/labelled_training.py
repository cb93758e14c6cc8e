"""The part of learning labels that needs torch: build the network, train it, say what it is worth."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from elman.baselines.linear import LinearModel, loss_of
from elman.codecs.bag import Bag
from elman.codecs.registry import codec_for
from elman.codecs.sequence import SequenceCodec, Steps
from elman.data.batch import SequenceBatch
from elman.data.examples import Answer, Examples
from elman.data.labelled import LabelledBatches, by_pieces, scoring_batches
from elman.data.sources import settled
from elman.data.splits import Parts
from elman.errors import DataError, NonFiniteLossError, UsageError
from elman.metrics.calibration import temperature
from elman.nn.labels import LabelNetwork
from elman.nn.own_encoder import as_function, made_of
from elman.nn.subject import Subject
from elman.runtime.answers import Answers
from elman.runtime.backends import Array
from elman.runtime.label_model import LabelModel
from elman.settings import AUTO, LabelSettings
from elman.shapes import LabelShape
from elman.tasks import labelled_budget as budget
from elman.tasks.label_bag import EVEN, weigh
from elman.tasks.label_selection import held_out_score
from elman.tasks.label_start import Start
from elman.tasks.label_subject import subject_of
from elman.tasks.run_folder import RunRecord, own_folder, start_folder
from elman.tasks.training_run import goes_on, put_weights, tensors_of, train
from elman.training.checkpoint import own_random_numbers
from elman.training.events import Callback
from elman.training.problem import Loss, Score

Record: TypeAlias = RunRecord[LabelModel, Any]

#: Held-out sequences, and steps of each, for whoever looks at the network while it trains.
LOOKED_AT, LOOKED_AT_STEPS = 4, 250


@dataclass(frozen=True)
class Trained:
    """What a training run leaves behind; ``beside`` is the bag's own model, where the network has a bag."""

    settings: Any
    model: LabelModel
    training: dict[str, Any]
    failure: NonFiniteLossError | None
    beside: LinearModel | None

    @property
    def stopped_early(self) -> bool:
        """Whether nobody should be kept waiting: it failed, or was interrupted."""
        return self.failure is not None or self.training["stopped_by"] == "interrupt"


@dataclass(frozen=True)
class Encoded:
    """Examples as a network reads and learns them."""

    examples: Examples
    steps: Sequence[Steps]
    targets: Sequence[NDArray[Any]]
    bags: Any = None

    @classmethod
    def of(
        cls, examples: Examples, model: LabelModel, steps: Sequence[Steps] | None = None, learnt: bool = False
    ) -> Encoded:
        """Encode all, or what ``steps`` leave to do; ``learnt`` are those that the bag was fitted to.

        Raises `DataError` for what the codec cannot read.
        """
        return cls(
            examples,
            [model.codec.encode(raw) for raw in examples.inputs] if steps is None else steps,
            [model.answers.encode(target) for target in targets_in(examples)],
            None if model.bag is None else model.bag.transform(examples.inputs, examples.targets if learnt else None),
        )

    @property
    def length(self) -> int:
        """Steps of all sequences."""
        return sum(len(each.values) for each in self.steps)


def build(shape: LabelShape, tensors: Mapping[str, Array] | None = None, **training_only: Any) -> LabelNetwork:
    """The torch network of ``shape``, with the given weights or fresh ones."""
    network = LabelNetwork(shape, **training_only)
    if tensors is not None:
        put_weights(network, tensors)
    return network


class Objective:
    """The loss of a batch: cross-entropy of the labels, or the squared error of numbers.

    A bag of features beside the network has no part in it, see `elman.tasks.label_bag`.
    """

    def __init__(self, weights: Sequence[float] | None = None, smoothing: float = 0.0) -> None:
        self._weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self._smoothing = smoothing

    def __call__(self, module: torch.nn.Module, batch: SequenceBatch, carry: Any) -> Loss:
        """All sequences of the batch; nothing is carried."""
        assert isinstance(module, LabelNetwork)
        weights = None if self._weights is None else self._weights.to(batch.inputs.device)
        loss = module.loss(module.recurrent_alone(batch), batch, weights=weights, smoothing=self._smoothing)
        steps = batch.inputs.shape[0] * batch.inputs.shape[1] if batch.lengths is None else int(batch.lengths.sum())
        return Loss(loss, steps)


def run(
    parts: Parts,
    settings: Any,
    answer: Answer,
    *,
    source: str,
    out: str | Path | None,
    resume: bool,
    start_from: str | Path | None = None,
    encoder: torch.nn.Module | None = None,
    callbacks: Sequence[Callback],
) -> Trained:
    """Train a model from start to end; `elman.tasks.labelled.Labelled.fit` says what the arguments mean."""
    folder = None if out is None else Path(out)
    if resume and folder is None:
        raise UsageError("resume needs the folder of the run as out.")
    with own_folder(folder, resume):
        if resume and folder is not None:
            record: Record = RunRecord.read(folder, LabelModel, type(settings)()).resumed(settings, start_from)
            record.check_data(fingerprint(parts), source)
            encoded = Encoded.of(parts.train, record.model, learnt=True)
        else:
            record, encoded = _begin(parts, settings, answer, source, start_from, encoder, callbacks)
        return _train(parts, encoded, record, folder, resume, encoder, callbacks)


def _begin(
    parts: Parts,
    settings: Any,
    answer: Answer,
    source: str,
    start_from: str | Path | None,
    encoder: torch.nn.Module | None,
    callbacks: Sequence[Callback],
) -> tuple[Record, Encoded]:
    """Settle what the settings leave open."""
    learnt, targets = parts.train, targets_in(parts.train)
    start = None if start_from is None else Start.read(start_from)
    codec: SequenceCodec
    if start is None:
        codec = codec_for(learnt.kind, learnt.inputs, settings.input)
    else:
        codec, settings = start.codec, start.settings(settings)
    answers = Answers.fit(answer, targets, learnt.outputs)
    steps = [codec.encode(raw) for raw in learnt.inputs]
    facts = budget.Facts(learnt.kind, [len(each.values) for each in steps], codec, answers)
    settings = replace(budget.resolve(settings, facts), data=settled(settings.data, learnt))
    bag = Bag.fit(learnt.inputs, targets, learnt.kind) if settings.network.bag else None
    shape = budget.shape_of(settings, facts, 0 if bag is None else len(bag))
    if encoder is not None:
        shape = _shape_with(encoder, shape)
    model = LabelModel(shape if start is None else start.shape(shape), codec, answers, bag)
    for sentence in (*parts.sentences, codec.describe(), budget.describe(settings, shape)):
        for callback in callbacks:
            callback.on_note(sentence)
    begun_from = None if start_from is None else start_folder(start_from)
    return RunRecord(settings, model, source, fingerprint(parts), begun_from), Encoded.of(
        learnt, model, steps, learnt=True
    )


def _shape_with(encoder: torch.nn.Module, shape: LabelShape) -> LabelShape:
    """The shape with an encoder in place of convolutions over pixels. Raises `UsageError` where it does not fit."""
    if not shape.frame:
        raise UsageError("An encoder takes frames or rows of numbers; these sequences are symbols, which are embedded.")
    (features,) = made_of(encoder, shape.frame, "features")
    return replace(shape, encoder=features, frame_convolutions=())


def targets_in(examples: Examples) -> Sequence[Any]:
    """The targets of examples that are to be learnt from; `DataError` without any."""
    if examples.targets is None:
        raise DataError("Learning needs to know what is true of each sequence, found sequences alone. Give targets.")
    return examples.targets


def fingerprint(parts: Parts) -> str:
    """That of the training and the held-out data."""
    return "".join(part.sha256[:32] for part in (parts.train, parts.valid) if part is not None)


def _train(
    parts: Parts,
    encoded: Encoded,
    record: Record,
    folder: Path | None,
    resume: bool,
    encoder: torch.nn.Module | None,
    callbacks: Sequence[Callback],
) -> Trained:
    settings, model = record.settings, record.model
    training = settings.training
    with torch.random.fork_rng():
        torch.manual_seed(training.seed)
        network = build(model.shape, None, encoder=copy.deepcopy(encoder), **_training_only(settings))
    if record.start is not None and not goes_on(folder, resume):
        put_weights(network, Start.read(record.start).tensors(tensors_of(network)))
    batches = LabelledBatches(
        encoded.steps,
        encoded.targets,
        int(training.batch_size),
        seed=training.seed,
        augment=model.codec.augment if training.window == AUTO else by_pieces(model.codec.augment, training.window),
    )
    held_out = None if parts.valid is None else Encoded.of(parts.valid, model)
    beside = None if encoded.bags is None else _linear_bag(model.answers, encoded, held_out)
    weights = class_weights(model.answers, encoded.targets, getattr(settings, "class_weights", "none"))
    outcome = train(
        network,
        Objective(weights, getattr(settings, "label_smoothing", 0.0)),
        batches,
        None if held_out is None else _evaluation(held_out, model.answers, beside),
        record,
        folder=folder,
        resume=resume,
        callbacks=callbacks,
        look=partial(_look, network, model, parts.valid or parts.train),
    )
    shares = None if beside is None else _join(network, beside, model.answers, held_out)
    tensors = tensors_of(network)
    answers = model.answers.of_network(tensors)
    if held_out is not None and outcome.failure is None:
        answers = calibrated(answers, network, held_out)
    made = None if network.encoder is None else as_function(network.encoder)
    model = replace(model, answers=answers, shares=shares, tensors=tensors, encoder=made)
    figures = outcome.figures(record.source, record.sha256, encoded.length)
    figures["sequences"] = len(encoded.steps)
    return Trained(replace(settings, training=outcome.settings), model, figures, outcome.failure, beside)


def _look(network: LabelNetwork, model: LabelModel, examples: Examples) -> Subject:
    """The network as it is, for whoever looks at it while it trains."""
    with own_random_numbers():
        return subject_of(network, model, examples, LOOKED_AT_STEPS, LOOKED_AT, "labels")


def scores_and_loss(network: LabelNetwork, encoded: Encoded) -> tuple[list[Array], float]:
    """The scores of each sequence, in order, and their mean loss; labels that training had not are left out of it."""
    found: list[Array] = [np.zeros(0, np.float32)] * len(encoded.steps)
    total = rows = 0.0
    device = next(network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, enabled=False):
        for batch in scoring_batches(encoded.steps, encoded.targets, bags=encoded.bags):
            batch = batch.to(device)
            scores = network(batch)
            assert batch.ids is not None
            if network.shape.head != "crf" or _all_known(batch):
                total += float(network.loss(scores, batch)) * len(batch.inputs)
                rows += len(batch.inputs)
            for row, values in zip(batch.ids.tolist(), scores.float().cpu().numpy(), strict=True):
                found[row] = values if values.ndim == 1 else values[: len(encoded.steps[row].values)]
    return found, total / rows if rows else float("inf")


def _all_known(batch: SequenceBatch) -> bool:
    """Whether each step of a batch has a tag that training had."""
    assert batch.targets is not None
    known = batch.targets >= 0
    if batch.lengths is not None:
        known |= torch.arange(known.shape[1], device=known.device) >= batch.lengths[:, None]
    return bool(known.all())


def _evaluation(encoded: Encoded, answers: Answers, beside: LinearModel | None) -> Callable[[torch.nn.Module], Score]:
    def evaluate(module: torch.nn.Module) -> Score:
        assert isinstance(module, LabelNetwork)
        scores, loss = scores_and_loss(module, encoded)
        if beside is not None:
            recurrent, bag, truth = np.stack(scores), beside.scores(encoded.bags), np.stack(encoded.targets)
            shares = weigh(answers, recurrent, bag, truth)
            scores = list(shares[0] * recurrent + shares[1] * bag)
            loss = loss_of(answers, np.stack(scores), truth)
        said = answers.of_network(tensors_of(module))
        return held_out_score(said, scores, targets_in(encoded.examples), loss)

    return evaluate


def _linear_bag(answers: Answers, encoded: Encoded, held_out: Encoded | None) -> LinearModel:
    """What the bag says by itself."""
    seen = None if held_out is None else (held_out.bags, np.stack(held_out.targets))
    return LinearModel.fit(answers, encoded.bags, np.stack(encoded.targets), seen)


@torch.no_grad()
def _join(
    network: LabelNetwork, beside: LinearModel, answers: Answers, held_out: Encoded | None
) -> tuple[float, float]:
    """Put the bag beside the trained network, each with the factor that held-out data give it; returns the two."""
    assert network.bag is not None
    recurrent_share, bag_share = EVEN
    if held_out is not None:
        recurrent = np.stack(scores_and_loss(network, held_out)[0])
        recurrent_share, bag_share = weigh(answers, recurrent, beside.scores(held_out.bags), np.stack(held_out.targets))
    head = network.head
    assert isinstance(head, torch.nn.Linear)
    head.weight.mul_(recurrent_share)
    head.bias.mul_(recurrent_share)
    network.bag.weight.copy_(torch.from_numpy(bag_share * beside.weight))
    network.bag.bias.copy_(torch.from_numpy(bag_share * beside.bias))
    return recurrent_share, bag_share


def calibrated(answers: Answers, network: LabelNetwork, held_out: Encoded) -> Answers:
    """The answers with the temperature at which they are as sure as held-out data say (Guo et al. 2017)."""
    if answers.head == "linear" or network.shape.head == "crf":
        return answers
    scores, _ = scores_and_loss(network, held_out)
    together: Any = np.concatenate if answers.kind == "tags" else np.stack
    return answers.with_temperature(temperature(together(scores), together(held_out.targets), answers.head))


def class_weights(answers: Answers, targets: Sequence[NDArray[Any]], how: str) -> list[float] | None:
    """The weight of each class in the loss: None, or in inverse proportion to how often it occurs, 1 on average."""
    if how != "balanced":
        return None
    if answers.kind == "classes":
        present = np.mean(targets, 0)
        return [float(weight) for weight in (1 - present) / np.maximum(present, 1e-9)]
    counts = Counter(int(target) for target in targets)
    return [len(targets) / (len(answers.names) * counts[number]) for number in range(len(answers.names))]


def _training_only(settings: LabelSettings) -> dict[str, Any]:
    names = ("dropout", "dropout_input", "dropout_words", "weight_drop", "memory", "normed", "backend")
    return {name: getattr(settings.network, name) for name in names}
