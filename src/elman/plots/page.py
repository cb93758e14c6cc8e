"""The one style of HTML page: a single file that needs no network, in light and dark.

A page is data: sections of blocks. Whatever text goes in is escaped, and pictures are embedded as images, in
which browsers run no scripts, so a page is safe to open whoever wrote the names and texts on it. A block that moves has
a script of its own; the page says which scripts those are, by their fingerprints, and browsers run no others.
"""

from __future__ import annotations

import base64
import hashlib
import html
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, final

from elman.errors import SaveError, UsageError
from elman.plots import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Block(ABC):
    """One thing on a page."""

    @abstractmethod
    def html(self) -> str:
        """Return the block as HTML, with everything given to it escaped."""

    def style(self) -> str:
        """Return rules of its own besides those of all pages; none for most blocks."""
        return ""

    def script(self) -> str:
        """Return what makes it move; nothing for most blocks."""
        return ""


@final
@dataclass(frozen=True)
class Text(Block):
    """A paragraph, or with ``verbatim`` a sample in which every space counts.

    >>> Text("a < b").html()
    '<p>a &lt; b</p>'
    """

    text: str
    verbatim: bool = False

    def html(self) -> str:
        """Return a ``<p>`` or ``<pre>``."""
        tag = "pre" if self.verbatim else "p"
        return f"<{tag}>{html.escape(self.text)}</{tag}>"


@final
@dataclass(frozen=True)
class Points(Block):
    """A list of points, each with a line or two below it that may be empty.

    >>> Points([("It forgets.", "Try a gate.")]).html()
    '<ul><li>It forgets.<small>Try a gate.</small></li></ul>'
    """

    points: Sequence[tuple[str, str]]

    def html(self) -> str:
        """Return a ``<ul>``."""
        below = [f"<small>{html.escape(more)}</small>" if more else "" for _, more in self.points]
        lines = [f"<li>{html.escape(point)}{more}</li>" for (point, _), more in zip(self.points, below, strict=True)]
        return f"<ul>{''.join(lines)}</ul>"


@final
@dataclass(frozen=True)
class Table(Block):
    """Rows below column heads; numbers are set right-aligned, floats with four significant digits."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str | float | None]]
    caption: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise UsageError(f"A table of {len(self.columns)} columns, but row {number} has {len(row)} cells.")

    def html(self) -> str:
        """Return a ``<table>`` that scrolls sideways where it is too wide."""
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        numeric = [any(isinstance(row[i], (int, float)) for row in self.rows) for i in range(len(self.columns))]
        head = "".join(_cell("th", name, number) for name, number in zip(self.columns, numeric, strict=True))
        body = "".join(
            "<tr>" + "".join(_cell("td", value, number) for value, number in zip(row, numeric, strict=True)) + "</tr>"
            for row in self.rows
        )
        return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(tag: str, value: str | float | None, number: bool) -> str:
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    mark = ' class="number"' if number else ""
    return f"<{tag}{mark}>{html.escape(text)}</{tag}>"


@final
@dataclass(frozen=True)
class Picture(Block):
    """A PNG or SVG file with a sentence that says what is to be seen, read aloud in its place."""

    content: bytes
    description: str
    caption: str = ""

    @classmethod
    def of(cls, figure: Figure, description: str, caption: str = "") -> Picture:
        """Take a matplotlib figure, as SVG."""
        return cls(style.svg(figure), description, caption)

    def html(self) -> str:
        """Return a ``<figure>`` with the picture inside it."""
        kind = "png" if self.content.startswith(b"\x89PNG") else "svg+xml"
        data = base64.b64encode(self.content).decode("ascii")
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>" if self.caption else ""
        alt = html.escape(self.description)
        return f'<figure><img alt="{alt}" src="data:image/{kind};base64,{data}">{caption}</figure>'


@final
@dataclass(frozen=True)
class Section:
    """A titled part of a page."""

    title: str
    blocks: Sequence[Block]


@final
@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    sections: Sequence[Section]
    summary: str = ""

    def html(self) -> str:
        """Return the page as one self-contained HTML document."""
        css = resources.files("elman.plots").joinpath("page.css").read_text(encoding="utf-8")
        blocks = [block for part in self.sections for block in part.blocks]
        css += "".join(dict.fromkeys(block.style() for block in blocks))
        scripts = [script for script in dict.fromkeys(block.script() for block in blocks) if script]
        rule = f'<meta http-equiv="Content-Security-Policy" content="{policy(scripts)}">\n' if scripts else ""
        moving = "".join(f"<script>{script}</script>\n" for script in scripts)
        title = html.escape(self.title)
        summary = f'<p class="summary">{html.escape(self.summary)}</p>' if self.summary else ""
        sections = "\n".join(
            f"<section><h2>{html.escape(part.title)}</h2>\n" + "\n".join(b.html() for b in part.blocks) + "</section>"
            for part in self.sections
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"{rule}<title>{title}</title>\n<style>\n{css}</style>\n</head>\n"
            f"<body>\n<header><h1>{title}</h1>{summary}</header>\n{sections}\n{moving}</body>\n</html>\n"
        )

    def write(self, path: Path) -> Path:
        """Write the page to ``path`` and return it; raises `SaveError`."""
        try:
            path.write_text(self.html(), encoding="utf-8", newline="\n")
        except OSError as error:
            raise SaveError(f"{path}: the page cannot be written ({error.strerror}).") from error
        return path


def policy(scripts: Sequence[str]) -> str:
    """What browsers may run on a page: these scripts and no others, and nothing from elsewhere.

    >>> policy([])[:60]
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    """
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
