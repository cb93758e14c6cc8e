"""Turns every 'auto' of the options of labels into a number, from the training data; chooses the network's shape."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from elman.codecs.sequence import SequenceCodec
from elman.codecs.text_steps import TextSteps
from elman.errors import SettingsError
from elman.runtime.answers import Answers
from elman.settings import AUTO, LabelSettings, flat, update
from elman.shapes import Convolution, LabelShape

SomeSettings = TypeVar("SomeSettings", bound=LabelSettings)

#: Without any limit a run reads about so many steps, within these numbers of passes over the data.
DEFAULT_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 20_000_000, 5, 100

#: Fewest and most passes over texts; symbols that may be read in all.
TEXT_EPOCHS, TEXT_STEPS = (4, 30), 10_000_000

#: Words of a document, not a sentence, and of the piece of it that a pass reads.
DOCUMENT, PIECE = 150, 100

#: Passes over large sets of signals, which are all but text, at least.
SIGNAL_EPOCHS = 12


class Habit(NamedTuple):
    """What suits a kind of sequence.

    Larger networks learn small sets by heart: more than 100 units made sentences no better. Much is dropped where a
    network that is too sure is the greater danger than one that has learnt too little.

    Attributes:
        updates: Of the weights; of `BY_BITS` for each bit that a class tells.
        hidden_size: Units of a layer and direction.
        learning_rate: At its peak.
        dropout: Between layers and before the head.
        dropout_input: Much where a word tells in several ways what it is, little for characters, of which each counts.
        dropout_words: More where one answer is found from many words than where each step has its own.
    """

    updates: int = 1_000
    hidden_size: int = 64
    learning_rate: float = 0.003
    dropout: float = 0.4
    dropout_input: float = 0.0
    dropout_words: float = 0.0


#: Texts without a habit of their own, and all that is no text: gestures, strokes and splice sites came to rest after
#: 500 to 1,500 updates.
TEXT, SIGNAL = Habit(4_000, 96, 0.004, 0.5, 0.1, 0.1), Habit()

#: By kind of sequence, see `_kind`.
#:
#: Sentences of two classes are soon learnt by heart. Of held-out documents of 650 words the recurrent part had 64%
#: right after four passes over whole ones, by pieces 84% after 600 updates; at a rate that stayed high 82% after 400
#: and 76% after 800, when it knew them by heart. Sound, which is varied the most, is learnt longer: digits of three
#: held-out speakers 82% after 2,500 updates, 77% after 1,000.
HABITS = {
    "sentences": TEXT._replace(updates=900, dropout_input=0.4, dropout_words=0.2),
    "documents": TEXT._replace(updates=600, dropout_input=0.4, dropout_words=0.2),
    "tagged words": TEXT._replace(dropout_input=0.4),
    "letters": TEXT._replace(updates=6_500, hidden_size=128, dropout=0.3),
    "symbols": TEXT,
    "audio": SIGNAL._replace(updates=2_500, dropout=0.5, dropout_input=0.1),
}

#: What is learnt longer the more its classes tell.
BY_BITS = "sentences"

#: Classes from which attention weighs the words of a sentence, beside mean and largest: a word or two tell which of
#: many intents is meant. Four folds of ATIS: 97.9% with attention, 97.6 without.
MANY_CLASSES = 10

#: Fewer sequences than this are read in smaller batches.
FEW_SEQUENCES = 500

#: Series with fewer steps need no convolution; those with more are shortened by two.
SHORT_SERIES, LONG_SERIES = 24, 90

#: DNA with more bases is shortened too.
LONG_DNA = 150

#: Rows and columns of pixels that are left when frames become features.
FEW_PIXELS = 4


@dataclass(frozen=True)
class Facts:
    """What the rules go by.

    Attributes:
        kind: What the sequences are.
        lengths: Steps of each sequence to train on.
        codec: What a step is.
        answers: What is to be learnt.
    """

    kind: str
    lengths: Sequence[int]
    codec: SequenceCodec
    answers: Answers

    @property
    def sequences(self) -> int:
        """How many there are."""
        return len(self.lengths)

    @property
    def steps(self) -> int:
        """Of all of them."""
        return sum(self.lengths)


def resolve(settings: SomeSettings, facts: Facts) -> SomeSettings:
    """Return ``settings`` with every 'auto' replaced; what was given stays as it is."""
    chosen = flat(settings)
    if chosen["window"] != AUTO and facts.answers.kind == "tags":
        raise SettingsError("window is for labels of whole sequences: where every step has one, all are read.")
    text, kind = _is_text(facts), _kind(facts)
    habit = HABITS.get(kind, SIGNAL)
    limited = any(chosen[limit] is not None for limit in ("epochs", "steps", "max_time"))
    _fill(chosen, batch_size=_batch_size(facts), learning_rate=habit.learning_rate, weight_decay=0.01)
    if not limited:
        epochs = _epochs_of_text if text else _epochs_of_signals
        chosen["epochs"] = epochs(facts, int(chosen["batch_size"]))
    _fill(chosen, cell="lstm" if text else "gru", num_layers=2 if facts.kind == "ink" else 1)
    _fill(chosen, bidirectional=True, hidden_size=habit.hidden_size)
    if kind == "documents":  # a mean of many steps is as large as one of few
        _fill(chosen, window=PIECE, pooling="mean")
    many = kind == "sentences" and len(facts.answers.names) >= MANY_CLASSES
    _fill(chosen, pooling="mean+max+attention" if many else "mean+max")
    _fill(chosen, convolutions=_convolutions(facts), embedding_size=100)
    _fill(chosen, dropout=habit.dropout, dropout_input=habit.dropout_input, dropout_words=habit.dropout_words)
    _fill(chosen, bag=_takes_bag(facts, whole=bool(chosen["bidirectional"])))
    # Small networks are slower on two threads, and a probe of the machine would take longer than many a training.
    _fill(chosen, threads=1, precision="32")
    if chosen.get("class_weights") == AUTO:
        chosen["class_weights"] = "none"
    return update(settings, {name: value for name, value in chosen.items() if value is not None}, "budget")


def shape_of(settings: LabelSettings, facts: Facts, bag: int) -> LabelShape:
    """The network that settings without any 'auto' describe; ``bag`` features stand beside it."""
    network, codec, answers = settings.network, facts.codec, facts.answers
    tags = answers.kind == "tags"
    head = "crf" if getattr(settings, "crf", False) else answers.head
    return LabelShape(
        head,
        len(answers.names),
        network.cell,
        (int(network.hidden_size),) * int(network.num_layers),
        symbols=codec.symbols,
        embedding_sizes=embedding_sizes(codec.symbols, int(network.embedding_size)),
        frame=codec.frame,
        frame_convolutions=_frame_convolutions(codec.frame),
        convolutions=convolutions(network.convolutions),
        bidirectional=bool(network.bidirectional),
        pooling=() if tags else tuple(network.pooling.split("+")),
        bag=bag,
        two_strands=getattr(codec, "other_strand", ()) if settings.input.two_strands else (),
    )


def describe(settings: LabelSettings, shape: LabelShape) -> str:
    """One sentence on the network, for the reader of a training's first lines."""
    units = " + ".join(map(str, shape.hidden_sizes))
    ways = "in both directions" if shape.bidirectional else "in one direction"
    summary = f"summed up by {', '.join(shape.pooling)}" if shape.pooling else "scored at every step"
    beside = f", beside a bag of {shape.bag:,} features" if shape.bag else ""
    weights = sum(math.prod(size) for size in shape.parameter_shapes().values())
    return f"The network: {shape.cell}, {units} units {ways}, {summary}{beside}; {weights:,} weights."


def embedding_sizes(symbols: Sequence[int], size: int) -> tuple[int, ...]:
    """Features of each field of a step: ``size`` for the largest, for others as suits their number of symbols.

    >>> embedding_sizes((20_000, 500, 12), 100)
    (100, 46, 8)
    """
    return tuple(min(size, 2 * math.ceil(math.sqrt(count))) for count in symbols)


def convolutions(text: str) -> tuple[Convolution, ...]:
    """Channels, width and stride of each layer. Raises `SettingsError`.

    >>> convolutions("64x5/2,64x3")
    (Convolution(channels=64, width=5, stride=2), Convolution(channels=64, width=3, stride=1))
    """
    if text in ("none", ""):
        return ()
    found = []
    for layer in text.split(","):
        match = re.fullmatch(r"(\d+)x(\d+)(?:/(\d+))?", layer.strip())
        if match is None:
            raise SettingsError(
                f"convolutions takes none, or layers as channels x width / stride such as 64x5/2,64x3, not '{layer}'."
            )
        channels, width, stride = match.groups()
        found.append(Convolution(int(channels), int(width), int(stride or 1)))
    return tuple(found)


def _batch_size(facts: Facts) -> int:
    """Small where sequences are few, so that one pass makes some steps, and where every step has a tag."""
    if _is_text(facts):
        most = 16 if facts.answers.kind == "tags" else 32
        return max(4, min(most, facts.sequences // 20))
    return 16 if facts.sequences < FEW_SEQUENCES else 32


def _kind(facts: Facts) -> str:
    """Which of `HABITS` is meant."""
    if not _is_text(facts):
        return facts.kind
    tags = facts.answers.kind == "tags"
    if facts.codec.kind == "words":
        long = facts.steps >= DOCUMENT * facts.sequences
        return "tagged words" if tags else "documents" if long else "sentences"
    letters = isinstance(facts.codec, TextSteps) and facts.codec.codec.kind in ("characters", "bytes")
    return "letters" if letters and not tags else "symbols"


def _is_text(facts: Facts) -> bool:
    return facts.kind in ("text", "words")


def _epochs_of_text(facts: Facts, batch_size: int) -> int:
    kind = _kind(facts)
    wanted: float = HABITS[kind].updates
    if kind == BY_BITS:
        wanted *= math.log2(max(2, len(facts.answers.names)))
    steps = PIECE * facts.sequences if kind == "documents" else facts.steps
    fewest, most = TEXT_EPOCHS
    passes = wanted / max(1, math.ceil(facts.sequences / batch_size))
    return round(max(fewest, min(most, passes, TEXT_STEPS / max(1, steps))))


def _epochs_of_signals(facts: Facts, batch_size: int) -> int:
    """So many that every set, of 40 sequences or of 5,000, gets about as many updates."""
    wanted = HABITS.get(facts.kind, SIGNAL).updates / max(1, math.ceil(facts.sequences / batch_size))
    affordable = DEFAULT_STEPS / max(1, facts.steps)
    return int(min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(min(max(wanted, SIGNAL_EPOCHS), affordable)))))


def _convolutions(facts: Facts) -> str:
    """What lies within a few steps is found before the recurrence; long sequences are shortened on the way.

    Words are looked at one by one: they say by themselves what they are. Of characters it is the neighbours that do: of
    2,000 held-out surnames of 18 languages the recurrent part has a macro-F1 of 0.56 with convolutions, 0.43 without.
    """
    if facts.answers.kind == "tags":
        return "none"
    if _kind(facts) == "letters":
        return "128x3"
    typical = sorted(facts.lengths)[len(facts.lengths) // 2] if facts.lengths else 0
    if facts.kind == "dna":
        return "64x7" if typical < LONG_DNA else "64x9/2"
    if facts.kind == "audio":
        return "64x5/2,96x5/2"
    if facts.kind == "series" and typical >= SHORT_SERIES:
        return "64x5" if typical < LONG_SERIES else "64x7/2,64x5/2"
    return "none"


def _takes_bag(facts: Facts, whole: bool) -> bool:
    """Whether a bag beside the network has helped: where symbols, places or statistics of channels say much.

    Cross-validated on training parts: JapaneseVowels 98.8% with it, 97.5 without; Unipen digits 96.5, 95.3; digits of
    two unseen speakers 80 and 76. What is read in one direction is to answer on the way.
    """
    if facts.kind in ("series", "ink", "audio"):
        return whole and facts.answers.kind not in ("tags", "numbers")
    return (_is_text(facts) or facts.kind == "dna") and facts.answers.kind != "tags"


def _frame_convolutions(frame: Sequence[int]) -> tuple[Convolution, ...]:
    """Pixels are halved, with twice the channels, until few are left.

    >>> [(each.channels, each.width, each.stride) for each in _frame_convolutions((32, 24, 2))]
    [(16, 5, 2), (32, 3, 2), (32, 3, 2)]
    """
    if len(frame) != 3:
        return ()
    halvings = max(1, math.ceil(math.log2(max(frame[:2]) / FEW_PIXELS)))
    return (Convolution(16, 5, 2), *[Convolution(32, 3, 2)] * (halvings - 1))


def _fill(chosen: dict[str, Any], **values: Any) -> None:
    chosen |= {name: value for name, value in values.items() if chosen[name] == AUTO}
