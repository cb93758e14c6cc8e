"""Turns every 'auto' of the options of translating into a number, from training data; chooses the network's shape."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from elman.codecs.text import TextCodec
from elman.runtime.pair_model import MARGIN, spaced
from elman.settings import AUTO, PairTextSettings, TranslatorSettings, flat, update
from elman.shapes import DecoderShape, EncoderShape, PairShape

#: Texts with fewer white spaces than this, on average, are single words, or of a script without spaces.
FEWEST_SPACES = 1.0

#: Distinct words up to which a side is written in symbols: phonemes, notes, commands.
FEW_SYMBOLS = 256

#: Share of the characters that both sides have up to which they share no vocabulary.
SAME_SCRIPT = 0.6

#: Words of all training data for each piece of BPE; fewest and most pieces.
WORDS_A_PIECE, PIECES = 75, (400, 24_000)

#: Words that are kept where words are the symbols.
WORDS = 30_000

#: Symbols of both sides for large networks; updates of the weights, and passes over the data.
MUCH_TEXT, EPOCHS = 300_000, (4, 100)

#: Updates of the weights for sentences, and for all else, whose networks are smaller.
SENTENCE_UPDATES, UPDATES = 6_000, 12_000

#: Symbols of a batch, and batches that one pass makes at least.
TOKENS, FEWEST_BATCHES = 1_200, 40

#: Symbols of a side for which input feeding pays.
LONG = 2_000

#: Pairs that are looked at to choose what a symbol is.
LOOKED_AT = 20_000


@dataclass(frozen=True)
class Facts:
    """What the rules go by.

    Attributes:
        sources: Symbols of each source.
        targets: Symbols of each target.
        codec: What a symbol of a source is.
        target: What a symbol of a target is; the same object where both sides share a vocabulary.
    """

    sources: Sequence[int]
    targets: Sequence[int]
    codec: TextCodec
    target: TextCodec

    @classmethod
    def of(cls, codec: TextCodec, target: TextCodec, sources: Sequence[str], targets: Sequence[str]) -> Facts:
        """Those of pairs of texts."""
        sides = ((codec, sources), (target, targets))
        read, written = ([len(each.encode(spaced(each.kind, text))) for text in texts] for each, texts in sides)
        return cls(read, written, codec, target)

    @property
    def symbols(self) -> int:
        """Of both sides."""
        return sum(self.sources) + sum(self.targets)

    @property
    def in_words(self) -> bool:
        """Whether one side at least is sentences of words or their pieces."""
        return not {self.codec.kind, self.target.kind}.isdisjoint(("bpe", "words"))


def text_settings(settings: PairTextSettings, sources: Sequence[str], targets: Sequence[str]) -> PairTextSettings:
    """The settings with what a symbol is on both sides, and how many there are."""
    chosen = dict(vars(settings))
    some = [list(islice(texts, LOOKED_AT)) for texts in (sources, targets)]
    for name, texts in zip(("source_units", "target_units"), some, strict=True):
        if chosen[name] == AUTO:
            chosen[name] = units(texts)
    both = (chosen["source_units"], chosen["target_units"])
    if chosen["shared_vocabulary"] == AUTO:
        chosen["shared_vocabulary"] = both == ("bpe", "bpe") and same_script(*some)
    if chosen["vocabulary_size"] == AUTO:
        sides = [sum(len(text.split()) for text in texts) for texts in (sources, targets)]
        words = sum(sides) if chosen["shared_vocabulary"] else max(sides)
        pieces = min(PIECES[1], max(PIECES[0], 100 * round(words / WORDS_A_PIECE / 100)))
        chosen["vocabulary_size"] = pieces if "bpe" in both else WORDS
    return PairTextSettings(**chosen)


def units(texts: Sequence[str]) -> str:
    """What a symbol of such texts is.

    >>> units(["K AE T", "D AO G"] * 20), units(["phoneme", "Jordan"]), units([f"a day {n}" for n in range(999)])
    ('symbols', 'characters', 'bpe')
    """
    words = [text.split() for text in texts]
    if sum(map(len, words)) - len(words) < FEWEST_SPACES * len(words):
        return "characters"
    known = {word for each in words for word in each}
    return "symbols" if len(known) <= min(FEW_SYMBOLS, len(words)) else "bpe"


def same_script(sources: Sequence[str], targets: Sequence[str]) -> bool:
    """Whether both sides are written in much the same letters.

    >>> same_script(["a house"], ["ein Haus"]), same_script(["a house"], ["一座房子"])
    (True, False)
    """
    counts = [
        Counter(char for text in texts for char in text.lower() if char.isalpha()) for texts in (sources, targets)
    ]
    totals = [max(1, each.total()) for each in counts]
    common = sum(min(counts[0][char] / totals[0], counts[1][char] / totals[1]) for char in counts[0])
    return common >= SAME_SCRIPT


def codecs(settings: PairTextSettings, sources: Sequence[str], targets: Sequence[str]) -> tuple[TextCodec, TextCodec]:
    """The codecs of both sides, one and the same where they share a vocabulary. Raises `SettingsError`, `DataError`."""
    size = int(settings.vocabulary_size)
    if settings.shared_vocabulary:
        both = [spaced(settings.target_units, text) for texts in (sources, targets) for text in texts]
        codec = TextCodec.fit(settings.target_units, both, size, settings.lowercase_target)
        return codec, codec
    source = TextCodec.fit(
        settings.source_units,
        [spaced(settings.source_units, text) for text in sources],
        size,
        settings.lowercase_source,
    )
    target = TextCodec.fit(
        settings.target_units,
        [spaced(settings.target_units, text) for text in targets],
        size,
        settings.lowercase_target,
    )
    return source, target


def longest(facts: Facts) -> float:
    """Symbols that a target needs for each of its source beside `MARGIN`: enough for 999 of 1,000, and at least one."""
    ratios = (np.array(facts.targets) - MARGIN) / np.maximum(1, facts.sources)
    return round(max(1.0, float(np.quantile(ratios, 0.999))), 2)


def resolve(settings: TranslatorSettings, facts: Facts) -> TranslatorSettings:
    """Return ``settings`` with every 'auto' replaced but those of writing; what was given stays as it is."""
    chosen = flat(settings)
    large = facts.symbols >= MUCH_TEXT
    tokens = min(TOKENS, max(32, facts.symbols // 2 // FEWEST_BATCHES))
    _fill(chosen, batch_tokens=tokens, batch_size=256, learning_rate=0.002, weight_decay=0.01)
    if not any(chosen[limit] is not None for limit in ("epochs", "steps", "max_time")):
        chosen["epochs"] = _epochs(facts, int(chosen["batch_tokens"]))
    _fill(chosen, cell="gru" if facts.in_words else "lstm", num_layers=1)
    _fill(chosen, hidden_size=_hidden_size(facts, large), input_feeding=facts.in_words)
    many = len(facts.target) >= LONG
    _fill(chosen, embedding_size=64 if not facts.in_words else 256 if large else 128)
    _fill(chosen, tie_weights=many and int(chosen["num_layers"]) == 1)
    _fill(chosen, dropout=0.4 if facts.in_words else 0.2, dropout_words=0.1 if facts.in_words else 0.0)
    if not large:
        # Of small networks bfloat16 makes nothing faster; of large ones what is measured decides.
        _fill(chosen, precision="32")
    _fill(chosen, coverage_penalty=0.0, replace_unknown=True)
    writing = {name: chosen.pop(name) for name in ("beam", "length_penalty")}
    known = {name: value for name, value in chosen.items() if value is not None}
    return update(settings, known | writing, "budget")


def shape_of(settings: TranslatorSettings, facts: Facts) -> PairShape:
    """The network that settings without any 'auto' describe."""
    network, shared = settings.network, facts.codec is facts.target
    hidden, layers, embedding = int(network.hidden_size), int(network.num_layers), int(network.embedding_size)
    encoder = EncoderShape(
        len(facts.codec) + shared,
        embedding,
        network.cell,
        (hidden // 2,) * layers,
    )
    tied = bool(network.tie_weights)
    decoder = DecoderShape(
        len(facts.target) + 1,
        embedding,
        network.cell,
        (hidden,) * layers,
        memory=encoder.features,
        attentional_size=embedding if tied and layers == 1 else hidden,
        attention=network.attention,
        input_feeding=bool(network.input_feeding),
        coverage=network.coverage,
        tied=tied,
    )
    return PairShape(encoder, decoder, shared)


def describe(settings: TranslatorSettings, shape: PairShape, facts: Facts) -> list[str]:
    """Sentences on what is read and written, and on the network, for the reader of a training's first lines."""
    weights = sum(math.prod(size) for size in shape.parameter_shapes().values())
    sides = f"A source is read in {_symbols(facts.codec)}, a target is written in {_symbols(facts.target)}."
    if shape.shared:
        sides = f"Sources and targets are read and written in the same {_symbols(facts.codec)}."
    units = " + ".join(map(str, shape.decoder.hidden_sizes))
    return [
        sides,
        f"The network: {shape.decoder.cell}, an encoder of {' + '.join(map(str, shape.encoder.hidden_sizes))} units in "
        f"both directions, a decoder of {units} units with {shape.decoder.attention} attention"
        f"{' and input feeding' if shape.decoder.input_feeding else ''}; {weights:,} weights.",
    ]


def _symbols(codec: TextCodec) -> str:
    what = {"bpe": "pieces of words (BPE)", "symbols": "symbols between white space"}.get(codec.kind, codec.kind)
    return f"{len(codec):,} {what}{', in lower case' if codec.lowercase else ''}"


def _epochs(facts: Facts, tokens: int) -> int:
    """So many that the weights are changed about as often for large sets as for small ones."""
    batches = max(1, sum(map(max, facts.sources, facts.targets)) / tokens)
    updates = SENTENCE_UPDATES if facts.in_words else UPDATES
    return round(min(EPOCHS[1], max(EPOCHS[0], updates / batches)))


def _hidden_size(facts: Facts, large: bool) -> int:
    if not large:
        return 256
    return 512 if facts.in_words else 384


def _fill(chosen: dict[str, Any], **values: Any) -> None:
    chosen |= {name: value for name, value in values.items() if chosen[name] == AUTO}
