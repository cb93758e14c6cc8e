"""Turns every 'auto' of the options of transcribing into a number, from the training data."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from elman.codecs.sequence import SequenceCodec
from elman.codecs.text import TextCodec
from elman.errors import SettingsError
from elman.settings import AUTO, SignalSettings, TranscriberSettings, flat, update
from elman.shapes import LabelShape, Plane, TransducerShape
from elman.tasks.labelled_budget import convolutions


class Habit(NamedTuple):
    """What suits a kind of sequence.

    A network first says blanks alone for a long time. It leaves that time sooner with few layers, few rows and many
    updates: on AN4 two layers of 192 with rows of 6 had a character error of 35% after six passes, when three layers of
    160 with rows of 8, and holes in the recordings, still said hardly anything.

    Attributes:
        batch_size: Sequences of an update.
        updates: Of the weights, without any limit of a run.
        hidden_size: Units of a layer and direction.
        num_layers: Recurrent layers.
        dropout: Between layers and before the head.
        learning_rate: At its peak.
    """

    batch_size: int = 6
    updates: int = 12_000
    hidden_size: int = 192
    num_layers: int = 2
    dropout: float = 0.3
    learning_rate: float = 0.003


#: By kind of sequence; the others as `Habit` has it.
HABITS = {
    "audio": Habit(dropout=0.1),
    "images": Habit(batch_size=4, updates=16_000, hidden_size=160, dropout=0.4, learning_rate=0.002),
}

#: Codecs of long sequences that say little at a step: the first pass over the data goes from short to long.
SHORT_FIRST = ("lines",)

#: Passes over the training data, without any limit of a run.
FEWEST_EPOCHS, MOST_EPOCHS = 10, 120

#: Of a transducer: features of a symbol at most, units of its prediction network, and of its joint network.
EMBEDDING, PREDICTION, JOINT = 64, 128, 128

#: A model of whole words, which are learnt sooner than letters, knows at most so many, each said so often at least.
FEW_WORDS, OFTEN = 50, 40

#: Share of the training sequences that a stride may leave too short for their transcripts.
TOO_SHORT = 0.002

#: Convolutions by kind of sequence, from the largest stride to the smallest: the first that leaves frames enough.
CONVOLUTIONS = {
    "audio": ("96x5/2,128x5/2", "96x5/2,128x5", "96x5,128x5"),
    "series": ("64x5/2,128x5/2", "64x5/2,128x5", "128x5"),
    "ink": ("64x5/2", "64x5"),
}

#: Convolutions across features by kind of sequence, from the largest stride to the smallest.
PLANES = {
    "images": ("16x3x3/2x2,32x3x3/2x2,48x3x3/1x2,64x3x3/1x2", "16x3x3/2x2,32x3x3/1x2,48x3x3/1x2,64x3x3/1x2"),
}

#: Lines are cut from pages, some of them badly: the share that a stride may leave too short.
BADLY_CUT = 0.01

#: How training sequences are varied, where a kind's own habit is not the best.
#:
#: Sound that is varied as for labels is learnt far more slowly: of strings of digits, held out, a transducer had 88% of
#: the words wrong after 375 updates, and 27% where nothing was varied, 6% after 750. After 240 the loss was 2.7 nats a
#: digit, 1.8 with little of tempo and masks, and 1.4 without any.
AUGMENT = {"series": "tempo=0.1,warp=0.05,scale=0.1,jitter=0.1", "audio": "tempo=0.1,masks=0.05"}


@dataclass(frozen=True)
class Facts:
    """What the rules go by.

    Attributes:
        kind: What the sequences are.
        lengths: Steps of each sequence to train on.
        needed: Frames that the transcript of each needs with CTC, see `elman.decoding.ctc.frames_needed`. A transducer
            may say several symbols at a frame.
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


def units(texts: Sequence[str], lowercase: bool = False) -> str:
    """Words where there are few and each is often said, as of commands and numbers; else characters.

    >>> units(["one two", "two", "two one one"] * 30), units(["a few words", "that are said once"])
    ('words', 'characters')
    """
    counts = Counter(word for text in texts for word in (text.lower() if lowercase else text).split())
    words = 2 <= len(counts) <= FEW_WORDS and min(counts.values()) >= OFTEN
    return "words" if words else "characters"


def input_settings(settings: SignalSettings, kind: str) -> SignalSettings:
    """The settings of the input's codec, with augmentation as it suits transcripts."""
    usual: dict[str, Any] = {"augment": AUGMENT[kind]} if kind in AUGMENT and settings.augment == AUTO else {}
    if kind == "series" and settings.differences == AUTO:
        usual["differences"] = True  # of few channels that say much, as cepstra do
    return update(settings, usual, "budget")


def resolve(settings: TranscriberSettings, facts: Facts) -> TranscriberSettings:
    """Return ``settings`` with every 'auto' replaced; what was given stays as it is."""
    chosen = flat(settings)
    limited = any(chosen[limit] is not None for limit in ("epochs", "steps", "max_time"))
    habit = HABITS.get(facts.kind, Habit())
    _fill(chosen, batch_size=habit.batch_size, learning_rate=habit.learning_rate, weight_decay=0.01)
    if not limited:
        updates = max(1, math.ceil(facts.sequences / int(chosen["batch_size"])))
        chosen["epochs"] = int(min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(habit.updates / updates))))
    transducer = chosen["head"] == "transducer"
    _fill(chosen, cell="lstm", num_layers=habit.num_layers, bidirectional=not transducer, hidden_size=habit.hidden_size)
    _fill(chosen, planes=_planes(facts), convolutions=_convolutions(facts), dropout=habit.dropout, dropout_input=0.1)
    _fill(chosen, threads=1, precision="32")
    return update(settings, {name: value for name, value in chosen.items() if value is not None}, "budget")


def shape_of(settings: TranscriberSettings, facts: Facts) -> LabelShape | TransducerShape:
    """The network that settings without any 'auto' describe."""
    network, symbols = settings.network, len(facts.text)
    if network.head == "ctc":
        return _reader(settings, facts, "ctc", symbols + 1)
    reader = _reader(settings, facts, "features", JOINT)
    return TransducerShape(reader, symbols, min(EMBEDDING, symbols), network.cell, (PREDICTION,))


def _reader(settings: TranscriberSettings, facts: Facts, head: str, outputs: int) -> LabelShape:
    """What makes frames of the steps."""
    network = settings.network
    return LabelShape(
        head,
        outputs,
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


def describe(shape: LabelShape | TransducerShape) -> str:
    """One sentence on the network, for the reader of a training's first lines."""
    weights = sum(math.prod(size) for size in shape.parameter_shapes().values())
    if isinstance(shape, TransducerShape):
        reader, symbols, how = shape.encoder, shape.symbols, "any of"
        knows = f", knowing what it said by {shape.cell} of {' + '.join(map(str, shape.hidden_sizes))} units"
    else:
        reader, symbols, how, knows = shape, shape.outputs - 1, "one of", ""
    units = " + ".join(map(str, reader.hidden_sizes))
    ways = "in both directions" if reader.bidirectional else "in one direction"
    every = f"at every {reader.stride} steps" if reader.stride > 1 else "at every step"
    return (
        f"The network: {reader.cell}, {units} units {ways}, which says {every} {how} {symbols} symbols or nothing"
        f"{knows}; {weights:,} weights."
    )


def _convolutions(facts: Facts) -> str:
    """The largest stride of its kind that leaves nearly every sequence the frames that its transcript needs."""
    choices = CONVOLUTIONS.get(facts.kind, ("none",))
    strides = [math.prod(each.stride for each in convolutions(choice)) for choice in choices]
    return _fewest_steps(choices, strides, facts)


def _planes(facts: Facts) -> str:
    """As `_convolutions`."""
    choices = PLANES.get(facts.kind, ("none",))
    strides = [math.prod(each.pool_steps for each in planes(choice)) for choice in choices]
    return _fewest_steps(choices, strides, facts, BADLY_CUT)


def _fewest_steps(choices: Sequence[str], strides: Sequence[int], facts: Facts, most: float = TOO_SHORT) -> str:
    """The first choice whose stride leaves hardly more sequences too short than are so anyway."""
    for choice, stride in zip(choices[:-1], strides, strict=False):
        short = sum(
            (length - 1) // stride + 1 < needed <= length
            for length, needed in zip(facts.lengths, facts.needed, strict=True)
        )
        if short <= most * facts.sequences:
            return choice
    return choices[-1]


def _fill(chosen: dict[str, Any], **values: Any) -> None:
    chosen |= {name: value for name, value in values.items() if chosen[name] == AUTO}
