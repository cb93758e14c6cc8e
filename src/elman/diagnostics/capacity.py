"""Memory capacity: what a linear readout can recover of the input k steps ago."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.diagnostics.trajectory import Trajectory
from elman.errors import SettingsError
from elman.nn.subject import Subject
from elman.plots import windows as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Directions of the inputs that are recovered where they have more features.
DIRECTIONS = 8

#: Sequences that are drawn: half of them fit the readout, a quarter chooses its ridge, the last quarter is the test.
_ROWS = 16

#: Steps that fit the readout, for each number in the state, and at least.
_STEPS_PER_NUMBER, _LEAST_STEPS = 3, 1000

#: Ridges that are tried, relative to the largest eigenvalue.
_RIDGES = (1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2)

#: Numbers of the state whose standard deviation is below this part of the largest do not move.
_STILL = 1e-9


@final
@dataclass(frozen=True)
class Capacity:
    """How much of the input k steps ago is in the state, for a linear readout.

    Attributes:
        recovered: (delays,), the share of the variance of the input k steps ago, from k = 0, the present one.
        size: Numbers in the state, which bound the capacity.
        title: Of the model.
    """

    recovered: NDArray[np.float64]
    size: int
    title: str

    @property
    def total(self) -> float:
        """The sum over all delays: how many inputs there is room for."""
        return float(self.recovered.sum())

    @property
    def half(self) -> int:
        """How many of the latest inputs can be recovered by half at least."""
        return int((np.append(self.recovered, 0) < 0.5).argmax())

    def plot(self) -> Figure:
        """The share that is recovered against the delay."""
        return plot_capacities([self])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "title": self.title,
            "recovered": self.recovered.tolist(),
            "memory_capacity": self.total,
            "inputs_recovered_by_half": self.half,
            "numbers_in_the_state": self.size,
        }

    def __str__(self) -> str:
        many = self.half > 1
        latest = f"at least half of each of the latest {self.half}" if many else "less than half of those before"
        return (
            f"{self.title}: a linear readout of the {self.size} numbers of the state recovers "
            f"{100 * self.recovered[0]:.0f}% of the present input and {latest}. "
            f"The memory capacity is {self.total:.1f} inputs."
        )


def capacity(subject: Subject, *, longest: int = 100, seed: int = 0) -> Capacity:
    r"""What a linear readout of the state recovers of the input k steps ago.

    The layers read inputs that are drawn independently from those of the subject, so that nothing can be guessed from
    the inputs since. The memory function is the squared correlation of readout and input,

    .. math:: m(k) = 1 - \frac{\sum_t \|x_{t-k} - W_k s_t - b_k\|^2}{\sum_t \|x_{t-k} - \bar x\|^2}

    on steps that fitted neither the readout W nor its ridge; what is below 0 counts as 0. Its sum over all k is the
    memory capacity, which is at most the size of the state where inputs are independent numbers (Jaeger, "Short term
    memory in echo state networks", GMD report 152, 2001). A shift register has that of its length.

    Args:
        subject: The model and its inputs; of more than eight features eight random directions are recovered.
        longest: The longest delay.
        seed: Of the draws.

    Raises:
        SettingsError: ``longest`` is below 0, or all inputs are equal.
    """
    if longest < 0:
        raise SettingsError(f"longest must be a number of steps from 0 on, not {longest}.")
    trajectory = Trajectory(subject)
    rng = torch.Generator().manual_seed(seed)
    size = int(trajectory.reached.sum())
    steps = math.ceil(max(_LEAST_STEPS, _STEPS_PER_NUMBER * size) / (_ROWS // 2))
    inputs = trajectory.inputs.flatten(0, 1)
    inputs = inputs[torch.randint(len(inputs), (_ROWS, longest + steps), generator=rng)]
    with torch.no_grad():
        states = trajectory.joined(trajectory.layers(inputs, all_states=True)[2])[:, longest:, trajectory.reached]
    seen = _directions(inputs, rng)
    wanted = torch.stack([seen[:, longest - delay : longest - delay + steps] for delay in range(longest + 1)], 2)
    parts = [_ROWS // 2, _ROWS // 4, _ROWS // 4]
    found = _recovered(
        [part.flatten(0, 1) for part in torch.split(states, parts)],
        [part.flatten(0, 1) for part in torch.split(wanted, parts)],
    )
    return Capacity(found.clamp_min(0).numpy(), size, subject.title)


def plot_capacities(capacities: Sequence[Capacity]) -> Figure:
    """Several models side by side: the share of each past input that a linear readout recovers."""
    return pictures.recovered(
        [(f"{found.title}: {found.total:.1f} inputs", found.recovered.tolist()) for found in capacities]
    )


def _directions(inputs: Tensor, rng: torch.Generator) -> Tensor:
    """What is to be recovered, (rows, time, directions)."""
    moving = inputs.flatten(0, 1).std(0) > 0
    if not moving.any():
        raise SettingsError("All inputs of the subject are equal, so there is nothing to recover: take others.")
    inputs = inputs[..., moving]
    if inputs.shape[-1] <= DIRECTIONS:
        return inputs
    drawn = torch.randn(inputs.shape[-1], DIRECTIONS, generator=rng, dtype=torch.float64)
    directions: Tensor = torch.linalg.qr(drawn)[0]
    return inputs @ directions


def _recovered(states: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Share of the variance of ``wanted`` (steps, delays, directions) that ridge regression finds in a test: (delays,).

    Both arguments are the steps that fit the readout, those that choose its ridge, and those of the test.
    """
    mean, deviation = states[0].mean(0), states[0].std(0)
    moving = deviation > _STILL * deviation.max()
    if not moving.any():
        return torch.zeros(wanted[0].shape[1], dtype=torch.float64)
    fit, choose, test = ((part - mean)[:, moving] / deviation[moving] for part in states)
    middle = wanted[0].mean(0)
    values, vectors = torch.linalg.eigh(fit.T @ fit)
    product = vectors.T @ (fit.T @ (wanted[0] - middle).flatten(1))
    best = torch.full((wanted[0].shape[1],), -math.inf, dtype=torch.float64)
    found = best.clone()
    for ridge in _RIDGES:
        weights = vectors @ (product / (values.clamp_min(0) + ridge * values.max())[:, None])
        score = _explained(choose @ weights, wanted[1] - middle)
        better = score > best
        best = torch.where(better, score, best)
        found = torch.where(better, _explained(test @ weights, wanted[2] - middle), found)
    return found


def _explained(guess: Tensor, wanted: Tensor) -> Tensor:
    """One minus the squared error over the variance, of (steps, delays, directions) for each delay."""
    errors = (wanted - guess.view_as(wanted)).square().sum((0, 2))
    explained: Tensor = 1 - errors / (wanted - wanted.mean(0)).square().sum((0, 2))
    return explained
