"""Small subjects with random weights, for tests of diagnoses."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from elman.nn import Recurrent
from elman.nn.subject import Subject


def cross_entropies(scores: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(scores.movedim(-1, 1), targets, reduction="none")


def subject(
    layers: Recurrent, time: int = 6, batch: int = 2, answers: int = 4, seed: int = 0, **changes: Any
) -> Subject:
    """A subject in float64 with random inputs, readout and targets."""
    drawn = torch.Generator().manual_seed(seed)
    inputs = torch.randn(batch, time, layers.input_size, generator=drawn, dtype=torch.float64)
    readout = torch.nn.Linear(layers.output_size, answers, dtype=torch.float64)
    parts = {
        "recurrent": layers.double(),
        "inputs": inputs,
        "readout": readout,
        "losses": cross_entropies,
        "targets": torch.randint(answers, (batch, time), generator=drawn),
        "counts": torch.ones(batch, time, dtype=torch.bool),
        "labels": [[f"{row}.{step}" for step in range(time)] for row in range(batch)],
        "title": "a small model",
    }
    return Subject(**{**parts, **changes})


def random_layers(cell: str, inputs: int = 2, units: int = 4, layers: int = 1, seed: int = 0) -> Recurrent:
    """Layers whose weights and biases are all away from zero."""
    torch.manual_seed(seed)
    made = Recurrent(cell, inputs, units, layers)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return made


#: Inputs of a shift register are made so small that tanh changes them by less than a part in 10 millions.
SMALL = 1e-4


def shift_register(length: int) -> Recurrent:
    """Units that hold the last ``length`` inputs, times `SMALL`; the unit k the one of k steps ago."""
    layers = Recurrent("rnn", 1, length, bias=False).double()
    with torch.no_grad():
        layers.weight_ih_l0.copy_(SMALL * torch.eye(length)[:, :1])
        layers.weight_hh_l0.copy_(torch.eye(length).roll(1, 0) * (torch.arange(length) > 0)[:, None])
    return layers


def squared_errors(scores: Tensor, targets: Tensor) -> Tensor:
    return (scores[..., 0] - targets).square()
