"""`TranscriptModel`: what was learnt of sequences with transcripts, ready to transcribe others; without torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np

from elman.codecs.raw import Raw
from elman.codecs.registry import load_codec
from elman.codecs.sequence import SequenceCodec, Steps
from elman.codecs.text import TextCodec
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
from elman.shapes import LabelShape

#: Steps, and numbers in them, of the recorded sample: enough that every gate has its say, few enough for each load.
SAMPLE_STEPS, SAMPLE_NUMBERS = 16, 50_000

#: Sequences that are encoded at once.
AT_ONCE = 256


@final
@dataclass(frozen=True)
class TranscriptModel(Model):
    """Raw sequence -> codec -> network -> frames -> decoder -> text.

    Attributes:
        shape: What the network is made of.
        codec: Raw sequences to steps.
        text: Transcripts to symbols and back.
        tensors: The weights.
    """

    called = "model that transcribes"

    shape: LabelShape
    codec: SequenceCodec
    text: TextCodec
    tensors: dict[str, Array] = field(default_factory=dict, repr=False)
    _engines: dict[tuple[str, str], LabelEngine] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies: all but the engines, which are made again where they are needed."""
        return {**self.__dict__, "_engines": {}}

    def engine(self, *, backend: str = "auto", precision: StreamPrecision = "float32") -> LabelEngine:
        """The network, ready to give frames; the same object for all who ask for the same."""
        if (backend, precision) not in self._engines:
            engine = LabelEngine(self.shape, self.tensors, backend=backend, precision=precision)
            self._engines[backend, precision] = engine
        return self._engines[backend, precision]

    def decoder(self, decoding: Decoding = GREEDY) -> Decoder:
        """What makes a transcript of the frames of one sequence."""
        symbols = len(self.text)
        return BeamDecoder(symbols, decoding) if decoding.beam > 1 else GreedyDecoder(symbols)

    @property
    def frame_time(self) -> float:
        """How long a frame is: in seconds, or in steps of the input where nothing tells how long one takes."""
        return time_of_frame(self.shape.stride, self.codec.step_seconds)

    def frames(self, inputs: Sequence[Raw]) -> Iterator[Array]:
        """What the network gives for each sequence, (frames, outputs): of CTC ln p of every symbol and the blank.

        Raises `DataError` for a sequence that the codec cannot read.
        """
        for begin in range(0, len(inputs), AT_ONCE):
            steps = [self.codec.encode(raw) for raw in inputs[begin : begin + AT_ONCE]]
            yield from self.engine().scores(steps)

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
        segments = align(frames, self.text.encode(transcript).tolist())
        return transcription(segments, [], self.text, self.frame_time)

    def stream(
        self, decoding: Decoding = GREEDY, *, backend: str = "auto", precision: StreamPrecision = "float32"
    ) -> TranscriptStream:
        """A new live session; the options are those of `elman.runtime.labels.LabelEngine`."""
        engine = self.engine(backend=backend, precision=precision)
        return TranscriptStream(engine, self.codec, self.text, lambda: self.decoder(decoding), self.frame_time)

    # To keep -----------------------------------------------------------------------------------------------

    def to_config(self) -> dict[str, Any]:
        """Network, codec, and what transcripts are made of."""
        return {
            "network": self.shape.to_dict(),
            "codec": self.codec.to_config(),
            "transcripts": self.text.to_config(),
        }

    def save(self, folder: Path) -> None:
        """Write the files of the codec and of the transcripts' vocabulary."""
        self.codec.save(folder)
        self.text.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Array]) -> TranscriptModel:
        """Read what `to_config` and `save` wrote. Raises `BundleError` or `DataError`."""
        model = cls(
            LabelShape.from_dict(config["network"]),
            load_codec(folder, config["codec"]),
            TextCodec.load(folder, config.get("transcripts", {})),
            dict(tensors),
        )
        model._check(folder)
        return model

    def record(self, sample: Raw) -> dict[str, Any]:
        """The first steps of a sequence, and what the network gives for them."""
        steps = self.codec.encode(sample)
        few = min(SAMPLE_STEPS, max(1, SAMPLE_NUMBERS // max(1, int(np.prod(steps.values.shape[1:])))))
        steps = Steps(steps.values[:few], None if steps.elapsed is None else steps.elapsed[:few])
        recorded: dict[str, Any] = {"steps": steps.values.tolist()}
        if steps.elapsed is not None:
            recorded["elapsed"] = steps.elapsed.tolist()
        engine = LabelEngine(self.shape, self.tensors, backend="reference")
        return {**recorded, "scores": self._scores(engine, recorded).tolist()}

    def difference(self, recorded: Mapping[str, Any]) -> float:
        """In ln p."""
        expected = np.array(recorded["scores"], np.float32)
        return float(np.abs(self._scores(self.engine(), recorded) - expected).max(initial=0.0))

    def _scores(self, engine: LabelEngine, recorded: Mapping[str, Any]) -> Array:
        values = np.array(recorded["steps"], np.float32)
        elapsed = np.array(recorded["elapsed"], np.float32) if "elapsed" in recorded else None
        return engine.scores([Steps(values, elapsed)])[0]

    def _check(self, folder: Path) -> None:
        """Raise `BundleError` unless network, codec and transcripts belong together."""
        found = {
            "numbers in a frame": (self.shape.frame, self.codec.frame),
            "outputs": (self.shape.outputs, len(self.text) + 1),
        }
        for name, (network, other) in found.items():
            if network != other:
                raise BundleError(f"{folder}: the network has {network} {name}, codec and transcripts have {other}.")
