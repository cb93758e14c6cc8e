"""From the frames that a network gives to a transcript: decoders that take them as they come, and words with times."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, final

import numpy as np
from numpy.typing import NDArray

from elman.codecs.text import TextCodec
from elman.decoding.ctc import GreedyCTC, Segment, align, confidence
from elman.decoding.ctc_beam import PrefixBeam
from elman.decoding.prefix import Transcript
from elman.decoding.scorers import Scorer
from elman.errors import SettingsError
from elman.runtime.backends import Array

Arrays = dict[str, NDArray[Any]]


class TimedWord(NamedTuple):
    """A word of a transcript.

    Attributes:
        text: Without white space.
        start: When its first symbol begins: seconds, or steps of the input where nothing tells how long one takes.
        end: When its last symbol ends.
        confidence: Geometric mean of the probabilities of its symbols, from 0 to 1.
    """

    text: str
    start: float
    end: float
    confidence: float


class Transcription(NamedTuple):
    """What was heard, or read, in one sequence.

    Attributes:
        text: The likeliest transcript that was found.
        confidence: Geometric mean of the probabilities of its symbols, from 0 to 1; 1 without any.
        words: With their times.
        alternatives: Of a beam search all that were asked for, the best one first, with what the search maximises:
            ln p, and what a language model adds. Greedy decoding knows none.
    """

    text: str
    confidence: float
    words: tuple[TimedWord, ...]
    alternatives: tuple[tuple[str, float], ...] = ()


class Partial(NamedTuple):
    """What was heard so far.

    Attributes:
        text: The likeliest transcript if the sequence goes on.
        settled: How many of its characters nothing that follows can change.
    """

    text: str
    settled: int


@final
@dataclass(frozen=True)
class Decoding:
    """How a transcript is looked for.

    Attributes:
        beam: Hypotheses of a beam search; 1 decodes greedily.
        scorer: What a beam search knows of the language, see `elman.decoding.scorers`.
        alternatives: Transcripts that a beam search gives.

    Raises `SettingsError` for a scorer, or alternatives, without a beam.
    """

    beam: int = 1
    scorer: Scorer | None = None
    alternatives: int = 1

    def __post_init__(self) -> None:
        if self.beam == 1 and (self.scorer is not None or self.alternatives > 1):
            raise SettingsError("A language model, a word list and alternatives need a beam search: give a beam of 32.")


#: The likeliest symbol of every frame.
GREEDY = Decoding()


class Decoder(ABC):
    """Decodes the frames of one sequence as they come: the result is the same for any cuts of them."""

    @abstractmethod
    def push(self, frames: Array) -> None:
        """Read further frames."""

    @abstractmethod
    def partial(self) -> tuple[list[int], int]:
        """The likeliest symbols so far, and how many of them nothing can change any more."""

    @abstractmethod
    def flush(self) -> tuple[list[Segment], list[Transcript]]:
        """End the sequence: its symbols with their frames, and the best transcripts where several are known."""

    @abstractmethod
    def held(self) -> Arrays:
        """What `take` of a fresh decoder needs to go on from here."""

    @abstractmethod
    def take(self, arrays: Arrays) -> None:
        """Go on from what `held` gave."""


@final
class GreedyDecoder(Decoder):
    """Greedy decoding of CTC, see `elman.decoding.ctc.GreedyCTC`; what it has heard stays."""

    def __init__(self, symbols: int) -> None:
        self._greedy = GreedyCTC(symbols)
        self._segments: list[Segment] = []

    def push(self, frames: Array) -> None:
        """See `Decoder.push`."""
        self._segments += self._greedy.push(frames)

    def partial(self) -> tuple[list[int], int]:
        """See `Decoder.partial`: a symbol that has begun is sure to stay."""
        symbols = [each.symbol for each in self._segments + self._greedy.partial()]
        return symbols, len(symbols)

    def flush(self) -> tuple[list[Segment], list[Transcript]]:
        """See `Decoder.flush`."""
        return self._segments + self._greedy.flush(), []

    def held(self) -> Arrays:
        """See `Decoder.held`."""
        frames, last = self._greedy.state
        rows = [tuple(each) for each in self._segments + ([] if last is None else [last])]
        return {
            "segments": np.array(rows, np.float64).reshape(-1, 4),
            "position": np.array([frames, last is not None], np.int64),
        }

    def take(self, arrays: Arrays) -> None:
        """See `Decoder.take`."""
        rows = [Segment(int(s), int(first), int(after), p) for s, first, after, p in arrays["segments"].tolist()]
        frames, has_open = arrays["position"].tolist()
        self._greedy.state = (frames, rows.pop() if has_open else None)
        self._segments = rows


@final
class BeamDecoder(Decoder):
    """Prefix beam search of CTC, see `elman.decoding.ctc_beam.PrefixBeam`, and then a forced alignment for the times.

    It keeps the frames until the sequence ends.
    """

    def __init__(self, symbols: int, decoding: Decoding) -> None:
        self._search = PrefixBeam(symbols, beam=decoding.beam, scorer=decoding.scorer)
        self._frames = [np.zeros((0, symbols + 1), np.float32)]
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
        frames = np.concatenate(self._frames)
        return (align(frames, found[0].symbols) if found else []), found

    def held(self) -> Arrays:
        """See `Decoder.held`."""
        return {"frames": np.concatenate(self._frames)}

    def take(self, arrays: Arrays) -> None:
        """See `Decoder.take`."""
        self.push(arrays["frames"])


def transcription(
    segments: Sequence[Segment], found: Sequence[Transcript], text: TextCodec, frame: float
) -> Transcription:
    """What a `Decoder` gave, as text: ``frame`` is the time of one frame, in the unit of the words' times."""
    pieces = _spelled(segments, text)
    words: list[TimedWord] = []
    inside: list[Segment] = []
    spelling = ""
    for letter, owners in [*pieces, (" ", [])]:
        if not letter.isspace():
            spelling, inside = spelling + letter, [*inside, *(one for one in owners if one not in inside)]
        elif spelling:
            start, end = inside[0].first * frame, inside[-1].after * frame
            words.append(TimedWord(spelling, start, end, confidence(inside)))
            spelling, inside = "", []
    return Transcription(
        "".join(letter for letter, _ in pieces).strip(),
        confidence(segments),
        tuple(words),
        tuple((text.decode(each.symbols).strip(), each.score) for each in found),
    )


def _spelled(segments: Sequence[Segment], text: TextCodec) -> list[tuple[str, list[Segment]]]:
    """Every character of the text, with the segments that it is made of."""
    decoder = text.decoder()
    found: list[tuple[str, list[Segment]]] = []
    waiting: list[Segment] = []  # bytes of a character that is not complete
    for segment in segments:
        waiting.append(segment)
        piece = decoder.push([segment.symbol])
        found += [(letter, waiting) for letter in piece]
        waiting = [] if piece else waiting
    return found + [(letter, waiting) for letter in decoder.flush()]


def time_of_frame(stride: int, step_seconds: float | None) -> float:
    """How long a frame of a network is that keeps every ``stride``-th step: in seconds, or in steps.

    >>> time_of_frame(4, 0.01), time_of_frame(4, None)
    (0.04, 4.0)
    """
    return stride * (1.0 if step_seconds is None else step_seconds)
