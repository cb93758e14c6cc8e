"""A model of labels as `elman.nn.subject.Subject`, for `elman inspect`: its recurrent layers and what they say."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from elman.codecs.sequence import SequenceCodec, Steps
from elman.data.examples import Examples
from elman.data.labelled import make_batch
from elman.errors import DataError
from elman.nn.labels import LabelNetwork
from elman.nn.own_encoder import FromFunction
from elman.nn.recurrent import Recurrent
from elman.nn.subject import Subject
from elman.runtime.engine import without
from elman.runtime.label_model import LabelModel
from elman.shapes import LabelShape
from elman.tasks.training_run import put_weights

#: Sequences that are encoded to choose the longest among them.
CONSIDERED = 200


def subject(model: LabelModel, examples: Examples, steps: int, batch: int, title: str) -> Subject:
    """The model and some of the longest sequences, all cut to the length of the shortest of them.

    What the network says is asked after every step, as if the step stood for the whole sequence: pooling is of the one
    step. A bag of features is left out; of two strands one is read; of several labels the one is asked for that is most
    evenly there and not, of several numbers the first. Of layers that read in both directions only the forward
    direction of the top layer is looked at, as a memory of the future is none: the other one is held at its mean.

    Args:
        model: What was learnt.
        examples: Sequences whose targets are known.
        steps: Steps of each sequence at most.
        batch: Sequences at most.
        title: Of the model, for headings.

    Raises `DataError` without targets, or where no sequence has 2 steps.
    """
    network = LabelNetwork(model.shape, encoder=None if model.encoder is None else FromFunction(model.encoder))
    put_weights(network, without(model.tensors, model.own_encoder))
    return subject_of(network, model, examples, steps, batch, title)


def subject_of(
    network: LabelNetwork, model: LabelModel, examples: Examples, steps: int, batch: int, title: str
) -> Subject:
    """`subject` of a network as it is now, with a model's codec and answers; it is copied, and may be trained on."""

    def target(row: int, time: int) -> NDArray[Any]:
        assert examples.targets is not None
        known = model.answers.encode(examples.targets[row])
        return known[:time] if model.answers.kind == "tags" else known

    chosen = choose(model.codec, examples, steps, batch, target)
    return look(network, chosen, _question(model, chosen), title)


def look(network: LabelNetwork, chosen: Sequence[Chosen], question: Question, title: str) -> Subject:
    """The subject of a network as it is now, on the chosen sequences; it is copied, and may be trained on."""
    network = copy.deepcopy(network).cpu().eval()
    with torch.no_grad():
        read = make_batch([each.steps for each in chosen])
        features, _, _ = network.encoded(read.inputs, None, None)
        layers, inputs, rest = _forward_direction(network, features)
    shape = network.shape
    pools = max(1, len(shape.pooling))

    def readout(outputs: Tensor) -> Tensor:
        whole = outputs if rest is None else torch.cat([outputs, rest.expand(*outputs.shape[:-1], -1)], -1)
        return question.scores(network.head(torch.cat([whole] * pools, -1)))

    time = inputs.shape[1]
    targets = torch.from_numpy(np.stack([_at_steps(question.target(each), time) for each in chosen]))
    return Subject(
        recurrent=layers,
        inputs=inputs.detach(),
        readout=readout,
        losses=_squared if not question.answers else _cross_entropy,
        targets=targets.clamp(min=0) if question.answers else targets.nan_to_num(),
        counts=targets >= 0 if question.answers else ~targets.isnan(),
        labels=[each.labels[:: shape.stride][:time] for each in chosen],
        answers=question.answers,
        title=_title(title, shape),
    )


@dataclass(frozen=True)
class Chosen:
    """One sequence to look at: its steps, their names, and its target as numbers."""

    steps: Steps
    labels: list[str]
    target: NDArray[Any]


@dataclass(frozen=True)
class Question:
    """What of a model's answers is looked at.

    Attributes:
        answers: What each score stands for; empty for a number.
        scores: Those of the network (..., outputs) to those looked at (..., answers).
        target: That of a sequence: one, or one for every step.
    """

    answers: tuple[str, ...]
    scores: Callable[[Tensor], Tensor]
    target: Callable[[Chosen], NDArray[Any]]


def _question(model: LabelModel, chosen: Sequence[Chosen]) -> Question:
    names = model.answers.names
    if model.answers.kind in ("class", "tags"):
        return Question(names, lambda scores: scores, lambda each: each.target)
    if model.answers.kind == "numbers":
        return Question((), lambda scores: scores[..., :1], lambda each: each.target[0])
    there = np.mean([each.target for each in chosen], axis=0)
    label = int(np.abs(there - 0.5).argmin())

    def scores(every: Tensor) -> Tensor:
        one = every[..., label]
        return torch.stack([torch.zeros_like(one), one], -1)

    answers = (f"not {names[label]}", names[label])
    return Question(answers, scores, lambda each: each.target[label].astype(np.int64))


def choose(
    codec: SequenceCodec,
    examples: Examples,
    steps: int,
    batch: int,
    target: Callable[[int, int], NDArray[Any]],
) -> list[Chosen]:
    """Some of the longest sequences, cut to one length of at most ``steps``.

    ``target`` gives what is true of a sequence, by its number and how many of its steps are looked at.
    """
    if examples.targets is None:
        raise DataError("A look at a model needs sequences of which is known what the model is to say.")
    rows = np.unique(np.linspace(0, len(examples) - 1, min(CONSIDERED, len(examples))).astype(int)).tolist()
    encoded = {row: codec.encode(examples.inputs[row]) for row in rows}
    # The longest first, but with all that are long enough as good as each other: they are spread over the data.
    rows.sort(key=lambda row: -min(steps, len(encoded[row].values)))
    enough = sum(len(each.values) >= steps for each in encoded.values())
    if enough > batch:
        rows = [rows[place] for place in np.linspace(0, enough - 1, batch).astype(int)]
    rows = rows[:batch]
    time = min([steps, *(len(encoded[row].values) for row in rows)])
    if time < 2:
        raise DataError("A look at a model needs sequences of at least 2 steps.")
    return [
        Chosen(
            Steps(encoded[row].values[:time]),
            codec.labels(examples.inputs[row], encoded[row])[:time],
            target(row, time),
        )
        for row in rows
    ]


def _forward_direction(network: LabelNetwork, features: Tensor) -> tuple[Recurrent, Tensor, Tensor | None]:
    """The layers to look at, what they read, and what stands for the reverse direction of the top layer."""
    recurrent = network.recurrent
    if not recurrent.bidirectional:
        return recurrent, features, None
    top, cell = len(recurrent.cells) - 1, recurrent.cells[-1]
    _, _, states = recurrent(features, all_states=True)

    def outputs(layer: int, direction: str) -> Tensor:
        name = next(iter(recurrent.cells[layer].state_sizes))
        of: Tensor = states[f"{name}_l{layer}{direction}"]
        return of

    if top:
        features = torch.cat([outputs(top - 1, ""), outputs(top - 1, "_reverse")], -1)
    alone = Recurrent(network.shape.cell, cell.input_size, cell.hidden_size)
    own = recurrent.state_dict()
    alone.load_state_dict({name: own[name.removesuffix("_l0") + f"_l{top}"] for name in alone.state_dict()})
    return alone.eval(), features, outputs(top, "_reverse").mean((0, 1))


def _at_steps(target: NDArray[Any], time: int) -> NDArray[Any]:
    """The target after every step."""
    return np.broadcast_to(target, (time,))


def _cross_entropy(scores: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(scores.movedim(-1, 1), targets, reduction="none")


def _squared(scores: Tensor, targets: Tensor) -> Tensor:
    return (scores[..., 0] - targets) ** 2


def _title(title: str, shape: LabelShape) -> str:
    layers = len(shape.hidden_sizes)
    text = f"{title}, {layers} layer{'s' * (layers > 1)} of {shape.cell}"
    if shape.bidirectional:
        text += ", the forward direction of the top one alone" if layers > 1 else ", its forward direction alone"
    return text
