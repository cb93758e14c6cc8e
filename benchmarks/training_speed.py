"""Symbols per second of our training loop beside the same model written plainly in torch with nn.LSTM."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from benchmarks.harness import Data, Figure
from elman.data.streams import TextStreams
from elman.runtime.engine import NetworkShape
from elman.settings import TrainingSettings
from elman.tasks.language_model_training import Objective, build
from elman.training import Callback, Progress, Trainer

Ids = NDArray[np.int64]

STEPS, ROUNDS = 40, 9

#: Streams, window, units, layers, symbols.
SHAPES = [(32, 64, 256, 1, 65), (32, 64, 128, 2, 65), (20, 35, 200, 2, 10_000)]


class PlainModel(nn.Module):
    """What one would write by hand."""

    def __init__(self, vocabulary: int, units: int, layers: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, units)
        self.lstm = nn.LSTM(units, units, layers, batch_first=True)
        self.softmax = nn.Linear(units, vocabulary)

    def forward(
        self, ids: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """Logits and the state after the window."""
        features, state = self.lstm(self.embedding(ids), state)
        return self.softmax(features), state


class Clock(Callback):
    """Notes when each step was over."""

    def on_start(self, progress: Progress) -> None:
        """Begin a new run."""
        self.ticks: list[float] = []

    def on_step(self, progress: Progress) -> None:
        """Take the time."""
        self.ticks.append(time.perf_counter())


def measure(data: Data) -> Sequence[Figure]:
    """Forty steps a turn in float32, turns interleaved; state carried, AdamW, clipping, on both sides.

    A turn is timed from the end of its first step to the end of its last, so neither side pays for its set-up.
    """
    figures = []
    for streams, window, units, layers, vocabulary in SHAPES:
        ids = np.random.default_rng(0).integers(0, vocabulary, streams * (window * 10 * STEPS + 1))
        ours, plain = (
            Ours(ids, streams, window, units, layers, vocabulary),
            Plain(ids, streams, window, units, layers, vocabulary),
        )
        times: dict[str, list[float]] = {"ours": [], "plain": []}
        for turn in range(ROUNDS + 1):
            for name, run in (("ours", ours), ("plain", plain)):
                ticks = run.ticks()
                if turn:  # the first one warms up
                    times[name].append(ticks[-1] - ticks[0])
        seconds = {name: statistics.median(values) for name, values in times.items()}
        symbols = streams * window * (STEPS - 1)
        name = f"{layers} x {units} units, {streams} streams of {window}, {vocabulary:,} symbols"
        beside = f"nn.LSTM, {symbols / seconds['plain']:,.0f} symbols/s"
        ratio = seconds["plain"] / seconds["ours"]
        figures.append(Figure(f"speed against plain torch, {name}", ratio, "times", "higher", 1.0, beside))
        figures.append(Figure(f"symbols per second, {name}", symbols / seconds["ours"], "1/s", "higher"))
    return figures


class Ours:
    """The language model of this package, in its own training loop."""

    def __init__(self, ids: Ids, streams: int, window: int, units: int, layers: int, vocabulary: int) -> None:
        self.network = build(NetworkShape(vocabulary, "lstm", units, (units,) * layers))
        self.batches = TextStreams([ids], streams, window, seed=0)
        self.settings = TrainingSettings(steps=STEPS, threads=torch.get_num_threads(), precision="32")

    def ticks(self) -> list[float]:
        """Times at which the steps of a run were over."""
        clock = Clock()
        Trainer(self.settings, events=[clock]).fit(self.network, Objective(0.0, 0.0), self.batches)
        return clock.ticks


class Plain:
    """The same written by hand."""

    def __init__(self, ids: Ids, streams: int, window: int, units: int, layers: int, vocabulary: int) -> None:
        self.model = PlainModel(vocabulary, units, layers)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), fused=True)
        self.rows = torch.from_numpy(ids).view(streams, -1)
        self.window = window

    def ticks(self) -> list[float]:
        """Times at which the steps of a run were over."""
        state, ticks = None, []
        for start in range(0, STEPS * self.window, self.window):
            stop = start + self.window
            logits, state = self.model(self.rows[:, start:stop], state)
            state = (state[0].detach(), state[1].detach())
            loss = functional.cross_entropy(logits.flatten(0, 1), self.rows[:, start + 1 : stop + 1].flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            ticks.append(time.perf_counter())
        return ticks
