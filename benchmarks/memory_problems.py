"""Small problems that need memory, each with its rule, its loss and what counts as solved.

Inputs are (batch, time, features). Every problem is drawn anew for each batch from a seeded generator, but for the
digits, which are scikit-learn's.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal, NamedTuple, final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

Split = Literal["train", "check", "test"]

#: Deviation of the noise on digits that train; ink is 1.
NOISE = np.float32(0.15)


class Batch(NamedTuple):
    """Inputs (batch, time, features), targets, and the steps whose outputs count, (batch, time) bool."""

    inputs: Tensor
    targets: Tensor
    counts: Tensor


@dataclass(frozen=True)
class Problem(ABC):
    """A source of sequences.

    Attributes:
        steps: Length that memory has to bridge, for initialisations that ask for one.
        features: Of the input.
        outputs: Of the model.
        unit: Of the score.
        better: Which direction of the score is better.
        solved: Score from which the problem counts as solved.
    """

    features: ClassVar[int]
    outputs: ClassVar[int]
    unit: ClassVar[str] = "share right"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    solved: ClassVar[float]

    steps: int

    @property
    @abstractmethod
    def name(self) -> str:
        """The name in tables."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: int, split: Split = "train") -> Batch:
        """Draw ``size`` sequences."""

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """What training brings down: cross-entropy over the steps that count."""
        return F.cross_entropy(outputs[batch.counts], batch.targets[batch.counts])

    def score(self, run: Callable[[Tensor], Tensor], batch: Batch) -> float:
        """What is reported; ``run`` gives outputs (batch, time, outputs) for inputs."""
        found = run(batch.inputs).argmax(-1) == batch.targets
        return float(found[batch.counts].float().mean())

    def is_solved(self, score: float) -> bool:
        """Whether a score is good enough."""
        return score <= self.solved if self.better == "lower" else score >= self.solved


def _last(size: int, time: int) -> Tensor:
    counts = torch.zeros(size, time, dtype=torch.bool)
    counts[:, -1] = True
    return counts


@final
class Adding(Problem):
    """Numbers from 0 to 1 come by, two of them marked; the answer is their sum (Hochreiter & Schmidhuber 1997).

    One mark lies in each half. Who always answers 1 has a mean squared error of 1/6.
    """

    features, outputs, unit, better, solved = 2, 1, "mean squared error", "lower", 0.01

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return f"adding, {self.steps} steps"

    def draw(self, rng: np.random.Generator, size: int, split: Split = "train") -> Batch:
        """See `Problem.draw`."""
        values, marks = rng.random((size, self.steps)), np.zeros((size, self.steps))
        half = self.steps // 2
        rows = np.arange(size)
        marks[rows, rng.integers(0, half, size)] = 1
        marks[rows, rng.integers(half, self.steps, size)] = 1
        inputs = torch.from_numpy(np.stack([values, marks], -1)).float()
        targets = torch.from_numpy((values * marks).sum(1)).float()[:, None].expand(size, self.steps)
        return Batch(inputs, targets, _last(size, self.steps))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Squared error of the last output."""
        return F.mse_loss(outputs[..., 0][batch.counts], batch.targets[batch.counts])

    def score(self, run: Callable[[Tensor], Tensor], batch: Batch) -> float:
        """See `Problem.score`."""
        return float(self.loss(run(batch.inputs), batch))


@final
class Parity(Problem):
    """After each bit: was the number of ones so far odd? Every bit matters, however long ago it was."""

    features, outputs, solved = 1, 2, 0.99

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return f"parity, {self.steps} bits"

    def draw(self, rng: np.random.Generator, size: int, split: Split = "train") -> Batch:
        """See `Problem.draw`; tests count the last step alone."""
        bits = rng.integers(0, 2, (size, self.steps))
        targets = torch.from_numpy(bits.cumsum(1) % 2)
        counts = _last(size, self.steps) if split != "train" else torch.ones(size, self.steps, dtype=torch.bool)
        return Batch(torch.from_numpy(2.0 * bits - 1).float()[..., None], targets, counts)


@final
class Copy(Problem):
    """Ten symbols out of eight, a wait, then all ten are to be said again in order (Hochreiter & Schmidhuber 1997).

    As in Arjovsky, Shah & Bengio (2016): eight symbols, a blank, and a mark that asks for them. The score is the share
    of the ten that are right; a guess has 1/8.
    """

    features, outputs, solved = 10, 8, 0.99
    length = 10

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return f"copy memory, {self.steps} steps"

    def draw(self, rng: np.random.Generator, size: int, split: Split = "train") -> Batch:
        """See `Problem.draw`."""
        symbols = rng.integers(0, 8, (size, self.length))
        time = self.steps + 2 * self.length
        shown = np.full((size, time), 8)
        shown[:, : self.length] = symbols
        shown[:, self.steps + self.length - 1] = 9
        targets = np.zeros((size, time), np.int64)
        targets[:, -self.length :] = symbols
        counts = torch.zeros(size, time, dtype=torch.bool)
        counts[:, -self.length :] = True
        return Batch(F.one_hot(torch.from_numpy(shown), 10).float(), torch.from_numpy(targets), counts)


#: Reber's grammar: from each state the letters that may come and the state that they lead to; 6 is the end.
REBER = [{"T": 1, "P": 2}, {"S": 1, "X": 3}, {"T": 2, "V": 4}, {"X": 2, "S": 5}, {"P": 3, "V": 5}, {"E": 6}]
LETTERS = "BTPSXVE"


@final
class EmbeddedReber(Problem):
    """Strings of Reber's grammar between two letters that must agree (Fahlman 1991; Hochreiter & Schmidhuber 1997).

    The model says which letters may come next. A string is right if at every step the letters that may come are the
    ones it holds most likely; the last choice needs the second letter of the string, from which at least ``steps``
    letters part it.
    """

    features, outputs, unit, solved = 7, 7, "share of strings right", 0.99

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return f"embedded Reber grammar, {self.steps} letters"

    def string(self, rng: np.random.Generator) -> tuple[str, list[str]]:
        """A string, and for each of its letters but the last those that may come next."""
        while True:
            text, may = self._string(rng)
            if len(text) - 4 >= self.steps:
                return text, may

    @staticmethod
    def _string(rng: np.random.Generator) -> tuple[str, list[str]]:
        outer = "TP"[rng.integers(2)]
        text, may, state = f"B{outer}B", ["TP", "B", "TP"], 0
        while True:
            letter = sorted(REBER[state])[rng.integers(len(REBER[state]))]
            state, text = REBER[state][letter], text + letter
            if state == 6:
                return f"{text}{outer}E", [*may, outer, "E"]
            may.append("".join(REBER[state]))

    def draw(self, rng: np.random.Generator, size: int, split: Split = "train") -> Batch:
        """See `Problem.draw`; targets (batch, time, 7) are what may come, spread evenly."""
        strings = [self.string(rng) for _ in range(size)]
        time = max(len(may) for _, may in strings)
        inputs, targets = torch.zeros(size, time, 7), torch.zeros(size, time, 7)
        counts = torch.zeros(size, time, dtype=torch.bool)
        for row, (text, may) in enumerate(strings):
            for step, allowed in enumerate(may):
                inputs[row, step, LETTERS.index(text[step])] = 1
                targets[row, step, [LETTERS.index(letter) for letter in allowed]] = 1 / len(allowed)
                counts[row, step] = True
        return Batch(inputs, targets, counts)

    def score(self, run: Callable[[Tensor], Tensor], batch: Batch) -> float:
        """See `Problem.score`."""
        allowed = batch.targets > 0
        outputs = run(batch.inputs)
        least = outputs.masked_fill(~allowed, math.inf).amin(-1)
        most = outputs.masked_fill(allowed, -math.inf).amax(-1)
        return float(((least > most) | ~batch.counts).all(1).float().mean())


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    return images[order].astype(np.float32) / 16, labels[order].astype(np.int64)


@final
@dataclass(frozen=True)
class Digits(Problem):
    """scikit-learn's 8x8 digits, pixel by pixel, 64 steps; ``permuted``: in a fixed random order (Le et al. 2015).

    Of the 1,797 images, in a fixed random order, the first 70% train, with noise as they are so few, the next 10% say
    when the problem is solved, and the rest tests.
    """

    features, outputs, unit, solved = 1, 10, "share right", 0.95

    steps: int = 64
    permuted: bool = False

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return "permuted digits" if self.permuted else "sequential digits"

    def draw(self, rng: np.random.Generator, size: int, split: Split = "train") -> Batch:
        """See `Problem.draw`; a check and a test are all their images."""
        images, labels = _digits()
        learnt, checked = len(labels) * 7 // 10, len(labels) * 4 // 5
        order = np.random.default_rng(1).permutation(64) if self.permuted else np.arange(64)
        if split == "train":
            chosen = rng.integers(0, learnt, size)
            pixels = images[chosen] + NOISE * rng.standard_normal((size, 64), np.float32)
        else:
            chosen = np.arange(learnt, checked) if split == "check" else np.arange(checked, len(labels))
            pixels = images[chosen]
        inputs = torch.from_numpy(pixels[:, order])[..., None]
        targets = torch.from_numpy(labels[chosen])[:, None].expand(len(chosen), 64)
        return Batch(inputs, targets, _last(len(chosen), 64))


@final
class Sine(Problem):
    """A sine wave of unknown frequency and phase, seen for ``steps``; the model goes on by itself for as many again.

    It is trained to guess the next value. The score is the mean squared error of 100 continuations, in which it
    reads its own guesses, over that of the mean, 1/2.
    """

    features, outputs, unit, better, solved = 1, 1, "error, 1 is the mean", "lower", 0.05

    @property
    def name(self) -> str:
        """See `Problem.name`."""
        return "sine-wave continuation"

    def draw(self, rng: np.random.Generator, size: int, split: Split = "train") -> Batch:
        """See `Problem.draw`."""
        turns, phase = rng.uniform(0.02, 0.1, (size, 1)), rng.uniform(0, 1, (size, 1))
        wave = np.sin(2 * np.pi * (turns * np.arange(2 * self.steps + 1) + phase))
        waves = torch.from_numpy(wave).float()
        counts = torch.ones(size, 2 * self.steps, dtype=torch.bool)
        return Batch(waves[:, :-1, None], waves[:, 1:], counts)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Squared error of the next value."""
        return F.mse_loss(outputs[..., 0], batch.targets)

    def score(self, run: Callable[[Tensor], Tensor], batch: Batch) -> float:
        """See `Problem.score`."""
        waves = batch.inputs[:100]
        seen = waves[:, : self.steps]
        for _ in range(self.steps):
            seen = torch.cat([seen, run(seen)[:, -1:]], 1)
        return float(F.mse_loss(seen[:, self.steps :], waves[:, self.steps :]) / 0.5)
