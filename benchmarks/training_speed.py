"""Symbols per second of our training loop beside the same model written plainly in torch with nn.LSTM."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.harness import Data, Figure, interleaved

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


def measure(data: Data) -> Sequence[Figure]:
    """Twenty steps a turn in float32, turns interleaved; state carried, AdamW, clipping, on both sides."""
    figures = []
    for streams, window, units, layers, vocabulary in SHAPES:
        ids = np.random.default_rng(0).integers(0, vocabulary, streams * window * 21 + 1)
        times = interleaved(
            {"ours": _ours(ids, streams, window, units, layers, vocabulary),
             "plain": _plain(ids, streams, window, units, layers, vocabulary)},
            rounds=9,
        )  # fmt: skip
        symbols = streams * window * 20
        name = f"{layers} x {units} units, {streams} streams of {window}, {vocabulary:,} symbols"
        figures.append(
            Figure(f"speed against plain torch, {name}", times["plain"] / times["ours"], "times", "higher", 1.0,
                   f"nn.LSTM, {symbols / times['plain']:,.0f} symbols/s")
        )  # fmt: skip
        figures.append(Figure(f"symbols per second, {name}", symbols / times["ours"], "1/s", "higher"))
    return figures


def _ours(ids: np.ndarray, streams: int, window: int, units: int, layers: int, vocabulary: int) -> Callable[[], object]:
    from elman.data.streams import TextStreams
    from elman.runtime.engine import NetworkShape
    from elman.settings import TrainingSettings
    from elman.tasks.language_model_training import Objective, build
    from elman.training.loop import Trainer

    network = build(NetworkShape(vocabulary, "lstm", units, (units,) * layers))
    batches = TextStreams([ids], streams, window, seed=0)
    settings = TrainingSettings(steps=20, threads=torch.get_num_threads(), precision="32")
    return lambda: Trainer(settings).fit(network, Objective(0.0, 0.0), batches)


def _plain(
    ids: np.ndarray, streams: int, window: int, units: int, layers: int, vocabulary: int
) -> Callable[[], object]:
    model = PlainModel(vocabulary, units, layers)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    rows = torch.from_numpy(ids[: streams * (window * 20 + 1)]).view(streams, -1)

    def run() -> None:
        state = None
        for start in range(0, 20 * window, window):
            inputs, targets = rows[:, start : start + window], rows[:, start + 1 : start + window + 1]
            logits, state = model(inputs, state)
            state = (state[0].detach(), state[1].detach())
            loss = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

    return run
