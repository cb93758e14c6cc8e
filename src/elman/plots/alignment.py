"""Where a decoder looked for each symbol that it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elman.errors import UsageError
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Characters of a symbol that are shown.
_LONGEST = 18

#: Inches of a cell: of few symbols, and of so many that they are drawn closer.
_WIDE, _NARROW, _MANY = 0.34, 0.2, 40

#: Inches of a character of the title.
_CHARACTER = 0.105


def alignment(attention: NDArray[Any], source: Sequence[str], target: Sequence[str], title: str) -> Figure:
    """A row for each symbol that was written, from top to bottom, a column for each of the source.

    The darker a cell, the more the decoder looked there; the weights of a row add up to one.

    Args:
        attention: Weights, (target symbols, source symbols).
        source: Symbols that were read.
        target: Symbols that were written, the end among them where it has a row.
        title: One line above.

    Raises `UsageError` where there are not as many symbols as rows and columns.
    """
    if attention.shape != (len(target), len(source)) or not attention.size:
        raise UsageError(
            f"Attention of the shape {attention.shape} needs as many symbols written and read, found {len(target)} "
            f"and {len(source)}."
        )
    from matplotlib.colors import LinearSegmentedColormap

    above, beside = ([_shown(symbol) for symbol in symbols] for symbols in (source, target))
    cell = _WIDE if max(attention.shape) <= _MANY else _NARROW
    slanted = max(map(len, above)) > 2
    width = cell * len(source) + 0.09 * max(map(len, beside)) + 1.1
    height = cell * len(target) + (0.08 * max(map(len, above)) if slanted else 0.2) + 0.9
    width = max(3.6, width)
    figure, axes = style.new(width, max(2.2, height))
    with style.context():
        shades = LinearSegmentedColormap.from_list("attention", ["#f6f8fa", style.COLOURS[0]])
        axes.imshow(attention, cmap=shades, vmin=0, vmax=1, aspect="equal")
        axes.xaxis.tick_top()
        axes.set_xticks(range(len(above)), above, rotation=55 if slanted else 0, parse_math=False)
        for text in axes.get_xticklabels():
            text.set_horizontalalignment("left" if slanted else "center")
            text.set_rotation_mode("anchor" if slanted else "default")
        axes.set_yticks(range(len(beside)), beside, parse_math=False)
        for text in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
            text.set_color(style.INK)
        axes.grid(visible=False)
        for axis, count in ((axes.xaxis, len(above)), (axes.yaxis, len(beside))):  # white lines between the cells
            axis.set_ticks(np.arange(count - 1) + 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=1)
        axes.tick_params(which="both", length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        title = _shown(title, int(width / _CHARACTER))
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold", color=style.INK, parse_math=False)
    return figure


def _shown(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
