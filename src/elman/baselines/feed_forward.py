"""A feed-forward network for sequences with labels: it sees a few steps at a time, or all at once, and keeps nothing.

What a recurrent network reaches beyond it is owed to memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from elman.codecs.sequence import SequenceCodec, Steps
from elman.data.batch import SequenceBatch
from elman.data.examples import Examples
from elman.data.labelled import LabelledBatches, scores_of, scoring_batches
from elman.errors import DataError
from elman.runtime.answers import Answers
from elman.settings import TrainingSettings
from elman.training.loop import Trainer
from elman.training.problem import Loss, Score

#: Sizes, and the optimiser's step, chosen on held-out data of sentences and of recordings.
EMBEDDING, HIDDEN, DROPOUT, LEARNING_RATE, BATCH = 64, 128, 0.3, 2e-3, 32

#: Symbols from which one alone says enough: the network then sees one step at a time, a mean of embeddings.
MANY_SYMBOLS = 256

#: Steps to both sides that it sees elsewhere.
RADIUS = 2

#: Numbers up to which sequences of one length are read whole, as one vector.
WHOLE = 8_192

#: Pixels of a frame are averaged to a picture of so many rows and columns.
PIXELS = 16

#: Steps read in training, all in all, and epochs at least and at most.
STEPS_READ, FEWEST, MOST, PATIENCE = 4_000_000, 3, 60, 6


@final
class FeedForwardNetwork(nn.Module):
    """A hidden layer over a window of steps; for one answer a sequence, its mean and maximum over all windows.

        h_t = relu(W [x_{t-radius} ... x_{t+radius}] + b),    scores = V dropout([mean_t h_t, max_t h_t]) + c

    and for an answer at every step scores_t = V dropout(h_t) + c. Before the first step and after the last stand zeros.

    Args:
        symbols: How many symbols each field of a step has; empty where steps are frames.
        features: Numbers of a frame.
        outputs: Scores.
        radius: Steps to each side that it sees; None: the first ``length`` steps at once.
        length: Steps of a sequence where ``radius`` is None; shorter ones end in zeros.
        each_step: Whether every step has an answer.
    """

    def __init__(
        self,
        symbols: Sequence[int],
        features: int,
        outputs: int,
        *,
        radius: int | None = 0,
        length: int = 1,
        each_step: bool = False,
    ) -> None:
        super().__init__()
        self.radius, self.length, self.each_step = radius, length, each_step
        self.embedding = nn.ModuleList(nn.Embedding(number, EMBEDDING) for number in symbols)
        for embedding in self.embedding:
            nn.init.normal_(embedding.weight, std=0.1)  # type: ignore[arg-type]
        width = EMBEDDING if symbols else features
        self.register_buffer("mean", torch.zeros(0 if symbols else features))
        self.register_buffer("deviation", torch.ones(0 if symbols else features))
        self.hidden = nn.Linear(width * (length if radius is None else 2 * radius + 1), HIDDEN)
        self.dropout = nn.Dropout(DROPOUT)
        pooled = HIDDEN if each_step or radius is None else 2 * HIDDEN
        self.head = nn.Linear(pooled, outputs)

    def forward(self, batch: SequenceBatch) -> Tensor:
        """Scores (B, outputs), or (B, T, outputs) where every step has an answer."""
        steps = self._steps(batch.inputs)
        inside = _inside(batch, steps)
        steps = self.dropout(steps * inside)
        if self.radius is None:
            whole = F.pad(steps, (0, 0, 0, self.length - steps.shape[1]))
            return self._scores(torch.relu(self.hidden(whole.flatten(1))))
        if self.radius:
            padded = F.pad(steps, (0, 0, self.radius, self.radius))
            steps = padded.unfold(1, 2 * self.radius + 1, 1).flatten(2)
        hidden = torch.relu(self.hidden(steps)) * inside
        if self.each_step:
            return self._scores(hidden)
        # Nothing is below zero after relu, so padding is never the maximum.
        return self._scores(torch.cat([hidden.sum(1) / inside.sum(1), hidden.amax(1)], 1))

    def _scores(self, hidden: Tensor) -> Tensor:
        scores: Tensor = self.head(self.dropout(hidden))
        return scores

    def _steps(self, inputs: Tensor) -> Tensor:
        """Steps as vectors, (B, T, features): embeddings of all fields added up, or scaled frames."""
        if self.embedding:
            fields = [embedding(inputs[..., field]) for field, embedding in enumerate(self.embedding)]
            return torch.stack(fields).sum(0)
        return (flat_frames(inputs) - self.mean) / self.deviation

    def scale_by(self, frames: Tensor) -> None:
        """Take mean and deviation of training frames, (steps, features)."""
        self.mean = frames.mean(0)
        self.deviation = frames.std(0).nan_to_num(1.0).clamp_min(1e-6)


def flat_frames(inputs: Tensor) -> Tensor:
    """Frames (B, T, ...) as vectors (B, T, features); pictures are averaged to few pixels first."""
    if inputs.dim() == 5:
        batch, time = inputs.shape[:2]
        pictures = inputs.flatten(0, 1).movedim(-1, 1).float()
        inputs = F.adaptive_avg_pool2d(pictures, PIXELS).reshape(batch, time, -1)
    return inputs.flatten(2)


def _inside(batch: SequenceBatch, steps: Tensor) -> Tensor:
    """1 at valid steps and 0 beyond, (B, T, 1)."""
    places = torch.arange(steps.shape[1], device=steps.device)
    if batch.lengths is None:
        return steps.new_ones(1, steps.shape[1], 1)
    return (places < batch.lengths[:, None]).to(steps)[..., None]


@final
class FeedForward:
    """A `FeedForwardNetwork` fitted by the same trainer as the recurrent network.

    Words are seen one at a time, a mean of embeddings; sequences of one length as a whole where they are short enough;
    else, and for an answer at every step, a window of five steps moves over the sequence.

    Attributes:
        name: What it is called in reports.
    """

    name = "feed-forward"

    def __init__(self, network: FeedForwardNetwork, answers: Answers, codec: SequenceCodec) -> None:
        self.network, self._answers, self._codec = network, answers, codec

    @classmethod
    def fit(
        cls,
        answers: Answers,
        train: Examples,
        valid: Examples,
        codec: SequenceCodec,
        *,
        training: TrainingSettings | None = None,
    ) -> FeedForward:
        """Train on ``train`` until ``valid`` is no longer scored better; arguments as `elman.tasks.label_report` has.

        Raises `DataError` where there is nothing to train on.
        """
        if not len(train) or train.targets is None:
            raise DataError("A baseline needs sequences with their truth to learn from, found none.")
        asked = training or TrainingSettings()
        # Temperature and transitions between tags are those of the recurrent model.
        answers = Answers.load({**answers.to_config(), "temperature": 1.0})
        steps = _steps_of(train, codec)
        with torch.random.fork_rng():
            torch.manual_seed(asked.seed)
            network = _network_for(answers, codec, steps)
        settings = replace(
            TrainingSettings(epochs=_epochs(steps), patience=PATIENCE, learning_rate=LEARNING_RATE, batch_size=BATCH),
            seed=asked.seed, threads=asked.threads, device=asked.device, precision="32",
        )  # fmt: skip
        batches = LabelledBatches(
            steps,
            _encoded(answers, train),
            BATCH,
            seed=asked.seed,
            augment=codec.augment if codec.symbols else None,
        )
        held_out = _HeldOut(answers, _steps_of(valid, codec), _encoded(answers, valid)) if len(valid) else None
        Trainer(settings).fit(network, _Objective(answers.head), batches, held_out)
        return cls(network.cpu(), answers, codec)

    def outputs(self, examples: Examples) -> Any:
        """Probabilities or numbers of new sequences: (n, outputs), or (time, outputs) of each."""
        found = [self._answers.outputs(scores) for scores in scores_of(self.network, _steps_of(examples, self._codec))]
        return found if self.network.each_step else np.stack(found)


def _network_for(answers: Answers, codec: SequenceCodec, steps: Sequence[Steps]) -> FeedForwardNetwork:
    each_step = answers.kind == "tags"
    lengths = {len(each.values) for each in steps}
    features = 0
    if not codec.symbols:
        first = torch.from_numpy(np.asarray(steps[0].values, np.float32))[None]
        features = flat_frames(first).shape[2]
    width = features or EMBEDDING
    few = not codec.symbols or codec.symbols[0] < MANY_SYMBOLS
    radius: int | None = RADIUS if few or each_step else 0
    if few and not each_step and len(lengths) == 1 and max(lengths) * width <= WHOLE:
        radius = None
    network = FeedForwardNetwork(
        codec.symbols, features, len(answers.names), radius=radius, length=max(lengths), each_step=each_step
    )
    if features:
        network.scale_by(_some_frames(steps))
    return network


def _some_frames(steps: Sequence[Steps]) -> Tensor:
    """Training frames as vectors, of some hundred sequences at most."""
    chosen = steps[:: max(1, len(steps) // 500)]
    return torch.cat([flat_frames(torch.from_numpy(np.asarray(each.values, np.float32))[None])[0] for each in chosen])


def _epochs(steps: Sequence[Steps]) -> int:
    total = sum(len(each.values) for each in steps)
    return int(np.clip(STEPS_READ // max(1, total), FEWEST, MOST))


def _steps_of(examples: Examples, codec: SequenceCodec) -> list[Steps]:
    return [codec.encode(raw) for raw in examples.inputs]


def _encoded(answers: Answers, examples: Examples) -> list[NDArray[Any]]:
    return [answers.encode(target) for target in examples.targets or ()]


class _Objective:
    def __init__(self, head: str) -> None:
        self._head = head

    def __call__(self, module: nn.Module, batch: SequenceBatch, carry: Any) -> Loss:
        assert batch.targets is not None
        return Loss(_loss(module(batch), batch.targets, self._head), len(batch.inputs))


class _HeldOut:
    """The mean loss of held-out sequences."""

    def __init__(self, answers: Answers, steps: Sequence[Steps], targets: Sequence[NDArray[Any]]) -> None:
        self._answers, self._steps, self._targets = answers, steps, targets

    def __call__(self, module: nn.Module) -> Score:
        total, count = 0.0, 0
        device = next(module.parameters()).device
        for batch in scoring_batches(self._steps, self._targets):
            batch = batch.to(device)
            assert batch.targets is not None
            rows = len(batch.inputs)
            total += float(_loss(module(batch), batch.targets, self._answers.head)) * rows
            count += rows
        return Score(total / count)


def _loss(scores: Tensor, targets: Tensor, head: str) -> Tensor:
    """The mean over all that is known: cross-entropy, binary for the sigmoid, squares for numbers."""
    if head == "softmax":
        # Without a single known class the mean is of nothing, and the loss zero.
        loss = F.cross_entropy(scores.movedim(-1, 1), targets, ignore_index=-1, reduction="sum")
        return loss / (targets >= 0).sum().clamp_min(1)
    known = ~targets.isnan()
    goal = targets.where(known, 0)
    binary = F.binary_cross_entropy_with_logits
    each = (scores - goal) ** 2 if head == "linear" else binary(scores, goal, reduction="none")
    return each.where(known, 0).sum() / known.sum().clamp_min(1)
