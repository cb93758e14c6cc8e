"""Pictures of one input at different places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.plots import style
from elman.plots.memory import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: What is drawn of a place: the past and the input itself, the part of the difference each
#: past input makes, and the answer.
Line = tuple[Sequence[str], NDArray[np.float64], NDArray[np.float64]]

#: How many past inputs are shown where they are single characters, and how many answers.
_LONGEST, _NAMED = 18, 4

#: What a character of a past input and of an answer's name takes, where a box for a single one takes 1 (0.3 inches).
_PAST_CHARACTER, _ANSWER_CHARACTER, _INCHES = 0.25, 0.29, 0.3


def same_input(groups: Sequence[Sequence[Line]], answers: Sequence[str], title: str = "") -> Figure:
    """Draw groups of places of one input: the past, coloured by what it does, and the likeliest answers.

    Args:
        groups: For every input its lines; the last of each is that without a past.
        answers: What the answers are called; empty where they are numbers.
        title: One line above the picture.
    """
    rows = sum(len(group) for group in groups)
    bests = [np.argsort(-np.max([each for _, _, each in group], 0), kind="stable")[:_NAMED] for group in groups]
    width = max(
        1.0, 0.3 + _PAST_CHARACTER * _longest(label for group in groups for past, _, _ in group for label in past)
    )
    shown = int(_LONGEST / width)
    column = 2.8 + _ANSWER_CHARACTER * _longest(answers[one] for best in bests for one in best if answers)
    right = 0.7 + width / 2 + column * _NAMED
    figure, axes = style.new(_INCHES * (_LONGEST + width + right), 0.9 + 0.46 * rows + 0.3 * len(groups))
    with style.context():
        axes.axis("off")
        y = 0.0
        for group, best in zip(groups, bests, strict=True):
            for number, (past, parts, answer) in enumerate(group):
                _past(axes, y, past[-shown - 1 :], parts[-shown:], width)
                if number == len(group) - 1:
                    left = -0.6 * width - 0.3
                    axes.text(left, y, "without its past", ha="right", va="center", color=style.MUTED, fontsize=9)
                _answer(axes, (width / 2 + 0.7, y), answer, best, answers, column)
                y -= 1.0
            y -= 0.6
        meaning = "Coloured inputs make the difference between the two answers: the darker, the larger the part."
        axes.text(-_LONGEST, y, meaning, va="top", color=style.MUTED, fontsize=8.5)
        axes.set(xlim=(-_LONGEST - width / 2 - 0.1, right), ylim=(y - 0.5, 0.8))
        axes.set_title(title)
    return figure


def _longest(labels: Iterable[str]) -> int:
    """Characters of the longest one."""
    return max((len(visible(label)) for label in labels), default=0)


def _past(axes: Axes, y: float, past: Sequence[str], parts: NDArray[np.float64], width: float) -> None:
    from matplotlib import colormaps

    for place, label in enumerate(past):
        x, present = width * (place - len(past) + 1), place == len(past) - 1
        share = 0.0 if present else float(np.clip(parts[place], 0, 1))
        face: Any = style.INK if present else colormaps["YlGnBu"](0.75 * share) if share > 0.02 else "white"
        ink = "white" if present or share > 0.6 else style.INK
        _box(axes, x - width / 2 + 0.05, y - 0.4, width - 0.1, 0.8, face, style.FAINT)
        axes.text(x, y, visible(label), ha="center", va="center", color=ink, fontsize=10 if width == 1 else 8)


def _answer(
    axes: Axes,
    begin: tuple[float, float],
    answer: NDArray[np.float64],
    best: Any,
    answers: Sequence[str],
    column: float,
) -> None:
    left, y = begin
    if not answers:
        axes.text(left, y, "  ".join(f"{value:.3g}" for value in answer[:_NAMED]), va="center", fontsize=10)
        return
    for place, one in enumerate(best):
        x, share = left + column * place + column - 2.65, float(answer[one])
        _box(axes, x, y - 0.28, 1.3, 0.56, style.FAINT, "none")
        _box(axes, x, y - 0.28, 1.3 * share, 0.56, style.COLOURS[0], "none")
        axes.text(x - 0.15, y, visible(answers[one]), ha="right", va="center", fontsize=10)
        axes.text(x + 1.35, y, f"{100 * share:.0f}%", ha="left", va="center", fontsize=7.5, color=style.MUTED)


def _box(axes: Axes, x: float, y: float, width: float, height: float, face: Any, edge: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, height, facecolor=face, edgecolor=edge, linewidth=0.8))
