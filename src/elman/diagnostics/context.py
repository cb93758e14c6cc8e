"""How much of the past a model uses: what its answers lose when the past before some step is taken away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elman.diagnostics.positions import spread
from elman.diagnostics.words import plain
from elman.errors import SettingsError
from elman.nn.call import State
from elman.nn.subject import Subject
from elman.plots import windows as pictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: A window is long enough when it leaves so small a part of what context gives.
CLOSE = 0.01

#: Each window of the first look is about so many times as long as the one before.
_APART = 1.4

#: Draws of places for the interval.
_DRAWS = 1000

#: Steps of all rows together that are run at once.
_TOGETHER = 1 << 15

#: Whether a model that may not see a past has none, or a wrong one.
Past = Literal["cut", "shuffled"]


@final
@dataclass(frozen=True)
class Usable:
    """Usable memory in steps: the shortest window from which on all windows are close to the full context.

    ``low`` and ``high`` are a 95% interval by the bootstrap over places; infinity is beyond the longest window.
    """

    steps: float
    low: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high == self.steps:
            return _steps(self.steps)
        return f"{_steps(self.steps)} (95% interval {self.low:g} to {self.high:g})".replace("inf", "beyond the longest")


@final
@dataclass(frozen=True)
class Context:
    """The loss against how far back a model may see.

    Attributes:
        windows: (n,), how many inputs before the present one may be seen; the first is 0.
        losses: Mean loss with each window, (n,), with no past before it (``cut``) and with a wrong one (``shuffled``).
        full: Mean loss with all the past.
        usable: Usable memory, for both.
        places: Answers that the means are of.
        title: Of the model.
    """

    windows: tuple[int, ...]
    losses: dict[Past, NDArray[np.float64]]
    full: float
    usable: dict[Past, Usable]
    places: int
    title: str

    def closed(self, window: int, past: Past = "cut") -> float:
        """Which part of the gap between no context and all of it a ``window`` closes; between windows a straight line.

        1 where there is no gap.
        """
        losses = self.losses[past]
        gap = losses[0] - self.full
        return float((losses[0] - np.interp(window, self.windows, losses)) / gap) if gap > 0 else 1.0

    def plot(self) -> Figure:
        """Both losses against the window, with the usable memory marked."""
        title = f"How far back it looks: {self.title}"
        mark = self.usable["cut"]
        losses = {str(past): values.tolist() for past, values in self.losses.items()}
        return pictures.context_curve(self.windows, losses, self.full, (mark.low, mark.steps, mark.high), title)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; None is beyond the longest window."""
        return {
            "title": self.title,
            "places": self.places,
            "windows": list(self.windows),
            "losses": {past: losses.tolist() for past, losses in self.losses.items()},
            "loss_with_all_context": self.full,
            "usable_memory": {
                past: {"steps": plain(usable.steps), "low": plain(usable.low), "high": plain(usable.high)}
                for past, usable in self.usable.items()
            },
        }

    def __str__(self) -> str:
        none = self.losses["cut"][0]
        begin = (
            f"{self.title}: at {self.places} places the mean loss is {self.full:.3g} with all the past and {none:.3g} "
            "with the present input alone. "
        )
        if none <= self.full:
            return begin + "It makes no use of the past."
        return begin + (
            f"Usable memory, which leaves out {100 * CLOSE:g}% of what the past gives: {self.usable['cut']}; "
            f"with a wrong past before it instead of none: {self.usable['shuffled']}."
        )


def context(subject: Subject, *, longest: int | None = None, places: int = 128, seed: int = 0) -> Context:
    """How far back a model looks: its loss when it may see the last k inputs before the present one alone.

    At each of many places the model begins anew k steps earlier, once from its initial state (the past is cut off) and
    once from the state of another place (a wrong past, which looks like a right one). The usable memory is the shortest
    window from which on less than 1% is missing of the gap between the losses without and with all the past.

    Args:
        subject: The model and its sequences.
        longest: The longest window; half of the steps where it is left out.
        places: Answers to look at, at most, spread evenly over those that count and have so long a past.
        seed: Of the shuffling and of the interval.

    Raises:
        SettingsError: ``longest`` leaves fewer than two places.
    """
    longest = max(1, subject.time // 2) if longest is None else longest
    allowed = subject.counts & (torch.arange(subject.time, device=subject.counts.device) > longest)
    if longest < 1 or int(allowed.sum()) < 2:
        raise SettingsError(
            f"A longest window of {longest} steps leaves {int(allowed.sum())} answers with a longer past, of sequences "
            f"of {subject.time} steps: at least 2 are needed. Take a shorter one, or longer sequences."
        )
    look = _Look(subject, *spread(allowed, places), seed)
    windows: dict[int, dict[Past, NDArray[np.float64]]] = {window: look.excess(window) for window in _first(longest)}
    for past in ("cut", "shuffled"):
        while (window := _between(windows, past)) is not None:
            windows[window] = look.excess(window)
    tried = sorted(windows)
    excesses: dict[Past, NDArray[np.float64]] = {
        past: np.stack([windows[window][past] for window in tried]) for past in ("cut", "shuffled")
    }
    return Context(
        tuple(tried),
        {past: excess.mean(1) + look.full.mean() for past, excess in excesses.items()},
        float(look.full.mean()),
        {past: _usable_with_interval(tried, excess, seed) for past, excess in excesses.items()},
        len(look.rows),
        subject.title,
    )


def plot_contexts(contexts: Sequence[Context]) -> Figure:
    """Several models side by side: how much of what the past gives each window gives them."""
    curves = []
    for found in contexts:
        closed = [found.closed(window) for window in found.windows]
        curves.append((found.title, found.windows, closed, found.usable["cut"].steps))
    return pictures.closed_gaps(curves)


@final
class _Look:
    """The losses of a subject at some places, with all the past and with less."""

    def __init__(self, subject: Subject, rows: Tensor, steps: Tensor, seed: int) -> None:
        self.subject, self.rows, self.steps = subject, rows, steps
        with torch.no_grad():
            outputs, _, self.states = subject.run()
        self.full = self._losses(outputs[rows, steps])
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
        #: For each place another one.
        self.other = torch.empty_like(order)
        self.other[order] = order.roll(1)

    def excess(self, window: int) -> dict[Past, NDArray[np.float64]]:
        """What the answers at all places cost more than with all the past, (places,), if ``window`` is all they see."""
        begin = self.steps - window
        elsewhere = self.rows[self.other], begin[self.other] - 1
        wrong = {name: values[elsewhere] for name, values in self.states.items()}
        return {
            "cut": self._losses(self._outputs(begin, window, None)) - self.full,
            "shuffled": self._losses(self._outputs(begin, window, wrong)) - self.full,
        }

    def _outputs(self, begin: Tensor, window: int, state: State | None) -> Tensor:
        """The last outputs, (places, features), after the inputs from ``begin`` on."""
        found = []
        for part in torch.split(torch.arange(len(begin)), max(1, _TOGETHER // (window + 1))):
            steps = begin[part, None] + torch.arange(window + 1)
            inputs = self.subject.inputs[self.rows[part, None], steps]
            before = None if state is None else {name: values[part] for name, values in state.items()}
            with torch.no_grad():
                found.append(self.subject.run(inputs, before)[0][:, -1])
        return torch.cat(found)

    def _losses(self, outputs: Tensor) -> NDArray[np.float64]:
        targets = self.subject.targets[self.rows, self.steps]
        with torch.no_grad():
            losses = self.subject.losses(self.subject.readout(outputs[:, None]), targets[:, None])[:, 0]
        return losses.double().cpu().numpy()


def _first(longest: int) -> list[int]:
    """Windows of the first look, from 0 to ``longest``.

    >>> _first(20)
    [0, 1, 2, 3, 4, 6, 8, 11, 15, 20]
    """
    windows = [0]
    while windows[-1] < longest:
        windows.append(min(max(windows[-1] + 1, round(windows[-1] * _APART)), longest))
    return windows


def _between(windows: dict[int, dict[Past, NDArray[np.float64]]], past: Past) -> int | None:
    """The window to try next, halfway between one that is too short and the shortest that is not."""
    tried = sorted(windows)
    means = np.array([[windows[window][past].mean()] for window in tried])
    (usable,) = _usable(tried, means)
    if not 0 < usable < np.inf:
        return None
    place = tried.index(int(usable))
    middle = (tried[place] + tried[place - 1]) // 2
    return None if middle in windows else middle


def _usable(windows: Sequence[int], excess: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first window from which on the excess (windows, n) stays close to nothing, for each column: (n,)."""
    close = excess <= CLOSE * excess[0]
    stays = np.logical_and.accumulate(close[::-1])[::-1]
    steps = np.where(stays.any(0), np.array(windows, float)[stays.argmax(0)], np.inf)
    return np.where(excess[0] > 0, steps, 0.0)


def _usable_with_interval(windows: Sequence[int], excess: NDArray[np.float64], seed: int) -> Usable:
    places = excess.shape[1]
    drawn = np.random.default_rng(seed).multinomial(places, np.full(places, 1 / places), _DRAWS)
    (steps,) = _usable(windows, excess.mean(1, keepdims=True))
    # Whole windows, no means of two: one of them may be infinite.
    low, high = np.quantile(_usable(windows, excess @ drawn.T / places), (0.025, 0.975), method="nearest")
    return Usable(float(steps), float(low), float(high))


def _steps(number: float) -> str:
    if number == np.inf:
        return "beyond the longest window"
    return f"{number:g} step{'s' * (number != 1)}"
