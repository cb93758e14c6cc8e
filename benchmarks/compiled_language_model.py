"""The character language model trained through the compiled engine and through torch's kernels: speed, and the loss."""

from __future__ import annotations

import gzip
import statistics
import time
from collections.abc import Sequence

import torch

from benchmarks.harness import Data, Figure
from elman.codecs import TextCodec
from elman.data.streams import TextStreams
from elman.runtime.engine import NetworkShape
from elman.settings import TrainingSettings
from elman.tasks.language_model_training import Objective, build
from elman.training import Callback, Progress, Trainer

#: Cell, units, layers.
NETWORKS = [("lstm", 256, 1), ("lstm", 128, 2), ("gru", 256, 1)]

STREAMS, WINDOW, STEPS, TURNS = 32, 64, 150, 5


class Watch(Callback):
    """Notes the time and the loss of every step."""

    def on_start(self, progress: Progress) -> None:
        """Begin a new run."""
        self.ticks: list[float] = []
        self.losses: list[float] = []

    def on_step(self, progress: Progress) -> None:
        """Take both."""
        self.ticks.append(time.perf_counter())
        self.losses.append(progress.loss)


def measure(data: Data) -> Sequence[Figure]:
    """Runs of 150 steps from the same weights over the same text in float32, the backends in turns."""
    text = gzip.decompress(data.path("tinyshakespeare/input.txt.gz").read_bytes()).decode()
    codec = TextCodec.fit("characters", [text])
    batches = TextStreams([codec.encode(text)], STREAMS, WINDOW, seed=0)
    steps, turns = (4, 1) if data.quick else (STEPS, TURNS)
    figures = []
    for cell, units, layers in NETWORKS:
        shape = NetworkShape(len(codec), cell, units, (units,) * layers)
        torch.manual_seed(0)
        weights = {name: value.numpy().copy() for name, value in build(shape).state_dict().items()}
        seconds: dict[str, list[float]] = {"torch": [], "compiled": []}
        losses: dict[str, list[float]] = {}
        for _ in range(turns):
            for backend, times in seconds.items():
                settings = TrainingSettings(steps=steps, threads=torch.get_num_threads(), precision="32")
                watch = Watch()
                network = build(shape, weights, backend=backend)
                Trainer(settings, events=[watch]).fit(network, Objective(0.0, 0.0), batches)
                times.append(watch.ticks[-1] - watch.ticks[0])
                losses[backend] = watch.losses
        symbols = STREAMS * WINDOW * (steps - 1)
        rates = {backend: symbols / statistics.median(times) for backend, times in seconds.items()}
        name = f"{cell}, {layers} x {units}"
        beside = f"torch's kernels, {rates['torch']:,.0f} characters/s"
        ratio = rates["compiled"] / rates["torch"]
        figures.append(Figure(f"training speed, {name}", ratio, "times", "higher", 1.0, beside))
        last = {backend: statistics.mean(values[-10:]) for backend, values in losses.items()}
        beside = f"torch's kernels, {last['torch']:.4f}"
        difference = abs(last["compiled"] - last["torch"])
        figures.append(Figure(f"loss after {steps} steps, {name}", last["compiled"], "nats", "lower", None, beside))
        figures.append(Figure(f"difference of the losses, {name}", difference, "nats", "lower", 0.01))
    return figures
