"""`CaptionModel`: what was learnt of pictures with captions, ready to describe another one; without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.pictures import PicturesCodec
from elman.codecs.raw import Raw
from elman.codecs.text import TextCodec
from elman.decoding.beam import Output
from elman.errors import BundleError, DataError
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.captions import OWN, CaptionEngine, describe
from elman.runtime.label_parts import Encoder
from elman.runtime.model import Model
from elman.runtime.pair_model import END, GREEDY, TARGET, Writing, spaced
from elman.shapes import CaptionShape

#: Numbers of a picture, and symbols of a caption, in the recorded sample.
SAMPLE_NUMBERS, SAMPLE_SYMBOLS = 2_000, 12

#: Pictures that are read together.
AT_ONCE = 256


class Caption(NamedTuple):
    """What was written for a picture.

    Attributes:
        text: The caption.
        score: What the search maximised: ln p with its penalties; that of the best one is the largest.
        log_probability: ln p of all symbols and the end, in nats.
        symbols: The symbols that were written, and the end.
        attention: Where each was looked for, (symbols, regions); the regions of a picture go row by row.
    """

    text: str
    score: float
    log_probability: float
    symbols: tuple[str, ...]
    attention: NDArray[Any]


@final
@dataclass(frozen=True)
class CaptionModel(Model):
    """Picture -> regions -> decoder -> symbols -> text.

    Attributes:
        shape: What the network is made of.
        codec: Pictures to what the network reads.
        target: Symbols of captions to text.
        longest: Symbols that a caption may have.
        tensors: The weights.
        encoder: What a module of the user's own makes of pictures, see `elman.runtime.captions.RegionEngine`; no folder
            holds it, as it is a program.
    """

    called = "model that captions"

    shape: CaptionShape
    codec: PicturesCodec
    target: TextCodec
    longest: int = 40
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    encoder: Encoder | None = field(default=None, repr=False, compare=False)
    _engines: dict[tuple[str, str], CaptionEngine] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies: all but the engines, which are made again where they are needed."""
        return {**self.__dict__, "_engines": {}}

    @property
    def own_encoder(self) -> str:
        """How the names of an own encoder's weights begin among the tensors; empty for a network without one."""
        return OWN if self.shape.encoder.own else ""

    def engine(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> CaptionEngine:
        """The network, ready to write; the same object for all who ask for the same."""
        if (backend, precision) not in self._engines:
            engine = CaptionEngine(self.shape, self.tensors, backend=backend, precision=precision, own=self.encoder)
            self._engines[backend, precision] = engine
        return self._engines[backend, precision]

    def describe(self, inputs: Sequence[Raw], writing: Writing = GREEDY) -> Iterator[list[Caption]]:
        """The best captions of each picture, the best one first.

        Raises:
            DataError: A picture cannot be read.
            SettingsError: ``writing`` asks for more captions than the beam has.
        """
        for begin in range(0, len(inputs), AT_ONCE):
            pictures = [self.codec.encode(raw) for raw in inputs[begin : begin + AT_ONCE]]
            outputs = describe(
                [self.engine()], pictures, self.longest, beam=writing.beam, count=writing.count,
                penalties=writing.penalties,
            )  # fmt: skip
            for several in outputs:
                yield [self._caption(each) for each in several]

    def log_probabilities(self, inputs: Sequence[Raw], texts: Sequence[str]) -> NDArray[np.float64]:
        """Ln p of each text as the caption of each picture, (pictures, texts), in nats."""
        symbols = [self.learn(text) for text in texts]
        found = np.empty((len(inputs), len(texts)))
        for row, raw in enumerate(inputs):
            told = self.engine().told([self.codec.encode(raw)] * len(symbols), symbols)
            found[row] = [float(each.log_probabilities.sum()) for each in told]
        return found

    def learn(self, text: str) -> NDArray[np.int64]:
        """The symbols of a caption, without an end."""
        return self.target.encode(spaced(self.target.kind, text))

    def _caption(self, output: Output) -> Caption:
        names = (*(self.target.symbols[symbol] for symbol in output.symbols), END)
        attention = np.zeros((len(names), 0)) if output.attention is None else output.attention
        text = self.target.decode(output.symbols).strip()
        return Caption(text, output.score, output.log_probability, names, attention)

    # To keep -----------------------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Network, codecs, and how long captions may be."""
        return {
            "network": self.shape.to_dict(),
            "codec": self.codec.to_config(),
            "target": self.target.to_config(),
            "longest": self.longest,
        }

    def save(self, folder: Path) -> None:
        """Write the vocabulary."""
        self.target.save(folder, TARGET)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> CaptionModel:
        """Read what `to_config` and `save` wrote. Raises `BundleError` or `DataError`."""
        longest = config.get("longest")
        if not isinstance(longest, int) or longest < 1:
            raise DataError(f"{folder}: expected how long captions may be, found {longest!r}.")
        target = TextCodec.load(folder, config.get("target") or {}, TARGET)
        codec = PicturesCodec.from_config(config["codec"])
        model = cls(CaptionShape.from_dict(config["network"]), codec, target, longest, dict(tensors))
        if model.shape.decoder.symbols != len(target) + 1 or model.shape.encoder.frame != codec.frame:
            raise BundleError(f"{folder}: network, pictures and vocabulary do not belong together.")
        return model

    def record(self, sample: tuple[Raw, str]) -> dict[str, Any]:
        """What is read of a picture, rounded, and ln p of each symbol of its caption."""
        picture = np.round(self.codec.encode(sample[0]), 2)
        if self.codec.size is None:
            picture = picture[: max(1, SAMPLE_NUMBERS // picture.shape[1])]
        recorded = {"picture": picture.tolist(), "target": self.learn(sample[1])[:SAMPLE_SYMBOLS].tolist()}
        engine = CaptionEngine(self.shape, self.tensors, backend="reference", own=self.encoder)
        return {**recorded, "log_probabilities": _told(engine, recorded).tolist()}

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """In ln p; 0 where the encoder that they need is not there yet."""
        if self.own_encoder and self.encoder is None:
            return 0.0
        expected = np.array(recorded["log_probabilities"], np.float32)
        return float(np.abs(_told(self.engine(), recorded) - expected).max(initial=0.0))


def _told(engine: CaptionEngine, recorded: Mapping[str, Any]) -> Array:
    picture = np.array(recorded["picture"], np.float32)
    return engine.told([picture], [np.array(recorded["target"], np.int64)])[0].log_probabilities
