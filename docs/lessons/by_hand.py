"""Lesson: backpropagation through time by hand. Run: python docs/lessons/by_hand.py.

Trains nothing: takes one network of one hidden value through three steps and back, number by number, checks every
gradient against autograd, and writes what by_hand.md shows. The same loop for any size is checked as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from writing import keep, number, run, table

from elman.nn import Recurrent

INPUTS, WANTED = [1.0, 0.5, -1.0], 0.5
INPUT_WEIGHT, HIDDEN_WEIGHT = 0.8, 0.6


# --8<-- [start:one]
@dataclass(frozen=True)
class Step:
    """One step on the way back."""

    hidden: float
    by_hidden: float  # derivative of the loss by the hidden value
    by_sum: float  # by what the tanh was taken of
    to_input_weight: float  # what the step adds to the gradient of each weight
    to_hidden_weight: float


def there_and_back(u: float, w: float) -> list[Step]:
    """Go through h(now) = tanh(u · x + w · h(before)) and back from the loss ½ (h(last) − wanted)²."""
    hidden = [0.0]
    for x in INPUTS:
        hidden.append(math.tanh(u * x + w * hidden[-1]))

    steps = []
    by_hidden = hidden[-1] - WANTED
    for t in reversed(range(len(INPUTS))):
        by_sum = by_hidden * (1 - hidden[t + 1] ** 2)
        steps.append(Step(hidden[t + 1], by_hidden, by_sum, by_sum * INPUTS[t], by_sum * hidden[t]))
        by_hidden = by_sum * w  # handed to the step before
    return steps[::-1]


# --8<-- [end:one]


# --8<-- [start:any]
Array = NDArray[np.float64]


def gradients(inputs: Array, by_outputs: Array, weight_ih: Array, weight_hh: Array) -> tuple[Array, Array]:
    """Gradients of both matrices, for inputs (time, features) and the loss's derivative by every output."""
    hidden = [np.zeros(len(weight_hh))]
    for x in inputs:
        hidden.append(np.tanh(weight_ih @ x + weight_hh @ hidden[-1]))

    to_ih, to_hh, from_later = np.zeros_like(weight_ih), np.zeros_like(weight_hh), np.zeros(len(weight_hh))
    for t in reversed(range(len(inputs))):
        by_sum = (by_outputs[t] + from_later) * (1 - hidden[t + 1] ** 2)
        to_ih += np.outer(by_sum, inputs[t])
        to_hh += np.outer(by_sum, hidden[t])
        from_later = weight_hh.T @ by_sum
    return to_ih, to_hh


# --8<-- [end:any]


# --8<-- [start:autograd]
def from_autograd(u: float, w: float) -> tuple[float, float]:
    """The gradients of the same two weights as torch finds them for Elman's layer."""
    layer = Recurrent("rnn", 1, 1, bias=False).double()
    with torch.no_grad():
        layer.weight_ih_l0.fill_(u)
        layer.weight_hh_l0.fill_(w)
    outputs, _ = layer(torch.tensor(INPUTS).double()[None, :, None])
    loss = (outputs[0, -1, 0] - WANTED).square() / 2
    loss.backward()
    return layer.weight_ih_l0.grad.item(), layer.weight_hh_l0.grad.item()


# --8<-- [end:autograd]


def largest_difference(time: int = 50, features: int = 3, units: int = 8) -> float:
    """Compare the loop for any size with autograd; return the largest difference of any gradient."""
    torch.manual_seed(0)
    layer = Recurrent("rnn", features, units, bias=False).double()
    inputs, by_outputs = torch.randn(time, features).double(), torch.randn(time, units).double()
    layer(inputs[None])[0][0].backward(by_outputs)
    weights = [layer.weight_ih_l0, layer.weight_hh_l0]
    found = gradients(inputs.numpy(), by_outputs.numpy(), *(weight.detach().numpy() for weight in weights))
    return max(float(np.abs(mine - weight.grad.numpy()).max()) for mine, weight in zip(found, weights, strict=True))


def first_back(steps: list[Step]) -> str:
    """Write out the way back over the last two steps."""
    last, middle = steps[-1], steps[-2]
    lines = [
        f"by h(3)   = {number(last.hidden, 4)} − {number(WANTED, 4)} = {number(last.by_hidden, 4)}",
        f"by sum(3) = {number(last.by_hidden, 4)} × (1 − {number(last.hidden**2, 4)}) = {number(last.by_sum, 4)}",
        f"by h(2)   = {number(last.by_sum, 4)} × w = {number(last.by_sum, 4)} × {HIDDEN_WEIGHT} "
        f"= {number(middle.by_hidden, 4)}",
        f"by sum(2) = {number(middle.by_hidden, 4)} × (1 − {number(middle.hidden**2, 4)}) = {number(middle.by_sum, 4)}",
    ]
    return "```text\n" + "\n".join(lines) + "\n```\n"


def lesson(folder: Path) -> dict[str, float]:
    """Do everything the lesson shows; write its numbers to ``folder`` and return its figures."""
    u, w = INPUT_WEIGHT, HIDDEN_WEIGHT
    steps = there_and_back(u, w)
    by_hand = sum(step.to_input_weight for step in steps), sum(step.to_hidden_weight for step in steps)
    checked = from_autograd(u, w)
    cut = steps[-1].to_input_weight, steps[-1].to_hidden_weight
    forward = [
        [str(t), number(x, 1), number(before, 4), number(u * x + w * before, 4), number(step.hidden, 4)]
        for t, x, before, step in zip(range(1, 4), INPUTS, [0.0, *(s.hidden for s in steps)], steps, strict=False)
    ]
    back = [
        [str(t), *(number(v, 4) for v in (s.by_hidden, s.by_sum, s.to_input_weight, s.to_hidden_weight))]
        for t, s in reversed(list(enumerate(steps, 1)))
    ]
    back.append(["**sum**", "", "", *(f"**{number(total, 4)}**" for total in by_hand)])
    compared = [
        [name, *(number(value, 10) for value in pair)]
        for name, pair in (("by hand", by_hand), ("autograd", checked), ("the last step alone", cut))
    ]
    texts = {
        "forward": table(["Step", "x", "h before", "sum", "h = tanh(sum)"], forward),
        "first_back": first_back(steps),
        "back": table(["Step", "by h", "by sum", "adds to u", "adds to w"], back),
        "compared": table(["Gradient", "of u", "of w"], compared),
    }
    differences = [abs(mine - other) for mine, other in zip(by_hand, checked, strict=True)]
    figures = {"by_hand_u": by_hand[0], "by_hand_w": by_hand[1], "cut_w": cut[1]}
    # How rounding falls differs between machines, so the page says only how small it is.
    figures["differs_from_autograd"] = float(max(*differences, largest_difference()) > 1e-12)
    keep(folder, {}, texts, figures)
    return figures


if __name__ == "__main__":
    run(lesson, __doc__)
