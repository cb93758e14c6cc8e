"""Windows of channels of which parts are hidden, for networks that learn to rebuild them, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from elman.codecs.channels import ChannelCodec
from elman.codecs.panel import Floats
from elman.codecs.sequence import Steps
from elman.data.batch import SequenceBatch
from elman.data.labelled import make_batch

#: Chance that a channel is hidden in a whole window, and else in some stretches of it.
HIDDEN_WHOLE, HIDDEN_PARTS = 0.15, 0.4

#: Stretches that are hidden of a channel, at most; and steps of the shortest.
MOST_STRETCHES, SHORTEST = 3, 3

#: Batches of an epoch.
BATCHES = 100

#: Windows of a batch where nothing is learnt.
SCORED_WINDOWS = 16


@final
@dataclass(frozen=True)
class ChannelBatch:
    """Windows of channels, for each of the two networks of `elman.nn.channels.ChannelNetworks`.

    Targets are differences from what the codec gives beside the frames, (B, T, channels), NaN where nothing is asked.
    """

    rebuilding: SequenceBatch
    expecting: SequenceBatch | None

    def to(self, device: torch.device | str) -> ChannelBatch:
        """Return the batch with every part on ``device``."""
        return ChannelBatch(self.rebuilding.to(device), None if self.expecting is None else self.expecting.to(device))


@final
class HiddenWindows:
    """Training batches of windows with hidden parts, as a function of ``(epoch, index)``.

    An epoch is `BATCHES` batches of windows from anywhere. What is hidden is drawn anew for each; a window in which
    nothing was hidden teaches nothing but what comes next.

    Args:
        codec: Makes frames of channels.
        values: Scaled channels (time, channels), NaN where nothing was measured.
        steps: Of the rows, (time,).
        window: Steps of a window.
        batch_size: Windows of a batch.
        longest: Steps of the longest stretch that is hidden.
        expecting: Whether batches are for a network, too, that says what comes next.
        seed: Of all that is drawn.
    """

    def __init__(
        self,
        codec: ChannelCodec,
        values: Floats,
        steps: NDArray[np.int64],
        *,
        window: int,
        batch_size: int,
        longest: int,
        expecting: bool,
        seed: int,
    ) -> None:
        self._codec, self._values, self._steps = codec, values, steps
        self._window, self._batch_size = min(window, len(values)), batch_size
        self._longest, self._expecting, self._seed = longest, expecting, seed

    def steps_in(self, epoch: int) -> int:
        """The number of batches of an epoch."""
        return BATCHES

    def batch(self, epoch: int, index: int) -> ChannelBatch:
        """A batch of an epoch."""
        rng = np.random.default_rng([self._seed, epoch, index])
        begins = rng.integers(0, len(self._values) - self._window + 1, self._batch_size)
        return self._batch([int(begin) for begin in begins], rng)

    def held_out(self) -> Iterator[ChannelBatch]:
        """All windows, one after the other, with the same hidden parts at every call."""
        begins = list(range(0, len(self._values) - self._window + 1, self._window))
        for number in range(0, len(begins), SCORED_WINDOWS):
            yield self._batch(begins[number : number + SCORED_WINDOWS], np.random.default_rng([self._seed, number]))

    def _batch(self, begins: list[int], rng: np.random.Generator) -> ChannelBatch:
        rebuilding: tuple[list[Steps], list[Floats]] = [], []
        expecting: tuple[list[Steps], list[Floats]] = [], []
        for begin in begins:
            rows = slice(begin, begin + self._window)
            values, steps = self._values[rows], self._steps[rows]
            hidden = hidden_parts(values.shape, self._longest, rng)
            frames, lines = self._codec.to_rebuild(np.where(hidden, np.nan, values), steps)
            rebuilding[0].append(frames)
            rebuilding[1].append(np.where(hidden, values - lines, np.nan))
            if self._expecting:
                frames, held = self._codec.to_expect(values, steps)
                coming = np.concatenate([values[1:], np.full_like(values[:1], np.nan)])
                expecting[0].append(frames)
                expecting[1].append((coming - held) / self._codec.change)
        return ChannelBatch(make_batch(*rebuilding), make_batch(*expecting) if self._expecting else None)


def hidden_parts(shape: tuple[int, ...], longest: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which of (time, channels) are hidden: some channels wholly, of some a few stretches, most of them short."""
    time, channels = shape
    hidden = np.zeros((time, channels), bool)
    for channel in range(channels):
        chance = rng.random()
        if chance < HIDDEN_WHOLE:
            hidden[:, channel] = True
        elif chance < HIDDEN_WHOLE + HIDDEN_PARTS:
            for _ in range(rng.integers(1, MOST_STRETCHES + 1)):
                length = int(np.exp(rng.uniform(np.log(SHORTEST), np.log(max(longest, SHORTEST) + 1))))
                begin = int(rng.integers(0, time))
                hidden[begin : begin + length, channel] = True
    return hidden
