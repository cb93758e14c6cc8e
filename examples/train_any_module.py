"""Train any torch module with any loss: a GRU that repeats what it heard three steps ago.

Nothing here but `Trainer` comes from Elman. The sequences are random symbols, so only memory can help:
a network without it guesses one of four symbols and is right a quarter of the time.

    python examples/train_any_module.py
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from elman.settings import TrainingSettings
from elman.training.display import make_display
from elman.training.loop import Result, Trainer
from elman.training.problem import Loss, Score

SYMBOLS, DELAY = 4, 3


class Echo(nn.Module):
    """A recurrent layer and a softmax over the symbols; any module would do."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(SYMBOLS, 32, batch_first=True)
        self.output = nn.Linear(32, SYMBOLS)

    def forward(self, symbols: Tensor) -> Tensor:
        """Logits (batch, time, 4) for symbols (batch, time)."""
        inputs = nn.functional.one_hot(symbols, SYMBOLS).float()
        return self.output(self.recurrent(inputs)[0])


class Sequences:
    """Training data is any object with these two methods; a batch may be anything."""

    def steps_in(self, epoch: int) -> int:
        """Batches in an epoch."""
        return 100

    def batch(self, epoch: int, index: int) -> Tensor:
        """One batch: the same for the same numbers, so that a run can be resumed."""
        generator = torch.Generator().manual_seed(100 * epoch + index)
        return torch.randint(SYMBOLS, (32, 24), generator=generator)


def objective(module: nn.Module, symbols: Tensor, carry: None) -> Loss:
    logits, targets = module(symbols)[:, DELAY:], symbols[:, :-DELAY]
    return Loss(nn.functional.cross_entropy(logits.transpose(1, 2), targets), targets.numel())


def evaluate(module: nn.Module) -> Score:
    symbols = Sequences().batch(epoch=-1, index=0)
    right = module(symbols)[:, DELAY:].argmax(-1) == symbols[:, :-DELAY]
    accuracy = float(right.float().mean())
    return Score(1 - accuracy, {"accuracy": accuracy})


def main() -> Result:
    torch.manual_seed(0)
    settings = TrainingSettings(epochs=4, learning_rate=0.01, threads=1, precision="32")
    return Trainer(settings, events=[make_display()]).fit(Echo(), objective, Sequences(), evaluate)


if __name__ == "__main__":
    print(f"Symbols repeated correctly: {main().figures['accuracy']:.1%}")
