r"""Griffe extension: makes Markdown of what docstrings hold besides text.

- A ``.. math::`` block, one equation per line with ``&`` before the sign they are aligned at, becomes an inline
  SVG drawn by matplotlib, so that the pages need no network and no scripts. ``:math:`` in a sentence becomes code.
- An example (``>>>``) becomes a code block.
"""

from __future__ import annotations

import io
import re
from typing import Any

import griffe
from matplotlib import rc_context
from matplotlib.figure import Figure

BLOCK = re.compile(r"^([ \t]*)\.\. math::[ \t]*\n(?:[ \t]*\n)*((?:\1[ \t]+\S.*\n?)+)", re.MULTILINE)
EXAMPLE = re.compile(r"^>>> .*(?:\n.*\S.*)*", re.MULTILINE)
INLINE = re.compile(r":math:`([^`]*)`")

#: Signs that reach above and below their line, and the height of such a line beside that of others.
TALL_SIGN = re.compile(r"\\(sum|prod|d?frac)")
TALL = 1.9


class Docstrings(griffe.Extension):
    """Rewrites every docstring."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called by griffe for every object."""
        if obj.docstring is not None and not obj.is_alias:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """Return a docstring with its equations drawn and its examples fenced."""
    text = BLOCK.sub(lambda found: f"{found[1]}{draw(found[2])}\n\n", text)
    text = EXAMPLE.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
    return INLINE.sub(lambda found: f"`{plain(found[1])}`", text)


def draw(block: str) -> str:
    """Return a block of aligned equations as one line of HTML."""
    lines = [line.strip().removesuffix("\\\\").strip() for line in block.strip().splitlines()]
    heights = [TALL if TALL_SIGN.search(line) else 1.0 for line in lines]
    figure = Figure(figsize=(8, 0.32 * sum(heights)))
    with rc_context({"mathtext.fontset": "cm", "svg.fonttype": "path", "svg.hashsalt": "elman"}):
        for row, line in enumerate(lines):
            left, _, right = line.partition("&")
            y = 1 - (sum(heights[:row]) + heights[row] / 2) / sum(heights)
            if right:
                figure.text(0.1, y, f"${left}$", ha="right", va="center_baseline", fontsize=13)
            figure.text(0.1, y, f"$ {right or left}$", ha="left", va="center_baseline", fontsize=13)
        buffer = io.StringIO()
        metadata = {"Date": None, "Creator": None}
        figure.savefig(buffer, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.02, metadata=metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace("\n", " ")
    svg = re.sub(r'<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>| id="(?:figure|text|patch)_\d+"', "", svg)
    return f'<div class="equation">{svg}</div>'


def plain(latex: str) -> str:
    r"""Return a short piece of LaTeX as text.

    >>> plain(r"W_{hr}(o_t \\tanh c_t)")
    'W_hr(o_t tanh c_t)'
    """
    return re.sub(r"[{}]", "", re.sub(r"\\+([a-z]+)", r"\1", latex))
