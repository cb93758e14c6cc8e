"""`TranscriptModel`: what was learnt of sequences with transcripts, ready to transcribe others; without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from elman.codecs.raw import Raw
from elman.codecs.registry import load_codec
from elman.codecs.sequence import SequenceCodec, Steps
from elman.codecs.text import TextCodec
from elman.codecs.vocabulary import read_file
from elman.decoding.ctc import align
from elman.errors import BundleError
from elman.runtime.backends import Array, StreamPrecision
from elman.runtime.labels import LabelEngine
from elman.runtime.model import Model
from elman.runtime.transcript_stream import TranscriptStream
from elman.runtime.transcripts import (
    GREEDY,
    BeamDecoder,
    Decoder,
    Decoding,
    GreedyDecoder,
    Transcription,
    time_of_frame,
    transcription,
)
from elman.runtime.transducer import TransducerEngine
from elman.runtime.transducer_decoding import GreedyTransducerDecoder, TransducerBeamDecoder, aligned
from elman.shapes import LabelShape, TransducerShape
from elman.shapes.transducer import HEAD as TRANSDUCER

#: Steps, and numbers in them, of the recorded sample: enough that every gate has its say, few enough for each load.
SAMPLE_STEPS, SAMPLE_NUMBERS = 16, 50_000

#: Symbols that the prediction network of a transducer reads for it.
SAMPLE_SYMBOLS = 3

#: The file of the transcripts that a model learnt from, one a line.
LEARNT = "transcripts.txt"

#: Sequences that are encoded at once.
AT_ONCE = 256

#: A network with the head ``ctc``, or a transducer.
Engine: TypeAlias = LabelEngine | TransducerEngine


@final
@dataclass(frozen=True)
class TranscriptModel(Model):
    """Raw sequence -> codec -> network -> frames -> decoder -> text.

    Attributes:
        shape: What the network is made of.
        codec: Raw sequences to steps.
        text: Transcripts to symbols and back.
        tensors: The weights.
        learnt: The transcripts that it learnt from, for an n-gram of them; maybe none.
        fusion: Weight and bonus with which that n-gram transcribed held-out sequences best; None where none were.
    """

    called = "model that transcribes"

    shape: LabelShape | TransducerShape
    codec: SequenceCodec
    text: TextCodec
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    learnt: tuple[str, ...] = field(default=(), repr=False)
    fusion: tuple[float, float] | None = None
    _engines: dict[tuple[str, str], Engine] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies: all but the engines, which are made again where they are needed."""
        return {**self.__dict__, "_engines": {}}

    def engine(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> Engine:
        """The network, ready to run; the same object for all who ask for the same."""
        if (backend, precision) not in self._engines:
            self._engines[backend, precision] = self._engine(backend, precision)
        return self._engines[backend, precision]

    def _engine(self, backend: str, precision: StreamPrecision = "float32") -> Engine:
        if isinstance(self.shape, TransducerShape):
            return TransducerEngine(self.shape, self.tensors, backend=backend, precision=precision)
        return LabelEngine(self.shape, self.tensors, backend=backend, precision=precision)

    def decoder(self, decoding: Decoding = GREEDY, engine: Engine | None = None) -> Decoder:
        """What makes a transcript of the frames of one sequence, which ``engine`` gives."""
        engine = self.engine() if engine is None else engine
        searches = decoding.beam > 1
        if isinstance(engine, TransducerEngine):
            return TransducerBeamDecoder(engine, decoding) if searches else GreedyTransducerDecoder(engine)
        return BeamDecoder(len(self.text), decoding) if searches else GreedyDecoder(len(self.text))

    @property
    def reader(self) -> LabelShape:
        """The shape of what makes frames of steps."""
        return self.shape.encoder if isinstance(self.shape, TransducerShape) else self.shape

    @property
    def frame_time(self) -> float:
        """How long a frame is: in seconds, or in steps of the input where nothing tells how long one takes."""
        return time_of_frame(self.reader.stride, self.codec.step_seconds)

    def frames(self, inputs: Sequence[Raw]) -> Iterator[Array]:
        """What the network gives for each sequence, (frames, outputs).

        Of CTC it is ln p of every symbol and the blank, of a transducer the encoder's features.

        Raises `DataError` for a sequence that the codec cannot read.
        """
        for begin in range(0, len(inputs), AT_ONCE):
            steps = [self.codec.encode(raw) for raw in inputs[begin : begin + AT_ONCE]]
            yield from _frames(self.engine()).scores(steps)

    def transcribe(self, inputs: Sequence[Raw], decoding: Decoding = GREEDY) -> Iterator[Transcription]:
        """The transcript of each sequence."""
        for frames in self.frames(inputs):
            yield self.decoded(frames, decoding)

    def decoded(self, frames: Array, decoding: Decoding = GREEDY) -> Transcription:
        """The transcript of what the network gives for one sequence."""
        decoder = self.decoder(decoding)
        decoder.push(frames)
        return transcription(*decoder.flush(), self.text, self.frame_time)

    def aligned(self, raw: Raw, transcript: str) -> Transcription:
        """When each word of a known transcript was said: forced alignment, see `elman.decoding.align`.

        Raises `DataError` where the sequence has too few frames for the transcript.
        """
        (frames,) = self.frames([raw])
        engine, symbols = self.engine(), self.text.encode(transcript).tolist()
        segments = aligned(engine, frames, symbols) if isinstance(engine, TransducerEngine) else align(frames, symbols)
        return transcription(segments, [], self.text, self.frame_time)

    def stream(
        self, decoding: Decoding = GREEDY, *, backend: str = "auto", precision: StreamPrecision = "float32"
    ) -> TranscriptStream:
        """A new live session; the options are those of `elman.runtime.labels.LabelEngine`."""
        engine = self.engine(backend=backend, precision=precision)
        return TranscriptStream(
            _frames(engine), self.codec, self.text, lambda: self.decoder(decoding, engine), self.frame_time
        )

    # To keep -----------------------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Network, codec, and what transcripts are made of."""
        config = {
            "network": self.shape.to_dict(),
            "codec": self.codec.to_config(),
            "transcripts": self.text.to_config(),
        }
        return config if self.fusion is None else {**config, "fusion": list(self.fusion)}

    def save(self, folder: Path) -> None:
        """Write the files of the codec and of the transcripts' vocabulary."""
        self.codec.save(folder)
        self.text.save(folder)
        if self.learnt:
            (folder / LEARNT).write_text("".join(f"{' '.join(each.split())}\n" for each in self.learnt), "utf-8")

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> TranscriptModel:
        """Read what `to_config` and `save` wrote. Raises `BundleError` or `DataError`."""
        model = cls(
            _shape(config["network"]),
            load_codec(folder, config["codec"]),
            TextCodec.load(folder, config.get("transcripts", {})),
            dict(tensors),
            tuple(read_file(folder / LEARNT).splitlines()) if (folder / LEARNT).exists() else (),
            _fusion(folder, config.get("fusion")),
        )
        model._check(folder)
        return model

    def record(self, sample: Raw) -> dict[str, Any]:
        """The first steps of a sequence, and what the network gives for them; see `_scores`."""
        steps = self.codec.encode(sample)
        few = min(SAMPLE_STEPS, max(1, SAMPLE_NUMBERS // max(1, int(np.prod(steps.values.shape[1:])))))
        steps = Steps(steps.values[:few], None if steps.elapsed is None else steps.elapsed[:few])
        recorded: dict[str, Any] = {"steps": steps.values.tolist()}
        if steps.elapsed is not None:
            recorded["elapsed"] = steps.elapsed.tolist()
        return {**recorded, "scores": self._scores(self._engine("reference"), recorded).tolist()}

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """In ln p."""
        expected = np.array(recorded["scores"], np.float32)
        return float(np.abs(self._scores(self.engine(), recorded) - expected).max(initial=0.0))

    def _scores(self, engine: Engine, recorded: Mapping[str, Any]) -> Array:
        """The frames, or of a transducer ln p at them after no symbol, the first, the first two, ..."""
        values = np.array(recorded["steps"], np.float32)
        elapsed = np.array(recorded["elapsed"], np.float32) if "elapsed" in recorded else None
        (frames,) = _frames(engine).scores([Steps(values, elapsed)])
        if isinstance(engine, TransducerEngine):
            return engine.lattice(frames, range(min(SAMPLE_SYMBOLS, len(self.text))))
        return frames

    def _check(self, folder: Path) -> None:
        """Raise `BundleError` unless network, codec and transcripts belong together."""
        found = {
            "numbers in a frame": (self.reader.frame, self.codec.frame),
            "symbols": (_symbols(self.shape), len(self.text)),
        }
        for name, (network, other) in found.items():
            if network != other:
                raise BundleError(f"{folder}: the network has {network} {name}, codec and transcripts have {other}.")


def _frames(engine: Engine) -> LabelEngine:
    """What makes the frames that a decoder reads."""
    return engine.encoder if isinstance(engine, TransducerEngine) else engine


def _symbols(shape: LabelShape | TransducerShape) -> int:
    """How many a network knows, the blank not counted."""
    return shape.symbols if isinstance(shape, TransducerShape) else shape.outputs - 1


def _fusion(folder: Path, given: Any) -> tuple[float, float] | None:
    """Weight and bonus as a configuration has them. Raises `BundleError`."""
    if given is None:
        return None
    try:
        weight, bonus = map(float, given)
    except (TypeError, ValueError):
        raise BundleError(f"{folder}/config.json: 'fusion' must be a weight and a bonus, found {given}.") from None
    return weight, bonus


def _shape(values: Mapping[str, Any]) -> LabelShape | TransducerShape:
    """The network that a configuration describes. Raises `BundleError`."""
    return TransducerShape.from_dict(values) if values.get("head") == TRANSDUCER else LabelShape.from_dict(values)
