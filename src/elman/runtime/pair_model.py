"""`PairModel`: what was learnt of pairs of texts, ready to write the target of another source; without torch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.text import TextCodec, split_words
from elman.decoding.beam import Output, Penalties
from elman.errors import BundleError, DataError, UsageError
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.model import Model
from elman.runtime.pairs import PairEngine, search
from elman.shapes import PairShape

#: Symbols of the recorded sample on each side: enough that every gate has its say, few enough for each load.
SAMPLE_SYMBOLS = 12

#: Sources that are looked at together, so that those of like length stand side by side.
AT_ONCE = 2_048

#: Symbols that a target may have beside `PairModel.longest` for each of its source.
MARGIN = 10

#: How the name of the target's vocabulary begins in a folder that has another one for sources.
TARGET = "target."

#: What the end of a target is called where symbols are shown.
END = "<end>"


class Translation(NamedTuple):
    """What was written for a source.

    Attributes:
        text: The target.
        score: What the search maximised: ln p with its penalties; that of the best one is the largest.
        log_probability: ln p of all symbols and the end, in nats.
        source: The symbols that were read, as they are shown.
        target: The symbols that were written, and the end.
        attention: Where each was looked for, (target symbols, source symbols); None where nothing was read.
    """

    text: str
    score: float
    log_probability: float
    source: tuple[str, ...]
    target: tuple[str, ...]
    attention: NDArray[Any] | None


@final
@dataclass(frozen=True)
class Writing:
    """How the best target is looked for.

    Attributes:
        beam: Hypotheses that go on; 1 always takes the likeliest symbol.
        count: Targets wanted, at most ``beam``.
        penalties: How targets of different lengths are compared.
        replace_unknown: Whether an unknown symbol of a target becomes that of the source which was looked at most.
    """

    beam: int = 1
    count: int = 1
    penalties: Penalties = Penalties()
    replace_unknown: bool = True


#: Always the likeliest symbol.
GREEDY = Writing()


@final
@dataclass(frozen=True)
class PairModel(Model):
    """Text -> symbols -> encoder, decoder -> symbols -> text.

    Attributes:
        shape: What the network is made of.
        codec: Sources to symbols.
        target: Symbols of targets to text; the same object where both sides share a vocabulary.
        longest: Symbols that a target may have for each symbol of its source, beside `MARGIN`.
        tensors: The weights.
    """

    called = "model that translates"

    shape: PairShape
    codec: TextCodec
    target: TextCodec
    longest: float = 2.0
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    _engines: dict[tuple[str, str], PairEngine] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies: all but the engines, which are made again where they are needed."""
        return {**self.__dict__, "_engines": {}}

    def engine(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> PairEngine:
        """The network, ready to write; the same object for all who ask for the same."""
        if (backend, precision) not in self._engines:
            engine = PairEngine(self.shape, self.tensors, backend=backend, precision=precision)
            self._engines[backend, precision] = engine
        return self._engines[backend, precision]

    def translate(
        self, sources: Sequence[str], writing: Writing = GREEDY, *, beside: Sequence[PairModel] = ()
    ) -> Iterator[list[Translation]]:
        """The best targets of each source, the best one first; a source without symbols has the empty target.

        Args:
            sources: Texts.
            writing: How the best target is looked for.
            beside: Other models of the same vocabularies: all of them write together, as one.

        Raises:
            SettingsError: ``writing`` asks for more targets than the beam has.
            UsageError: A model beside this one has other vocabularies.
        """
        for other in beside:
            self.check_vocabularies(other)
        engines = [model.engine() for model in (self, *beside)]
        for begin in range(0, len(sources), AT_ONCE):
            some = sources[begin : begin + AT_ONCE]
            symbols = [self.read(source) for source in some]
            full = [row for row, each in enumerate(symbols) if len(each)]
            outputs = search(
                engines,
                [symbols[row] for row in full],
                [self.most(len(symbols[row])) for row in full],
                beam=writing.beam,
                count=writing.count,
                penalties=writing.penalties,
            )
            written = dict(zip(full, outputs, strict=True))
            for row, source in enumerate(some):
                yield [self._translation(source, symbols[row], each, writing) for each in written.get(row, [_NOTHING])]

    def score(self, sources: Sequence[str], targets: Sequence[str]) -> list[float]:
        """Ln p of each target, given its source, in nats."""
        pairs = [self.read(source) for source in sources], [self.learn(target) for target in targets]
        return [float(told.log_probabilities.sum()) for told in self.engine().told(*pairs)]

    def read(self, source: str) -> NDArray[np.int64]:
        """The symbols of a source."""
        return self.codec.encode(spaced(self.codec.kind, source))

    def learn(self, target: str) -> NDArray[np.int64]:
        """The symbols of a target, without an end."""
        return self.target.encode(spaced(self.target.kind, target))

    def most(self, symbols: int) -> int:
        """How many symbols the target of a source of so many may have."""
        return math.ceil(self.longest * symbols) + MARGIN

    def _translation(self, source: str, read: NDArray[np.int64], output: Output, writing: Writing) -> Translation:
        decoder, ids = self.target.decoder(), output.symbols
        pieces = [decoder.push([symbol]) for symbol in ids]
        tokens = tokens_of(self.codec, source) if writing.replace_unknown else []
        if output.attention is not None and tokens and self.target.unknown is not None:
            unknown = self.target.decode([self.target.unknown])
            for place, symbol in enumerate(ids):
                if symbol == self.target.unknown:
                    seen = tokens[int(output.attention[place].argmax())]
                    pieces[place] = pieces[place].replace(unknown, seen)
        names = (*(self.target.symbols[symbol] for symbol in ids), END)
        return Translation(
            ("".join(pieces) + decoder.flush()).strip(),
            output.score,
            output.log_probability,
            tuple(self.codec.symbols[symbol] for symbol in read),
            names,
            output.attention,
        )

    def check_vocabularies(self, other: PairModel) -> None:
        """Raise `UsageError` where another model has other vocabularies."""
        for side, ours, theirs in (("sources", self.codec, other.codec), ("targets", self.target, other.target)):
            if ours.to_config() != theirs.to_config() or ours.symbols != theirs.symbols:
                raise UsageError(
                    f"Models that write together need one vocabulary of {side}; found {len(ours):,} and "
                    f"{len(theirs):,} symbols. Train them on the same data with the same options, but for the seed."
                )

    # To keep -----------------------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Network, codecs, and how long targets may be."""
        target = None if self.target is self.codec else self.target.to_config()
        return {
            "network": self.shape.to_dict(),
            "codec": self.codec.to_config(),
            "target": target,
            "longest": self.longest,
        }

    def save(self, folder: Path) -> None:
        """Write the vocabularies."""
        self.codec.save(folder)
        if self.target is not self.codec:
            self.target.save(folder, TARGET)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> PairModel:
        """Read what `to_config` and `save` wrote. Raises `BundleError` or `DataError`."""
        codec = TextCodec.load(folder, config["codec"])
        known, longest = config.get("target"), config.get("longest")
        if not isinstance(longest, (int, float)) or not longest > 0:
            raise DataError(f"{folder}: expected how long targets may be, found {longest!r}.")
        target = codec if known is None else TextCodec.load(folder, known, TARGET)
        model = cls(PairShape.from_dict(config["network"]), codec, target, float(longest), dict(tensors))
        model._check(folder)
        return model

    def record(self, sample: tuple[str, str]) -> dict[str, Any]:
        """The first symbols of a pair, and ln p of each of the target's."""
        source, target = self.read(sample[0])[:SAMPLE_SYMBOLS], self.learn(sample[1])[:SAMPLE_SYMBOLS]
        engine = PairEngine(self.shape, self.tensors, backend="reference")
        recorded = {"source": source.tolist(), "target": target.tolist()}
        return {**recorded, "log_probabilities": _told(engine, recorded).tolist()}

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """In ln p."""
        expected = np.array(recorded["log_probabilities"], np.float32)
        return float(np.abs(_told(self.engine(), recorded) - expected).max(initial=0.0))

    def _check(self, folder: Path) -> None:
        """Raise `BundleError` unless network and vocabularies belong together."""
        shared = self.target is self.codec
        found = {
            "symbols of sources": (self.shape.encoder.symbols, len(self.codec) + shared),
            "symbols of targets": (self.shape.decoder.symbols, len(self.target) + 1),
        }
        for name, (network, codec) in found.items():
            if network != codec:
                raise BundleError(f"{folder}: the network has {network} {name}, the vocabulary {codec}.")
        if self.shape.shared != shared:
            raise BundleError(f"{folder}: network and vocabularies differ on whether both sides share one.")


_NOTHING = Output([], 0.0, 0.0, None)


def spaced(units: str, text: str) -> str:
    """A text as it is encoded: before the first piece of BPE stands a space, as before every other word.

    >>> spaced("characters", " ab "), spaced("bpe", "ab")
    ('ab', ' ab')
    """
    return f" {text.strip()}" if units == "bpe" and text.strip() else text.strip()


def tokens_of(codec: TextCodec, text: str) -> list[str]:
    """The symbols of a text as they are written, one for each that is read; empty where they are no words.

    >>> tokens_of(TextCodec.fit("words", ["a b"]), "a  New word")
    ['a', 'New', 'word']
    """
    if codec.kind == "characters":
        return list(text.strip())
    if codec.kind == "words":
        return split_words(text)
    return text.split() if codec.kind == "symbols" else []


def _told(engine: PairEngine, recorded: Mapping[str, Any]) -> Array:
    source, target = (np.array(recorded[side], np.int64) for side in ("source", "target"))
    return engine.told([source], [target])[0].log_probabilities
