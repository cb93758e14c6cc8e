"""What in the inputs an output stems from: integrated gradients, and occlusion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor

from elman.diagnostics import words
from elman.diagnostics.properties import is_series
from elman.errors import UsageError
from elman.nn.call import State
from elman.nn.subject import Subject
from elman.plots import units as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The latest inputs that are looked at where nothing else is said; earlier ones stay as they are.
SPAN = 200

#: Points of the quadrature to begin with; twice as many are taken until the parts add up to within this share.
FEWEST_POINTS, COMPLETE = 64, 0.01

#: Sequences that run at once.
_TOGETHER = 64


@final
@dataclass(frozen=True)
class Attribution:
    """What each input did for one output.

    Attributes:
        title: Of the model.
        labels: The inputs that were looked at, up to the step of the output.
        answer: What the output says: the logarithm of the probability of an answer, or a number.
        output: It, with the inputs as they are.
        baseline: It, where all these inputs are the mean input.
        gradients: Integrated gradients, one number per input; their sum is output - baseline.
        occlusion: By how much the output falls where this input alone is the mean input.
        step: Of the output; the last of the inputs is at the same step.
        error: Completeness: the sum of the integrated gradients minus (output - baseline).
        series: The first feature of the inputs where they are a series, else None.
    """

    title: str
    labels: tuple[str, ...]
    answer: str
    output: float
    baseline: float
    gradients: tuple[float, ...]
    occlusion: tuple[float, ...]
    step: int
    error: float
    series: tuple[float, ...] | None

    def __str__(self) -> str:
        order = sorted(range(len(self.labels)), key=lambda place: -abs(self.gradients[place]))[:3]
        told = ", ".join(f"'{self.labels[i]}' {self._ago(i)} {self.gradients[i]:+.2f}" for i in order)
        return (
            f"{self.title}: {self.answer} is {self.output:.3f}, and {self.baseline:.3f} with mean inputs. "
            f"Most comes from {told}. {self._completeness()}"
        )

    def _completeness(self) -> str:
        difference = abs(self.output - self.baseline)
        if abs(self.error) <= COMPLETE * difference:
            return f"The parts add up to the difference within {abs(self.error):.1g}."
        return (
            f"The integrated gradients add up to {sum(self.gradients):+.2f} instead of "
            f"{self.output - self.baseline:+.2f}: look at fewer inputs, with a smaller span, or trust the occlusion."
        )

    def _ago(self, place: int) -> str:
        distance = len(self.labels) - 1 - place
        return f"{words.steps(distance)} ago" if distance else "just now"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "labels": list(self.labels),
            "answer": self.answer,
            "step": self.step,
            "output": self.output,
            "baseline": self.baseline,
            "integrated_gradients": words.plain_list(self.gradients),
            "occlusion": words.plain_list(self.occlusion),
            "completeness_error": self.error,
        }

    def plot(self) -> Figure:
        """The inputs coloured by both measures: orange for what raised the output, blue for what lowered it."""
        title = f"Where {self.answer} comes from: {self.title}"
        values = [
            pictures.Values("integrated gradients", self.gradients),
            pictures.Values("occlusion", self.occlusion),
        ]
        if self.series is not None:
            return pictures.series(self.series, values, title, first=self.step + 1 - len(self.series))
        return pictures.text(self.labels, values, title)


def attribution(
    subject: Subject,
    *,
    row: int = 0,
    step: int | None = None,
    answer: int | None = None,
    span: int = SPAN,
    points: int = 512,
) -> Attribution:
    r"""What each of the latest inputs did for the output at a step.

    Integrated gradients go from the mean input :math:`\bar x` of the subject to the inputs x on a straight line,

    .. math:: (x_s - \bar x) \cdot \int_0^1 \frac{\partial F(\bar x + a (x - \bar x))}{\partial x_s} da

    by Gauss-Legendre quadrature, and add up to the whole difference (Sundararajan, Taly & Yan, "Axiomatic attribution
    for deep networks", ICML 2017); by how much they miss it is told. Occlusion puts the mean in the place of one input
    at a time (Zeiler & Fergus, ECCV 2014).

    Where answers have names, F is the logarithm of the probability of one; else it is a number of the output.

    Args:
        subject: The model and its sequences.
        row: Which of them.
        step: Of the output; by default the last one that counts.
        answer: Which one; by default the right one, or the first number of the output.
        span: How many inputs up to the step to look at; those before stay as they are.
        points: Of the quadrature at most; 64 are taken first, then twice as many until the parts add up to within 1% of
            the difference.

    Raises:
        UsageError: There is no such row, step or answer, or span or points are below 1.
    """
    step = _checked(subject, row, step, answer, span, points)
    first = max(0, step + 1 - span)
    inputs = subject.inputs[row : row + 1].detach()
    window = inputs[:, first : step + 1]
    mean = subject.inputs.detach().mean((0, 1))
    with torch.no_grad():
        state = subject.run(inputs[:, :first])[1] if first else None
    value = _explained(subject, state, row, step, answer)
    occluded = torch.where(torch.eye(window.shape[1]).to(window)[..., None] > 0, mean, window)
    with torch.no_grad():
        output, baseline = float(value(window)), float(value(mean.expand_as(window)))
        without = torch.cat([value(part) for part in torch.split(occluded, _TOGETHER)])
    gradients = _settled_gradients(value, window, mean, output - baseline, points)
    return Attribution(
        title=subject.title,
        labels=tuple(subject.labels[row][first : step + 1]),
        answer=_named(subject, row, step, answer),
        output=output,
        baseline=baseline,
        gradients=tuple(gradients.tolist()),
        occlusion=tuple((output - without.cpu().double()).tolist()),
        step=step,
        error=float(gradients.sum()) - (output - baseline),
        series=tuple(window[0, :, 0].tolist()) if is_series(subject) else None,
    )


def _checked(subject: Subject, row: int, step: int | None, answer: int | None, span: int, points: int) -> int:
    if not 0 <= row < subject.batch:
        raise UsageError(f"There is no row {row}: the subject has {subject.batch}, the first is 0.")
    if step is None:
        counting = subject.counts[row].nonzero()
        if not len(counting):
            raise UsageError(f"No step of row {row} counts: give the step.")
        step = int(counting[-1])
    if not 0 <= step < subject.time:
        raise UsageError(f"step must be from 0 to {subject.time - 1}, not {step}.")
    if answer is not None and not 0 <= answer < (len(subject.answers) or answer + 1):
        raise UsageError(f"answer must be from 0 to {len(subject.answers) - 1}, not {answer}.")
    if span < 1 or points < 1:
        raise UsageError(f"span and points must be at least 1, not {span} and {points}.")
    return step


def _explained(
    subject: Subject, state: State | None, row: int, step: int, answer: int | None
) -> Callable[[Tensor], Tensor]:
    """F, as a function of inputs (n, steps, features) that go on from one state and end at ``step``, to (n,)."""
    target = subject.targets[row, step] if answer is None else torch.tensor(answer).to(subject.targets)

    def value(inputs: Tensor) -> Tensor:
        states = None if state is None else {name: every.expand(len(inputs), -1) for name, every in state.items()}
        scores = subject.readout(subject.run(inputs, states)[0][:, -1:])
        if not subject.answers:
            return scores.flatten(1)[:, answer or 0]
        return -subject.losses(scores, target.expand(len(inputs), 1))[:, 0]

    return value


def _settled_gradients(
    value: Callable[[Tensor], Tensor], window: Tensor, mean: Tensor, difference: float, points: int
) -> Tensor:
    """Integrated gradients (steps,) with as many points as they need to add up to the difference, or as allowed."""
    taken = min(points, FEWEST_POINTS)
    while True:
        gradients = _integrated_gradients(value, window, mean, taken)
        if 2 * taken > points or abs(float(gradients.sum()) - difference) <= COMPLETE * abs(difference):
            return gradients
        taken *= 2


def _integrated_gradients(value: Callable[[Tensor], Tensor], window: Tensor, mean: Tensor, points: int) -> Tensor:
    """(steps,) float64."""
    places, weights = np.polynomial.legendre.leggauss(points)
    along = torch.from_numpy((places + 1) / 2).to(window)[:, None, None]
    shares = torch.from_numpy(weights / 2)
    total = torch.zeros(window.shape[1:], dtype=torch.float64)
    for part, share in zip(torch.split(along, _TOGETHER), torch.split(shares, _TOGETHER), strict=True):
        changed = (mean + part * (window - mean)).requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(value(changed).sum(), changed)
        total += torch.einsum("n,ntf->tf", share, gradient.cpu().double())
    return (total * (window[0] - mean).cpu().double()).sum(1)


def _named(subject: Subject, row: int, step: int, answer: int | None) -> str:
    if not subject.answers:
        return f"output {answer or 0} at step {step}"
    which = int(subject.targets[row, step]) if answer is None else answer
    return f"log p('{subject.answers[which]}') at step {step}"
