"""Sound of one rate brought to another, chunk by chunk (soxr)."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from elman.errors import DataError

Samples = NDArray[np.float32]

#: Seconds of sound after which a resampler gives what one would that has heard all of it; soxr's filters are shorter.
_MEMORY = 0.5

_NOTHING: Samples = np.zeros(0, np.float32)


@final
class Resampler:
    """Gives sound at ``rate`` samples a second, whatever rate it comes in; whatever the cuts, as of the whole.

    It is a value: a copy goes on by itself. soxr's own state cannot be copied, so that a copy first hears again what
    its filters still hear.

    Args:
        rate: Samples a second that come out.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.source: int | None = None
        self.recent = _NOTHING  # the end of what came in
        self.dropped = 0  # samples before that
        self.given = 0  # samples that came out
        self._soxr: Any = None
        self._ahead, self._behind = _NOTHING, 0  # what a copy has too early, or must not give again

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_soxr": None, "_ahead": _NOTHING, "_behind": 0}

    def push(self, samples: Samples, source: int) -> Samples:
        """What comes out now of ``samples`` at ``source`` a second. Raises `DataError` where the rate changes."""
        if self.source is None:
            self.source = source
        if source != self.source:
            raise DataError(f"one recording has one rate: it began with {self.source} Hz, now {source} Hz.")
        if source == self.rate:
            return samples
        found = self._running().resample_chunk(samples)
        period = source // math.gcd(source, self.rate)
        self.recent = np.concatenate([self.recent, samples])
        passed = max(0, len(self.recent) - round(_MEMORY * source)) // period * period
        self.recent, self.dropped = self.recent[passed:], self.dropped + passed
        return self._give(found)

    def flush(self) -> Samples:
        """What is still to come out: the sound has ended."""
        if self.source in (None, self.rate):
            return _NOTHING
        return self._give(self._running().resample_chunk(_NOTHING, last=True))

    def _running(self) -> Any:
        import soxr

        if self._soxr is None:
            assert self.source is not None
            self._soxr = soxr.ResampleStream(self.source, self.rate, 1, dtype="float32")
            again = self._soxr.resample_chunk(self.recent)
            # What was dropped is whole periods, so this is a whole number.
            known = self.given - self.dropped * self.rate // self.source
            self._ahead, self._behind = again[known:], max(0, known - len(again))
        return self._soxr

    def _give(self, found: Samples) -> Samples:
        found = np.concatenate([self._ahead, found])
        again = min(self._behind, len(found))
        self._ahead, self._behind = _NOTHING, self._behind - again
        self.given += len(found) - again
        return found[again:]
