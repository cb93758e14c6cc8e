"""What a diagnosis looks at: recurrent layers, sequences that they read, and what their outputs are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from elman.errors import DataError
from elman.nn.call import State
from elman.nn.recurrent import Recurrent


@final
@dataclass(frozen=True)
class Subject:
    """A model and sequences to look at it with, whatever its task.

    Every task makes one of its own models and data; for a layer of your own it is made by hand.

    Attributes:
        recurrent: The recurrent layers, one direction.
        inputs: What they read, (batch, time, features): for a language model the embedded symbols.
        readout: Outputs of the layers (..., features) to scores (..., answers).
        losses: Scores (..., answers) and targets (...) to the loss of each, (...).
        targets: The right answer after every step, (batch, time).
        counts: The steps whose answer counts, (batch, time) bool.
        labels: What each input is called where it is drawn, (batch, time) strings.
        answers: What each answer is called; empty where answers are numbers.
        title: Of the model, for headings.
    """

    recurrent: Recurrent
    inputs: Tensor
    readout: Callable[[Tensor], Tensor]
    losses: Callable[[Tensor, Tensor], Tensor]
    targets: Tensor
    counts: Tensor
    labels: Sequence[Sequence[str]]
    answers: Sequence[str] = ()
    title: str = "model"

    def __post_init__(self) -> None:
        shape = tuple(self.inputs.shape[:2])
        found = {"targets": tuple(self.targets.shape[:2]), "counts": tuple(self.counts.shape)}
        found["labels"] = (len(self.labels), len(self.labels[0]) if self.labels else 0)
        for name, size in found.items():
            if size != shape:
                raise DataError(f"A subject's {name} must be (batch, time), {shape} as its inputs, found {size}.")
        if self.recurrent.bidirectional:
            raise DataError("A subject's layers must run in one direction: memory of the future is no memory.")

    @property
    def batch(self) -> int:
        """Sequences."""
        return self.inputs.shape[0]

    @property
    def time(self) -> int:
        """Steps of each."""
        return self.inputs.shape[1]

    def run(
        self, inputs: Tensor | None = None, state: Mapping[str, Tensor] | None = None
    ) -> tuple[Tensor, State, State]:
        """Outputs (batch, time, features), the state after the last step, and every state at every step.

        The layers run as in use, without dropout; gradients flow.
        """
        was_training = self.recurrent.training
        self.recurrent.eval()
        try:
            outputs, final, states = self.recurrent(self.inputs if inputs is None else inputs, state, all_states=True)
        finally:
            self.recurrent.train(was_training)
        return outputs, final, states

    def loss_of(self, outputs: Tensor) -> Tensor:
        """The loss after every step, (batch, time), zero where it does not count."""
        return torch.where(self.counts, self.losses(self.readout(outputs), self.targets), 0.0)

    def mean_loss(self, outputs: Tensor) -> Tensor:
        """The mean over the steps that count."""
        return self.loss_of(outputs).sum() / self.counts.sum().clamp_min(1)
