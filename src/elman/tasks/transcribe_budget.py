"""Turns every 'auto' of the options of transcribing into a number, from the training data."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from elman.codecs.sequence import SequenceCodec
from elman.codecs.text import TextCodec
from elman.errors import SettingsError
from elman.settings import AUTO, SignalSettings, TranscriberSettings, flat, update
from elman.shapes import LabelShape, Plane
from elman.tasks.labelled_budget import convolutions

#: Without any limit a run takes about so many updates of the weights, within these numbers of passes over the data.
UPDATES, FEWEST_EPOCHS, MOST_EPOCHS = 6_000, 10, 120

#: Fewer sequences than this are read in smaller batches.
FEW_SEQUENCES = 2_000

#: Share of the training sequences that a stride may leave too short for their transcripts.
TOO_SHORT = 0.002

#: Convolutions by kind of sequence, from the largest stride to the smallest: the first that leaves frames enough.
CONVOLUTIONS = {
    "audio": ("96x5/2,128x5/2", "96x5/2,128x5", "96x5,128x5"),
    "series": ("128x5/2,128x5/2", "128x5/2,128x5", "128x5"),
    "ink": ("64x5/2", "64x5"),
}

#: Convolutions across features by kind of sequence, from the largest stride to the smallest.
PLANES = {"images": ("16x3x3/2x2,32x3x3/2x2,48x3x3/1x2", "16x3x3/2x2,32x3x3/1x2,48x3x3/1x2")}

#: How training sequences are varied, where a kind's own habit is not the best.
AUGMENT = {"series": "warp=0.1,scale=0.1,jitter=0.1"}


@dataclass(frozen=True)
class Facts:
    """What the rules go by.

    Attributes:
        kind: What the sequences are.
        lengths: Steps of each sequence to train on.
        needed: Frames that the transcript of each needs, see `elman.decoding.ctc.frames_needed`.
        codec: What a step is.
        text: What a symbol of a transcript is.
    """

    kind: str
    lengths: Sequence[int]
    needed: Sequence[int]
    codec: SequenceCodec
    text: TextCodec

    @property
    def sequences(self) -> int:
        """How many there are."""
        return len(self.lengths)


def input_settings(settings: SignalSettings, kind: str) -> SignalSettings:
    """The settings of the input's codec, with augmentation as it suits transcripts."""
    if settings.augment != AUTO or kind not in AUGMENT:
        return settings
    return update(settings, {"augment": AUGMENT[kind]}, "budget")


def resolve(settings: TranscriberSettings, facts: Facts) -> TranscriberSettings:
    """Return ``settings`` with every 'auto' replaced; what was given stays as it is."""
    chosen = flat(settings)
    limited = any(chosen[limit] is not None for limit in ("epochs", "steps", "max_time"))
    _fill(chosen, batch_size=8 if facts.sequences < FEW_SEQUENCES else 16, learning_rate=0.002, weight_decay=0.01)
    if not limited:
        updates = max(1, math.ceil(facts.sequences / int(chosen["batch_size"])))
        chosen["epochs"] = int(min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(UPDATES / updates))))
    _fill(chosen, cell="lstm", num_layers=3, bidirectional=True, hidden_size=160)
    _fill(chosen, planes=_planes(facts), convolutions=_convolutions(facts), dropout=0.4, dropout_input=0.1)
    _fill(chosen, threads=1, precision="32")
    return update(settings, {name: value for name, value in chosen.items() if value is not None}, "budget")


def shape_of(settings: TranscriberSettings, facts: Facts) -> LabelShape:
    """The network that settings without any 'auto' describe."""
    network = settings.network
    return LabelShape(
        "ctc",
        len(facts.text) + 1,
        network.cell,
        (int(network.hidden_size),) * int(network.num_layers),
        frame=facts.codec.frame,
        convolutions=convolutions(network.convolutions),
        bidirectional=bool(network.bidirectional),
        planes=planes(network.planes),
    )


def planes(text: str) -> tuple[Plane, ...]:
    """Read planes as they are written in options. Raises `SettingsError`.

    >>> planes("16x3x3/2x2,32x3x5")[1]
    Plane(channels=32, steps=3, features=5, pool_steps=1, pool_features=1)
    """
    if text == "none":
        return ()
    found = []
    for layer in text.split(","):
        match = re.fullmatch(r"(\d+)x(\d+)x(\d+)(?:/(\d+)x(\d+))?", layer.strip())
        if match is None:
            raise SettingsError(
                "planes takes none, or layers as channels x steps x features / pooled steps x pooled features such as "
                f"16x3x3/2x2,32x3x3, not '{layer}'."
            )
        found.append(Plane(*(int(number or 1) for number in match.groups())))
    return tuple(found)


def describe(shape: LabelShape) -> str:
    """One sentence on the network, for the reader of a training's first lines."""
    units = " + ".join(map(str, shape.hidden_sizes))
    ways = "in both directions" if shape.bidirectional else "in one direction"
    every = f"at every {shape.stride} steps" if shape.stride > 1 else "at every step"
    weights = sum(math.prod(size) for size in shape.parameter_shapes().values())
    return (
        f"The network: {shape.cell}, {units} units {ways}, which says {every} one of {shape.outputs - 1} symbols or "
        f"nothing; {weights:,} weights."
    )


def _convolutions(facts: Facts) -> str:
    """The largest stride of its kind that leaves nearly every sequence the frames that its transcript needs."""
    choices = CONVOLUTIONS.get(facts.kind, ("none",))
    strides = [math.prod(each.stride for each in convolutions(choice)) for choice in choices]
    return _fewest_steps(choices, strides, facts)


def _planes(facts: Facts) -> str:
    """As `_convolutions`."""
    choices = PLANES.get(facts.kind, ("none",))
    return _fewest_steps(choices, [math.prod(each.pool_steps for each in planes(choice)) for choice in choices], facts)


def _fewest_steps(choices: Sequence[str], strides: Sequence[int], facts: Facts) -> str:
    for choice, stride in zip(choices[:-1], strides, strict=False):
        short = sum(
            (length - 1) // stride + 1 < needed for length, needed in zip(facts.lengths, facts.needed, strict=True)
        )
        if short <= TOO_SHORT * facts.sequences:
            return choice
    return choices[-1]


def _fill(chosen: dict[str, Any], **values: Any) -> None:
    chosen |= {name: value for name, value in values.items() if chosen[name] == AUTO}
