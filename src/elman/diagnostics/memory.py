"""What of the past is in the state: how much of it stems from each earlier input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.diagnostics.trajectory import Trajectory
from elman.errors import SettingsError
from elman.nn.subject import Subject
from elman.plots import memory as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Steps that may be chosen for exact derivatives, whatever the size of the model.
MOST_CHOSEN = 4

#: Sequences and states up to which derivatives are exact at every step: 64 steps, 64 units of an LSTM.
EXACT_STEPS, EXACT_STATE = 64, 128

#: Steps of a longer sequence that are looked at, spread evenly.
SHOWN = 24

#: What has faded to this part of where it began is no longer followed: its square is lost in the sum of all anyway.
FADED = 1e-10

#: Steps that changed copies of a sequence run at once.
_SEGMENT = 32

Method = Literal["exact", "probes", "occlusion"]


@final
@dataclass(frozen=True)
class Memory:
    """How much of the state stems from each input, at some steps of one sequence.

    Attributes:
        shares: (shown, time); a row adds up to 1, or to 0 where no input matters.
        errors: Standard errors of the shares, (shown, time); zeros but for random probes.
        steps: The steps shown, the first is 0.
        labels: What the inputs are called.
        method: How the shares were found.
        probes: Random directions for each step, 0 where there were none.
        title: Of the model.
    """

    shares: NDArray[np.float64]
    errors: NDArray[np.float64]
    steps: tuple[int, ...]
    labels: tuple[str, ...]
    method: Method
    probes: int
    title: str

    def span(self, share: float) -> int:
        """How many of the latest inputs hold so large a ``share`` of the state: the median over the later steps."""
        late = list(zip(self.shares, self.steps, strict=True))[len(self.steps) // 2 :]
        counts = [int((np.cumsum(row[step::-1]) < share * row.sum() * (1 - 1e-12)).sum()) + 1 for row, step in late]
        return int(np.median(counts))

    def by_distance(self) -> NDArray[np.float64]:
        """Mean share of the input k steps ago, (time,) for k from 0; NaN beyond the latest step shown."""
        backwards = np.full_like(self.shares, np.nan)
        for row, (shares, step) in enumerate(zip(self.shares, self.steps, strict=True)):
            backwards[row, : step + 1] = shares[step::-1]
        there = ~np.isnan(backwards)
        counts = there.sum(0)
        return np.where(counts > 0, np.where(there, backwards, 0).sum(0) / np.maximum(counts, 1), np.nan)

    def plot(self) -> Figure:
        """A row of states filled with the colours of the inputs in them, or for more than a few a heat map."""
        title = f"What the state is made of: {self.title}"
        if self.shares.shape[1] <= pictures.LONGEST_ROW:
            return pictures.memory_row(self.shares, self.steps, self.labels, title)
        return pictures.memory_map(self.shares, self.steps, self.labels, self.by_distance(), title)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "title": self.title,
            "method": self.method,
            "probes": self.probes,
            "steps": list(self.steps),
            "labels": list(self.labels),
            "shares": self.shares.tolist(),
            "errors": self.errors.tolist(),
            "inputs_that_hold_half": self.span(0.5),
            "inputs_that_hold_95_percent": self.span(0.95),
        }

    def __str__(self) -> str:
        how = {
            "exact": "Exact derivatives.",
            "occlusion": "By occlusion: each input in turn was replaced by the mean of all.",
            "probes": f"By {self.probes} random directions at each step; the standard error of a share is at most "
            f"{100 * self.errors.max(initial=0):.1f} percent points.",
        }
        return (
            f"{self.title}: half of what moves the state lies in the last {_inputs(self.span(0.5))}, 95% in the last "
            f"{_inputs(self.span(0.95))}. {how[self.method]}"
        )


def memory(
    subject: Subject,
    *,
    row: int = 0,
    steps: Sequence[int] | None = None,
    method: Literal["derivatives", "occlusion"] = "derivatives",
    probes: int = 12,
    seed: int = 0,
) -> Memory:
    r"""How much of the state at a step stems from each earlier input.

    With derivatives: if all inputs are shaken a little, each number by itself, the state after step t is shaken too.
    The share of the input at s is its part in that variance,

    .. math:: \|\partial h_t / \partial x_s\|_F^2 \Big/ \sum_r \|\partial h_t / \partial x_r\|_F^2

    where h holds the states of all layers. The norms are exact at up to four chosen ``steps``, and at every step of up
    to 64 with a state of up to 128 numbers. Otherwise they come from random directions v, orthogonal to each other
    and of length :math:`\sqrt n` for a state of n numbers, since
    :math:`E \|v^T \partial h_t / \partial x_s\|^2` is the squared norm.

    By occlusion: every input in turn is replaced by the mean of the subject's inputs; the share is its part in the sum
    of the squared changes of the state.

    Args:
        subject: The model and its sequences.
        row: Which of them.
        steps: Steps to look at; all of up to 64, or 24 spread evenly over more.
        method: ``derivatives`` or ``occlusion``.
        probes: Random directions for each step where derivatives are not exact, at least 2.
        seed: Of the directions.

    Raises:
        SettingsError: There is no such row or step, or the method is unknown.
    """
    shown = _shown(subject, row, steps)
    if method not in ("derivatives", "occlusion"):
        raise SettingsError(f"memory knows the methods derivatives and occlusion, not '{method}'.")
    if probes < 2:
        raise SettingsError(f"memory needs at least 2 probes to know their error, not {probes}.")
    trajectory = Trajectory(subject)
    chosen = steps is not None and len(shown) <= MOST_CHOSEN
    small = subject.time <= EXACT_STEPS and trajectory.size <= EXACT_STATE
    found: Method = "occlusion" if method == "occlusion" else "exact" if chosen or small else "probes"
    if found == "occlusion":
        parts = _occlude(trajectory, row, shown)[:, None]
    else:
        rng = torch.Generator().manual_seed(seed)
        size = int(trajectory.reached.sum())
        count = size if found == "exact" else min(probes, size)
        parts = _pull_back(trajectory, row, {step: _directions(size, count, rng) for step in shown})
    shares, errors = _shares(parts, 1.0 if found != "probes" else count / size)
    names = tuple(subject.labels[row])
    return Memory(shares, errors, shown, names, found, count if found == "probes" else 0, subject.title)


def input_to_state(subject: Subject, step: int, *, row: int = 0) -> Tensor:
    """The exact derivative of the state after ``step`` by every input up to it, (step + 1, state, features), float64.

    The states are those of all layers side by side, without clocks, which no input reaches.
    """
    trajectory = Trajectory(subject)
    size = int(trajectory.reached.sum())
    found = [by_input[step] for _, by_input in _sweep(trajectory, row, {step: torch.eye(size).double()}, faded=0.0)]
    missing = step + 1 - len(found)
    return torch.stack([*([torch.zeros_like(found[0])] * missing), *reversed(found)])


def _inputs(count: int) -> str:
    return "input" if count == 1 else f"{count} inputs"


def _shown(subject: Subject, row: int, steps: Sequence[int] | None) -> tuple[int, ...]:
    if not 0 <= row < subject.batch:
        raise SettingsError(f"There is no row {row}: the subject has {subject.batch}, the first is 0.")
    if steps is None:
        everything = subject.time <= EXACT_STEPS
        places = range(subject.time) if everything else np.linspace(0, subject.time - 1, SHOWN + 1).round()[1:]
        return tuple(int(place) for place in places)
    if not steps or min(steps) < 0 or max(steps) >= subject.time:
        raise SettingsError(f"steps must be from 0 to {subject.time - 1}, found {list(steps)}.")
    return tuple(sorted(set(steps)))


def _directions(size: int, count: int, rng: torch.Generator) -> Tensor:
    """Directions (count, size) whose squared products with a vector have its squared length as their mean."""
    if count == size:
        return torch.eye(size, dtype=torch.float64) * math.sqrt(size)
    drawn = torch.randn(size, count, generator=rng, dtype=torch.float64)
    q, r = torch.linalg.qr(drawn)
    directions: Tensor = (q * r.diagonal().sign()).T * math.sqrt(size)
    return directions


def _pull_back(trajectory: Trajectory, row: int, directions: Mapping[int, Tensor]) -> Tensor:
    """Squared lengths of the directions times the derivatives by each input: (shown, directions, time)."""
    places = {step: place for place, step in enumerate(directions)}
    count = len(next(iter(directions.values())))
    parts = torch.zeros(len(places), count, trajectory.time, dtype=torch.float64)
    for step, by_input in _sweep(trajectory, row, directions, FADED):
        for later, vectors in by_input.items():
            parts[places[later], :, step] = vectors.square().sum(1)
    return parts


def _sweep(
    trajectory: Trajectory, row: int, directions: Mapping[int, Tensor], faded: float
) -> Iterator[tuple[int, dict[int, Tensor]]]:
    """Take vectors (n, reached) at the states after some steps back to every input before.

    Yields, from the last step to the first, the step and for each of the later ones whose vectors are not ``faded``
    the vectors times the derivative by the input of the step, (n, features).
    """
    alive: dict[int, Tensor] = {}
    first = {step: float(vectors.norm()) for step, vectors in directions.items()}
    for step in range(max(directions), -1, -1):
        if step in directions:
            alive[step] = torch.zeros(len(directions[step]), trajectory.size, dtype=torch.float64)
            alive[step][:, trajectory.reached] = directions[step].double()
        if not alive:
            continue
        by_input, by_state = _one_back(trajectory, row, step, torch.cat(list(alive.values())))
        sizes = [len(vectors) for vectors in alive.values()]
        yield step, dict(zip(alive, torch.split(by_input, sizes), strict=True))
        alive = dict(zip(alive, torch.split(by_state, sizes), strict=True))
        alive = {later: vectors for later, vectors in alive.items() if vectors.norm() > faded * first[later]}


def _one_back(trajectory: Trajectory, row: int, step: int, vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors (n, size) times the derivatives of one step by its input (n, features) and its state (n, size)."""
    inputs = trajectory.inputs[row, step][None, None].clone().requires_grad_()
    before = trajectory.states[row, step][None].clone().requires_grad_()
    with torch.enable_grad():
        after = trajectory.joined(trajectory.layers(inputs, trajectory.named(before))[1])
    found = torch.autograd.grad(
        after, (inputs, before), vectors[:, None], is_grads_batched=True, allow_unused=True, materialize_grads=True
    )
    return found[0].flatten(1), found[1].flatten(1) * trajectory.reached


def _occlude(trajectory: Trajectory, row: int, shown: Sequence[int]) -> Tensor:
    """Squared change of the state after each shown step without each of the inputs, (shown, time)."""
    inputs, states, last = trajectory.inputs[row], trajectory.states[row], max(shown) + 1
    nothing = trajectory.inputs.mean((0, 1))
    found = torch.zeros(len(shown), trajectory.time, dtype=torch.float64)
    who, before = torch.zeros(0, dtype=torch.long), states[:0]
    for begin in range(0, last, _SEGMENT):
        end = min(begin + _SEGMENT, last)
        new = torch.arange(begin, end)
        who, before = torch.cat([who, new]), torch.cat([before, states[begin].expand(len(new), -1)])
        read = inputs[begin:end].repeat(len(who), 1, 1)
        read[torch.arange(len(who) - len(new), len(who)), new - begin] = nothing
        with torch.no_grad():
            changed = trajectory.joined(trajectory.layers(read, trajectory.named(before), all_states=True)[2])
        changes = (changed - states[begin + 1 : end + 1]).square().sum(-1)
        for place, step in enumerate(shown):
            if begin <= step < end:
                found[place, who] = changes[:, step - begin]
        kept = changes[:, -1] > FADED**2 * states[end].square().sum()
        who, before = who[kept], changed[kept, -1]
    return found


def _shares(parts: Tensor, drawn: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares and their standard errors from (shown, directions, time), of which so large a part was ``drawn``.

    The error is that of a ratio of means, for draws without replacement: orthogonal directions are such.
    """
    tiny = torch.finfo(torch.float64).tiny
    # Derivatives that grow are huge after many steps, and the square of their square has no number any more.
    parts = parts / parts.amax((1, 2), keepdim=True).clamp_min(tiny)
    total = parts.sum(-1).mean(1)[:, None].clamp_min(tiny)
    shares = parts.mean(1) / total
    if drawn == 1.0:
        return shares.numpy(), torch.zeros_like(shares).numpy()
    rest = parts - shares[:, None] * parts.sum(-1, keepdim=True)
    errors = (rest.var(1) / parts.shape[1] * (1 - drawn)).sqrt() / total
    return shares.numpy(), errors.numpy()
