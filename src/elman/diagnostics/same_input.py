"""The same input, different answers: where context changes what a model says, and which past did it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.diagnostics.positions import spread
from elman.errors import SettingsError
from elman.nn.subject import Subject
from elman.plots import same_input as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Places of one input that are compared with each other, at most.
PLACES = 300

#: Past inputs that are shown of each place, at most.
PAST = 24

#: Answers that are named in words: so many, if they are not less likely than this.
NAMED, LEAST = 3, 0.005


@final
@dataclass(frozen=True)
class Place:
    """One place of an input.

    Attributes:
        row: The sequence.
        step: The step in it.
        past: What came before, oldest first, and the input itself.
        parts: (len(past) - 1,), the part of the difference that each past input makes, see `same_input`.
        answer: Probabilities of the answers, or outputs where answers are numbers.
    """

    row: int
    step: int
    past: tuple[str, ...]
    parts: NDArray[np.float64]
    answer: NDArray[np.float64]


@final
@dataclass(frozen=True)
class Pair:
    """One input at two places with different answers.

    Attributes:
        first: One of the places.
        second: The other.
        difference: Between the answers: half the sum of the absolute differences of probabilities, from 0 to 1; for
            numbers the distance.
        needed: How many inputs before the present one make at least half of the difference, at both places; None where
            more are needed than are shown.
        alone: The answer to the input without any past, the same for both.
    """

    first: Place
    second: Place
    difference: float
    needed: int | None
    alone: NDArray[np.float64]

    @property
    def label(self) -> str:
        """What the input is called."""
        return self.first.past[-1]


@final
@dataclass(frozen=True)
class SameInput:
    """Inputs that get different answers at different places, those with the largest difference first.

    Attributes:
        pairs: Of different inputs.
        repeated: How many inputs occur at two places at least.
        answers: What the answers are called; empty where they are numbers.
        title: Of the model.
    """

    pairs: tuple[Pair, ...]
    repeated: int
    answers: tuple[str, ...]
    title: str

    def plot(self) -> Figure:
        """The pasts of each pair, coloured by what they do to the answer, and the answers beside the one without past.

        Raises `SettingsError` where no input occurs twice.
        """
        if not self.pairs:
            raise SettingsError("No input occurs at two places, so there is nothing to draw: take longer sequences.")
        lines = [
            [
                *((place.past, place.parts / (pair.difference or 1.0), place.answer) for place in _places(pair)),
                ((pair.label,), np.zeros(0), pair.alone),
            ]
            for pair in self.pairs
        ]
        return pictures.same_input(lines, self.answers, f"The same input, different answers: {self.title}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "title": self.title,
            "repeated_inputs": self.repeated,
            "answers": list(self.answers),
            "pairs": [
                {
                    "input": pair.label,
                    "difference": pair.difference,
                    "inputs_needed": pair.needed,
                    "difference_without_past": 0.0,
                    "answer_without_past": pair.alone.tolist(),
                    "places": [
                        {
                            "row": place.row,
                            "step": place.step,
                            "past": list(place.past),
                            "parts": place.parts.tolist(),
                            "answer": place.answer.tolist(),
                        }
                        for place in _places(pair)
                    ],
                }
                for pair in self.pairs
            ],
        }

    def __str__(self) -> str:
        if not self.pairs:
            return f"{self.title}: no input occurs at two places."
        pair = self.pairs[0]
        labels = (*pair.first.past, *pair.second.past)
        between = " " if sum(map(len, labels)) > 2 * len(labels) else ""  # words stand apart
        first, second = (between.join(place.past[-12:]) for place in _places(pair))
        told = (
            f"{self.title}: the input {pair.label!r} gets different answers at different places (by "
            f"{pair.difference:.2g}): {self._named(pair.first.answer)} after {first!r}, "
            f"{self._named(pair.second.answer)} after {second!r}. "
        )
        inputs = "input before it makes" if pair.needed == 1 else f"{pair.needed} inputs before it make"
        made = f"The last {inputs}" if pair.needed else f"More than {PAST} inputs before it make"
        return told + (
            f"{made} half of the difference. Without its past, as a feed-forward network, it gives the same answer at "
            "both."
        )

    def _named(self, answer: NDArray[np.float64]) -> str:
        if not self.answers:
            return ", ".join(f"{value:.3g}" for value in answer[:NAMED])
        best = np.argsort(-answer)[:NAMED]
        return ", ".join(
            f"{self.answers[place]!r} {100 * answer[place]:.0f}%" for place in best if answer[place] >= 0.005
        )


def same_input(subject: Subject, *, pairs: int = 3) -> SameInput:
    """Find the same input at different places with different answers, and the pasts that made the difference.

    Of each input that occurs several times the two places are taken whose answers differ most. Then the model reads the
    last k inputs of one place after the past of the other that lies before them. For k = 0 it gives the other's answer;
    the longer k the nearer it comes to its own. How much nearer each more input brings it is the part of the difference
    that this input makes, so that the parts of all inputs add up to the difference.

    A feed-forward network cannot do that: without a past the same layers give one answer to the input.

    Args:
        subject: The model and its sequences; inputs are the same if all their features are.
        pairs: How many inputs to show at most, those with the largest differences.

    Raises:
        SettingsError: ``pairs`` is below 1.
    """
    if pairs < 1:
        raise SettingsError(f"same_input needs at least one of its pairs, not {pairs}.")
    look = _Look(subject)
    _, which, counts = torch.unique(subject.inputs.flatten(0, 1), dim=0, return_inverse=True, return_counts=True)
    which = which.view(subject.batch, subject.time)
    found = [look.farthest(which == one) for one in (counts > 1).nonzero().flatten()]
    best = sorted((pair for pair in found if pair is not None), key=lambda pair: -pair[0])[:pairs]
    return SameInput(
        tuple(look.pair(difference, *places) for difference, *places in best),
        sum(pair is not None for pair in found),
        tuple(subject.answers),
        subject.title,
    )


def _places(pair: Pair) -> tuple[Place, Place]:
    return pair.first, pair.second


@final
class _Look:
    """A subject's answers at all steps, and what they would be after another past."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        with torch.no_grad():
            outputs, _, self.states = subject.run()
        self.answers = self._answers(outputs)
        #: The places that count, and that have a past to show where the sequences are long enough.
        self._far = subject.counts.clone()
        self._far[:, : min(PAST, subject.time // 4)] = False

    def farthest(self, here: Tensor) -> tuple[float, tuple[int, int], tuple[int, int]] | None:
        """The difference and the two of the places ``here`` (batch, time) that count whose answers differ most."""
        if int((far := here & self._far).sum()) < 2:
            return None
        rows, steps = spread(far, PLACES)
        distances = torch.cdist(self.answers[rows, steps], self.answers[rows, steps], p=self._norm) * self._scale
        first, second = divmod(int(distances.argmax()), len(rows))
        where = [(int(row), int(step)) for row, step in zip(rows, steps, strict=True)]
        return float(distances[first, second]), where[first], where[second]

    def pair(self, difference: float, first: tuple[int, int], second: tuple[int, int]) -> Pair:
        """All there is to say of two places."""
        row, step = first
        with torch.no_grad():
            alone = self._answers(self.subject.run(self.subject.inputs[row : row + 1, step : step + 1])[0][0, 0])
        places = self._place(first, second), self._place(second, first)
        made = [np.cumsum(place.parts[::-1]) >= difference / 2 for place in places]
        needed = max(int(enough.argmax()) + 1 for enough in made) if all(map(np.any, made)) else None
        return Pair(*places, difference, needed, alone.numpy())

    def _place(self, here: tuple[int, int], there: tuple[int, int]) -> Place:
        row, step = here
        labels = tuple(self.subject.labels[row][max(0, step - PAST) : step + 1])
        own = self.answers[row, step]
        apart = np.array([float(self._distance(self._after(here, there, k), own)) for k in range(len(labels))])
        return Place(row, step, labels, (apart[:-1] - apart[1:])[::-1], own.numpy())

    def _after(self, here: tuple[int, int], there: tuple[int, int], length: int) -> Tensor:
        """The answer after the last ``length`` inputs before ``here`` and its own, read after the past of ``there``."""
        inputs = self.subject.inputs[here[0], here[1] - length : here[1] + 1][None]
        row, begin = there[0], there[1] - length - 1
        # Before all that it has read the model is in its initial state.
        initial = length == here[1] or begin < 0
        state = None if initial else {name: values[row, begin][None] for name, values in self.states.items()}
        with torch.no_grad():
            return self._answers(self.subject.run(inputs, state)[0][0, -1])

    def _answers(self, outputs: Tensor) -> Tensor:
        """What the model says after outputs (..., features): probabilities where answers have names."""
        with torch.no_grad():
            scores = self.subject.readout(outputs).double().cpu()
        return scores.softmax(-1) if self.subject.answers else scores

    def _distance(self, one: Tensor, other: Tensor) -> Tensor:
        distance: Tensor = torch.linalg.vector_norm(one - other, self._norm, dim=-1) * self._scale
        return distance

    @property
    def _norm(self) -> float:
        return 1.0 if self.subject.answers else 2.0

    @property
    def _scale(self) -> float:
        """So that the distance of probabilities is 1 at most."""
        return 0.5 if self.subject.answers else 1.0
