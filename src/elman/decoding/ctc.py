"""CTC without a search: how many frames a transcript needs, greedy decoding, and where each symbol was said."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from elman.errors import DataError


class Segment(NamedTuple):
    """A symbol of a transcript, at frames ``first`` to ``after`` - 1.

    ``log_probability`` is the sum of ln p of the symbol over these frames.
    """

    symbol: int
    first: int
    after: int
    log_probability: float

    @property
    def confidence(self) -> float:
        """The geometric mean of the symbol's probability over its frames, from 0 to 1.

        >>> Segment(3, 5, 7, math.log(0.25)).confidence
        0.5
        """
        return confidence([self])


def confidence(segments: Sequence[Segment]) -> float:
    """The geometric mean of the probabilities over the frames of some symbols, from 0 to 1; 1 without any.

    >>> round(confidence([Segment(3, 0, 1, math.log(0.5)), Segment(1, 4, 7, 0.0)]), 4)
    0.8409
    """
    frames = sum(one.after - one.first for one in segments)
    return math.exp(sum(one.log_probability for one in segments) / max(1, frames))


class Word(NamedTuple):
    """Symbols without a separator between them, from the first frame of the first to the last of the last.

    ``confidence`` is the geometric mean of the probabilities over the frames of its symbols, from 0 to 1.
    """

    symbols: list[int]
    first: int
    after: int
    confidence: float


class Misfit(NamedTuple):
    """Row ``row`` has ``frames`` frames, but its transcript needs ``needed``."""

    row: int
    frames: int
    needed: int


def frames_needed(transcript: Sequence[int]) -> int:
    """The fewest frames from which CTC can give a transcript: its symbols, and a blank between two equal ones.

    Source: Graves et al., "Connectionist temporal classification", ICML 2006, section 3.

    >>> frames_needed([7, 4, 11, 11, 14])
    6
    """
    symbols = np.asarray(transcript)
    return len(symbols) + int(np.count_nonzero(symbols[1:] == symbols[:-1]))


def misfits(transcripts: Iterable[Sequence[int]], frames: Iterable[int]) -> list[Misfit]:
    """Every row whose transcript does not fit its frames, in order: CTC gives it the probability 0.

    Raises `DataError` where there are not as many transcripts as numbers of frames.

    >>> misfits([[1, 2], [1, 1]], [2, 2])
    [Misfit(row=1, frames=2, needed=3)]
    """
    given, numbers = [frames_needed(one) for one in transcripts], list(frames)
    if len(given) != len(numbers):
        raise DataError(
            f"expected a number of frames for each transcript, found {len(given)} transcripts and "
            f"{len(numbers)} numbers."
        )
    pairs = enumerate(zip(numbers, given, strict=True))
    return [Misfit(row, count, needed) for row, (count, needed) in pairs if needed > count]


@final
class GreedyCTC:
    """Greedy decoding, frames as they come: of each frame the likeliest, equal ones in a row once, no blanks.

    a_t = argmax_k p_t(k). The path a is the likeliest one, which need not give the likeliest transcript: that is the
    sum over many paths, for which there is `elman.decoding.ctc_beam.PrefixBeam`. Of equally probable symbols the one
    with the smaller number is taken. The whole is the same for any cuts of the frames.

    Args:
        symbols: Number of symbols; the blank has the number ``symbols``.

    Source: Graves et al. 2006, section 3.2 ("best path decoding").

    >>> greedy = GreedyCTC(symbols=2)
    >>> greedy.push(np.log([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1]])), [found.symbol for found in greedy.partial()]
    ([], [0])
    >>> [(found.symbol, found.first, found.after) for found in greedy.push(np.log([[0.1, 0.1, 0.8]]))]
    [(0, 0, 2)]
    """

    def __init__(self, symbols: int) -> None:
        self.symbols = symbols
        self._frames = 0
        self._open: Segment | None = None

    @property
    def state(self) -> tuple[int, Segment | None]:
        """All that it remembers: how many frames it has read, and the symbol that may still go on."""
        return self._frames, self._open

    @state.setter
    def state(self, value: tuple[int, Segment | None]) -> None:
        self._frames, self._open = value

    def push(self, log_probabilities: ArrayLike) -> list[Segment]:
        """Read frames (time, symbols + 1) of ln p and return the symbols that ended with them.

        Raises `DataError` for another shape or NaN.
        """
        frames = checked_frames(log_probabilities, self.symbols)
        path = frames.argmax(1)
        changes = np.flatnonzero(np.diff(path, prepend=-1))
        done: list[Segment] = []
        for first, after in pairwise([*changes.tolist(), len(path)]):
            symbol, total = int(path[first]), float(frames[first:after, path[first]].sum())
            done += self._read(symbol, after - first, total)
        return done

    def partial(self) -> list[Segment]:
        """The symbol that may still go on, if any."""
        return [] if self._open is None else [self._open]

    def flush(self) -> list[Segment]:
        """End the sequence: return the symbol that went on to its last frame, if any; then begin a new one."""
        last = self.partial()
        self._frames, self._open = 0, None
        return last

    def _read(self, symbol: int, count: int, log_probability: float) -> list[Segment]:
        """Read ``count`` frames of one symbol or of the blank; return the segment that they end, if any."""
        first, before = self._frames, self._open
        self._frames += count
        if before is not None and before.symbol == symbol:
            self._open = Segment(symbol, before.first, self._frames, before.log_probability + log_probability)
            return []
        self._open = None if symbol == self.symbols else Segment(symbol, first, self._frames, log_probability)
        return [] if before is None else [before]


def greedy(log_probabilities: ArrayLike) -> list[Segment]:
    """Greedy decoding of a whole sequence of ln p (time, symbols + 1), the blank last; see `GreedyCTC`.

    >>> [found.symbol for found in greedy(np.log([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.7, 0.2, 0.1]]))]
    [0, 0]
    """
    frames = np.asarray(log_probabilities)
    decoder = GreedyCTC(frames.shape[-1] - 1 if frames.ndim else 0)
    return decoder.push(frames) + decoder.flush()


def align(log_probabilities: ArrayLike, transcript: Sequence[int]) -> list[Segment]:
    r"""Forced alignment: where each symbol of a known transcript was said, on the likeliest path that gives it.

    With the transcript's symbols between blanks, l' = (blank, y_1, blank, ..., y_n, blank), the likeliest path to
    place s at frame t has

    .. math::
        v_t(s) = \ln p_t(l'_s) + \max\{v_{t-1}(s), v_{t-1}(s - 1), v_{t-1}(s - 2)\}

    where the last is allowed only from a symbol to another symbol that differs. Of equal ones the place that is further
    on wins.

    Args:
        log_probabilities: ln p of every symbol and, last, of the blank, (time, symbols + 1).
        transcript: Symbols, 0 to symbols - 1.

    Returns:
        A segment for each symbol of the transcript.

    Raises:
        DataError: A shape or a symbol does not fit, a number is NaN, the transcript needs more frames, or every path
            that gives it has the probability 0.

    Source: Graves et al. 2006; Kürzinger et al., "CTC-segmentation of large corpora", SPECOM 2020.

    >>> p = [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1]]
    >>> [(found.symbol, found.first, found.after) for found in align(np.log(p), [0, 1])]
    [(0, 0, 2), (1, 3, 4)]
    """
    values = np.asarray(log_probabilities)
    blank = values.shape[-1] - 1 if values.ndim == 2 else 0
    frames, target = checked_frames(values, blank), np.asarray(transcript, np.int64)
    if target.size and not 0 <= target.min() <= target.max() < blank:
        raise DataError(
            f"expected symbols from 0 to {blank - 1} in a transcript, found {sorted(set(target.tolist()))}."
        )
    if misfits([transcript], [len(frames)]):
        raise DataError(
            f"the transcript needs {frames_needed(transcript)} frames, found {len(frames)}. "
            "Leave it out, or give more frames."
        )
    if not len(target):
        return []
    places = _best_places(frames, target, blank)
    return [_segment(frames, places, number, int(symbol)) for number, symbol in enumerate(target)]


def words(segments: Iterable[Segment], separator: int) -> list[Word]:
    """The words of a transcript with their times: what `greedy` or `align` found, between separators.

    >>> words([Segment(4, 0, 1, 0.0), Segment(1, 2, 4, 0.0), Segment(9, 4, 5, 0.0), Segment(3, 6, 7, 0.0)], separator=9)
    [Word(symbols=[4, 1], first=0, after=4, confidence=1.0), Word(symbols=[3], first=6, after=7, confidence=1.0)]
    """
    found = []
    for is_separator, group in groupby(segments, key=lambda one: one.symbol == separator):
        if not is_separator:
            inside = list(group)
            symbols = [one.symbol for one in inside]
            found.append(Word(symbols, inside[0].first, inside[-1].after, confidence(inside)))
    return found


def _best_places(frames: NDArray[np.float64], target: NDArray[np.int64], blank: int) -> NDArray[np.int64]:
    """For each frame its place s in l' on the likeliest path."""
    extended = np.full(2 * len(target) + 1, blank)
    extended[1::2] = target
    may_skip = np.zeros(len(extended), bool)
    may_skip[3::2] = target[1:] != target[:-1]
    back = np.zeros((len(frames), len(extended)), np.int8)
    best = np.full(len(extended), -np.inf)
    best[:2] = frames[0, extended[:2]]
    ways = np.full((3, len(extended)), -np.inf)
    for t in range(1, len(frames)):
        ways[0], ways[1, 1:] = best, best[:-1]
        ways[2, 2:] = np.where(may_skip[2:], best[:-2], -np.inf)
        back[t] = ways.argmax(0)
        best = ways.max(0) + frames[t, extended]
    # A path ends in the last symbol or in the blank after it.
    place = len(extended) - 1 - int(best[-2] > best[-1])
    if best[place] == -np.inf:
        raise DataError("every path that gives the transcript has the probability 0. Does it belong to these frames?")
    places = np.empty(len(frames), np.int64)
    for t in reversed(range(len(frames))):
        places[t] = place
        place -= int(back[t, place])
    return places


def _segment(frames: NDArray[np.float64], places: NDArray[np.int64], number: int, symbol: int) -> Segment:
    """The frames of the transcript's symbol ``number``; places never go back."""
    first, after = np.searchsorted(places, [2 * number + 1, 2 * number + 2])
    return Segment(symbol, int(first), int(after), float(frames[first:after, symbol].sum()))


def checked_frames(log_probabilities: ArrayLike, symbols: int) -> NDArray[np.float64]:
    """Frames (time, symbols + 1) as float64; raises `DataError` for another shape or NaN."""
    frames = np.asarray(log_probabilities, np.float64)
    if symbols < 1 or frames.ndim != 2 or frames.shape[1] != symbols + 1:
        wanted = f"{symbols + 1})" if symbols > 0 else "symbols + 1) of at least one symbol"
        raise DataError(f"expected log-probabilities (time, {wanted}, the blank last, found the shape {frames.shape}.")
    if np.isnan(frames).any():
        raise DataError("expected log-probabilities, found NaN. The weights may be damaged.")
    return frames
