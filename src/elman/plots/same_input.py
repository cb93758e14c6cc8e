"""Pictures of one input at different places."""

from __future__ import annotations

from collections.abc import Sequence
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

_LONGEST, _NAMED = 18, 4


def same_input(groups: Sequence[Sequence[Line]], answers: Sequence[str], title: str = "") -> Figure:
    """Draw groups of places of one input: the past, coloured by what it does, and the likeliest answers.

    Args:
        groups: For every input its lines; the last of each is that without a past.
        answers: What the answers are called; empty where they are numbers.
        title: One line above the picture.
    """
    rows = sum(len(group) for group in groups)
    figure, axes = style.new(9.6, 0.9 + 0.46 * rows + 0.3 * len(groups))
    with style.context():
        axes.axis("off")
        y = 0.0
        for group in groups:
            best = np.argsort(-np.max([answer for _, _, answer in group], 0), kind="stable")[:_NAMED]
            for number, (past, parts, answer) in enumerate(group):
                _past(axes, y, past[-_LONGEST - 1 :], parts[-_LONGEST:])
                if number == len(group) - 1:
                    axes.text(-1.3, y, "without its past", ha="right", va="center", color=style.MUTED, fontsize=9)
                _answer(axes, y, answer, best, answers)
                y -= 1.0
            y -= 0.6
        meaning = "Coloured inputs make the difference between the two answers: the darker, the larger the part."
        axes.text(-_LONGEST, y, meaning, va="top", color=style.MUTED, fontsize=8.5)
        axes.set(xlim=(-_LONGEST - 0.6, 13.0), ylim=(y - 0.5, 0.8))
        axes.set_title(title)
    return figure


def _past(axes: Axes, y: float, past: Sequence[str], parts: NDArray[np.float64]) -> None:
    from matplotlib import colormaps

    for place, label in enumerate(past):
        x, present = place - len(past) + 1, place == len(past) - 1
        share = 0.0 if present else float(np.clip(parts[place], 0, 1))
        face: Any = style.INK if present else colormaps["YlGnBu"](0.75 * share) if share > 0.02 else "white"
        ink = "white" if present or share > 0.6 else style.INK
        _box(axes, x - 0.45, y - 0.4, 0.9, 0.8, face, style.FAINT)
        text = visible(label)
        axes.text(x, y, text, ha="center", va="center", color=ink, fontsize=10 if len(text) < 3 else 6)


def _answer(axes: Axes, y: float, answer: NDArray[np.float64], best: Any, answers: Sequence[str]) -> None:
    if not answers:
        axes.text(1.2, y, "  ".join(f"{value:.3g}" for value in answer[:_NAMED]), va="center", fontsize=10)
        return
    for place, one in enumerate(best):
        x, share = 1.2 + 3.0 * place, float(answer[one])
        _box(axes, x + 0.75, y - 0.28, 1.3, 0.56, style.FAINT, "none")
        _box(axes, x + 0.75, y - 0.28, 1.3 * share, 0.56, style.COLOURS[0], "none")
        axes.text(x + 0.6, y, visible(answers[one]), ha="right", va="center", fontsize=10)
        axes.text(x + 2.1, y, f"{100 * share:.0f}%", ha="left", va="center", fontsize=7.5, color=style.MUTED)


def _box(axes: Axes, x: float, y: float, width: float, height: float, face: Any, edge: str) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, height, facecolor=face, edgecolor=edge, linewidth=0.8))
