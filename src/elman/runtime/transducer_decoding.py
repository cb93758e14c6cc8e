"""Decoders of a transducer's frames as they come, for transcripts; see `elman.runtime.transcripts.Decoder`."""

from __future__ import annotations

from typing import final

import numpy as np

from elman.decoding.ctc import Segment
from elman.decoding.prefix import Transcript
from elman.decoding.transducer import transducer_align
from elman.decoding.transducer_beam import GreedyTransducer, TransducerBeam
from elman.runtime.backends import Array
from elman.runtime.transcripts import Arrays, Decoder, Decoding
from elman.runtime.transducer import TransducerEngine


@final
class GreedyTransducerDecoder(Decoder):
    """Greedy decoding of a transducer, see `elman.decoding.transducer_beam.GreedyTransducer`; what it has heard stays.

    The time of a symbol is the frame at which it was said.
    """

    def __init__(self, transducer: TransducerEngine) -> None:
        self._greedy = GreedyTransducer(transducer)
        self._segments: list[Segment] = []
        self._frames = 0

    def push(self, frames: Array) -> None:
        """See `Decoder.push`."""
        self._segments += self._greedy.push(frames)
        self._frames += len(frames)

    def partial(self) -> tuple[list[int], int]:
        """See `Decoder.partial`."""
        return [each.symbol for each in self._segments], len(self._segments)

    def flush(self) -> tuple[list[Segment], list[Transcript]]:
        """See `Decoder.flush`."""
        return self._segments, []

    def held(self) -> Arrays:
        """See `Decoder.held`."""
        rows = np.array([tuple(each) for each in self._segments], np.float64).reshape(-1, 4)
        return {"segments": rows, "frames": np.array([self._frames], np.int64)}

    def take(self, arrays: Arrays) -> None:
        """See `Decoder.take`."""
        rows = arrays["segments"].tolist()
        self._segments = [Segment(int(symbol), int(first), int(after), p) for symbol, first, after, p in rows]
        (self._frames,) = arrays["frames"].tolist()
        self._greedy.resume([each.symbol for each in self._segments], self._frames)


@final
class TransducerBeamDecoder(Decoder):
    """Beam search of a transducer, see `elman.decoding.transducer_beam.TransducerBeam`, and an alignment for the times.

    It keeps the frames until the sequence ends.
    """

    def __init__(self, transducer: TransducerEngine, decoding: Decoding) -> None:
        self._transducer = transducer
        self._search = TransducerBeam(transducer, beam=decoding.beam, scorer=decoding.scorer)
        self._frames = [np.zeros((0, transducer.shape.encoder.outputs), np.float32)]
        self._alternatives = decoding.alternatives

    def push(self, frames: Array) -> None:
        """See `Decoder.push`."""
        self._search.push(frames)
        self._frames.append(frames)

    def partial(self) -> tuple[list[int], int]:
        """See `Decoder.partial`: what all hypotheses agree on stays."""
        best = self._search.partial(1)
        return (best[0].symbols if best else []), len(self._search.agreed())

    def flush(self) -> tuple[list[Segment], list[Transcript]]:
        """See `Decoder.flush`; no symbols where the scorer forbids all hypotheses."""
        found = self._search.flush(self._alternatives)
        return (aligned(self._transducer, np.concatenate(self._frames), found[0].symbols) if found else []), found

    def held(self) -> Arrays:
        """See `Decoder.held`."""
        return {"frames": np.concatenate(self._frames)}

    def take(self, arrays: Arrays) -> None:
        """See `Decoder.take`."""
        self.push(arrays["frames"])


def aligned(transducer: TransducerEngine, frames: Array, symbols: list[int]) -> list[Segment]:
    """At which of the frames (time, joint) each symbol was said, see `elman.decoding.transducer_align`."""
    return transducer_align(transducer.lattice(frames, symbols), symbols) if symbols else []
