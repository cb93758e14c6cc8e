"""One live session with a model that transcribes: a sequence comes chunk by chunk, and so does its transcript."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import final

from elman.codecs.raw import Raw, joined
from elman.codecs.sequence import SequenceCodec, SequenceEncoder
from elman.codecs.text import TextCodec
from elman.runtime.labels import LabelEngine
from elman.runtime.plain_values import apart, attributes, set_attributes, together
from elman.runtime.session import Arrays, Session
from elman.runtime.transcripts import Decoder, Partial, Transcription, transcription


@final
class TranscriptStream(Session):
    """A live session with a model that transcribes: `push` a sequence in any cuts, `flush` at its end.

    Weights are shared with every other stream of the same model; the state belongs to this one. The transcript in the
    end is that of the whole sequence, however it was cut. A model that reads in one direction tells after every chunk
    what it has heard so far: nothing is held back but what its codec needs (`lookahead`). One that needs the whole
    sequence (`lookahead` None; `explain` says why) keeps what comes and answers at `flush`.

    Args:
        engine: The network.
        codec: Raw sequences to steps.
        text: Symbols to text.
        decoder: Makes a decoder for the frames of one sequence.
        frame_time: How long a frame is, in the unit of the words' times.
    """

    format = {"format": "elman-transcript-stream", "version": "1"}  # noqa: RUF012 - never changed
    own = ("encoder.", "kept.", "decoder.")

    _encoder: SequenceEncoder
    _decoder: Decoder
    _kept: list[Raw]

    def __init__(
        self,
        engine: LabelEngine,
        codec: SequenceCodec,
        text: TextCodec,
        decoder: Callable[[], Decoder],
        frame_time: float,
    ) -> None:
        self.engine = engine
        self._codec, self._text, self._new_decoder, self._frame_time = codec, text, decoder, frame_time
        self.reset()

    @property
    def lookahead(self) -> int | None:
        """Raw units that are held back before they count, as the codec has them; None where all are."""
        return None if self.engine.shape.whole else self._codec.lookahead

    def explain(self) -> str:
        """What runs, and whether it answers on the way."""
        why = self.engine.shape.whole
        when = f"It answers at the end of a sequence, as {why}." if why else "It answers after every chunk."
        return f"{self.engine.explain()} {when}"

    def push(self, chunk: Raw) -> Partial | None:
        """Read a piece of the sequence; return the transcript so far, None where the model needs the whole."""
        if self.engine.shape.whole:
            self._kept.append(chunk)
            return None
        frames, self._state = self.engine.read(self._encoder.push(chunk), self._state)
        assert frames is not None  # nothing is pooled
        self._decoder.push(frames)
        return self.so_far()

    def so_far(self) -> Partial:
        """The transcript so far, empty where the model needs the whole sequence."""
        symbols, settled = self._decoder.partial()
        decoder = self._text.decoder()
        sure = decoder.push(symbols[:settled])
        text = (sure + decoder.push(symbols[settled:])).lstrip()
        return Partial(text, len(sure.lstrip()))

    def flush(self) -> Transcription:
        """Read what was still held back: the sequence has ended. `reset` begins the next one."""
        if self.engine.shape.whole:
            steps = self._codec.encode(joined(self._kept)) if self._kept else self._codec.encoder().flush()
            self._decoder.push(self.engine.scores([steps])[0])
        else:
            last = self._encoder.flush()
            frames, self._state = self.engine.read(last, self._state)
            assert frames is not None  # nothing is pooled
            # A sequence without a step is read as one step of zeros.
            self._decoder.push(frames if self._state["steps"].any() else self.engine.scores([last])[0])
        return transcription(*self._decoder.flush(), self._text, self._frame_time)

    # What is remembered ------------------------------------------------------------------------------------

    def _initial_state(self) -> Arrays:
        return {} if self.engine.shape.whole else self.engine.initial_state()

    def _begin(self) -> None:
        self._encoder = self._codec.encoder()
        self._decoder = self._new_decoder()
        self._kept = []

    def _held(self) -> tuple[Arrays, dict[str, str]]:
        arrays: Arrays = {f"decoder.{name}": value for name, value in self._decoder.held().items()}
        plain = {"encoder": attributes(self._encoder, "encoder", arrays), "kept": apart(self._kept, "kept", arrays)}
        return arrays, {"held": json.dumps(plain)}

    def _take(self, arrays: Arrays, texts: Mapping[str, str]) -> None:
        plain = json.loads(texts["held"])
        set_attributes(self._encoder, plain["encoder"], arrays)
        self._kept = together(plain["kept"], arrays)
        decoder = {
            name.removeprefix("decoder."): value for name, value in arrays.items() if name.startswith("decoder.")
        }
        self._decoder.take(decoder)
