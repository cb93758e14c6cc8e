"""The way of the whole state through a sequence, and derivatives that go back along it.

The state of a stack is everything that a step hands to the next one: the states of all layers, side by side in one row
of numbers. Its derivative from one step to the next is taken from the cells' exact derivatives, in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import final

import torch
from torch import Tensor

from elman.errors import DataError
from elman.nn.call import State
from elman.nn.subject import Subject

#: Rows of the state that are pulled back at once: some hundred megabytes for a large stack.
_ROWS = 2048


@final
class Trajectory:
    """Every state of a subject's layers on its sequences, computed once in float64 by a copy of the layers.

    Attributes:
        layers: The copy; the subject's own layers are left alone.
        inputs: (batch, time, features).
        states: (batch, time + 1, size); at index t the state before step t, the last one after the last step.
        places: Name of a state -> where it lies in the row of all states.
        reached: (size,) bool: the numbers that inputs reach. A clock that only counts steps, which is a state to the
            cell, remembers nothing of them: it is left out of every derivative.
    """

    def __init__(self, subject: Subject) -> None:
        self.layers = copy.deepcopy(subject.recurrent).cpu().double().eval().requires_grad_(False)
        # A step at a time is faster in the plain loop than in compiled code, which packs its weights at every call.
        self.layers.backend = "reference"
        self.inputs = subject.inputs.detach().cpu().double()
        self.places: dict[str, slice] = {}
        for name, size in self.layers.state_sizes.items():
            begin = max((place.stop for place in self.places.values()), default=0)
            self.places[name] = slice(begin, begin + size)
        first = torch.zeros(subject.batch, self.size, dtype=torch.float64)
        for name, place in self.places.items() if self.layers.learn_initial_state else ():
            first[:, place] = self.layers.get_parameter(f"initial_{name}")
        with torch.no_grad():
            states = self.layers(self.inputs, all_states=True)[2]
        self.states = torch.cat([first[:, None], self.joined(states)], 1)
        if not self.states.isfinite().all():
            raise DataError("The states of the layers are not finite on these inputs, so they have no derivatives.")
        self.reached = self._reached()

    @property
    def batch(self) -> int:
        """Sequences."""
        return self.inputs.shape[0]

    @property
    def time(self) -> int:
        """Steps of each."""
        return self.inputs.shape[1]

    @property
    def size(self) -> int:
        """Numbers in the whole state."""
        return sum(self.layers.state_sizes.values())

    @property
    def by_layer(self) -> list[list[str]]:
        """The names of every layer's states, from the bottom up."""
        ends = [f"_l{layer}" for layer in range(len(self.layers.cells))]
        return [[name for name in self.places if name.endswith(end)] for end in ends]

    @property
    def outputs(self) -> Tensor:
        """Outputs of the layers, (batch, time, features)."""
        return self.states[:, 1:, self.output]

    @property
    def output(self) -> slice:
        """Where the output lies in the row: the first state of the last layer."""
        return self.places[self.by_layer[-1][0]]

    def joined(self, states: Mapping[str, Tensor]) -> Tensor:
        """Named states (..., size) as one row of all."""
        return torch.cat([states[name] for name in self.places], -1)

    def named(self, row: Tensor) -> State:
        """The other way round."""
        return {name: row[..., place] for name, place in self.places.items()}

    def after(self, rows: Tensor, steps: Tensor, before: Tensor) -> Tensor:
        """The state after one step, (n, size), at the inputs of these ``rows`` and ``steps`` (n,), as a function."""
        inputs = self.inputs[rows, steps]
        return self.joined(self.layers(inputs[:, None], self.named(before))[1])

    def back(self, rows: Tensor, steps: Tensor, vectors: Tensor) -> Tensor:
        """Vectors (n, size) times the derivative of the step at each of ``rows`` and ``steps`` (n,).

        The derivative is that of the state after the step by the state before it, so gradients of the former become
        gradients of the latter.
        """
        found: list[Tensor] = []
        for begin in range(0, len(rows), _ROWS):
            part = slice(begin, begin + _ROWS)
            before, vector = self.states[rows[part], steps[part]].requires_grad_(), vectors[part]
            with torch.enable_grad():
                after = self.after(rows[part], steps[part], before)
            # A step that reads no state has no derivative by it.
            found += torch.autograd.grad(after, before, vector) if after.requires_grad else [torch.zeros_like(vector)]
        return torch.cat(found) * self.reached

    def jacobians(self, row: int, steps: Tensor) -> Iterator[Tensor]:
        """The exact derivative of the state after by the state before each of these steps: (reached, reached) each."""
        unit = torch.eye(self.size, dtype=torch.float64)[self.reached]
        together = max(1, _ROWS // len(unit))
        for begin in range(0, len(steps), together):
            times = steps[begin : begin + together].repeat_interleave(len(unit))
            found = self.back(torch.full_like(times, row), times, unit.repeat(len(times) // len(unit), 1))
            yield from found[:, self.reached].view(-1, len(unit), len(unit))

    def sweep(self, rows: Tensor, steps: Tensor, vectors: Tensor, distance: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pull vectors back from the states after ``steps`` (n,), one step at a time, ``distance`` times.

        At the start and after every pull yields the vectors scaled to a length of 1 and the logarithms of their true
        lengths (n,), which therefore stay finite over any number of steps; the length of a vector of zeros is -inf.
        """
        lengths = torch.zeros(len(rows), dtype=torch.float64)
        for back in range(distance + 1):
            if back:
                vectors = self.back(rows, steps - back + 1, vectors)
            norms = vectors.norm(dim=1)
            lengths = lengths + norms.log()
            vectors = vectors / torch.where(norms > 0, norms, 1.0)[:, None]
            yield vectors, lengths

    def _reached(self) -> Tensor:
        """By asking autograd, over as many steps as an input needs at most to get through all states."""
        time = len(self.places)
        inputs = self.inputs[:1, :1].repeat(1, time, 1).requires_grad_()
        final = self.layers(inputs)[1]
        found = torch.zeros(self.size, dtype=torch.bool)
        for name, place in self.places.items():
            value = final[name]
            if value.requires_grad:
                (gradient,) = torch.autograd.grad(value.sum(), inputs, retain_graph=True, allow_unused=True)
                found[place] = gradient is not None
        return found
