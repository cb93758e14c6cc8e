"""One look for all pictures: light, quiet, and readable for colour-blind eyes.

Figures are made with matplotlib's object-oriented interface, so nothing depends on a display, on pyplot or on a
user's own matplotlib settings. Draw inside `context`, since matplotlib reads its settings when an artist is made.
"""

from __future__ import annotations

import functools
import io
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elman.errors import SaveError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Series colours, told apart by every common kind of colour vision (Okabe and Ito 2008, reordered, darker yellow).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#B8860B", "#5D3A9B")
INK, MUTED, FAINT = "#1f2328", "#656d76", "#e4e7eb"

#: Fonts of scripts that DejaVu Sans lacks; those that are installed are used for their characters.
_OTHER_SCRIPTS = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei"),
    *("PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Yu Gothic", "Malgun Gothic"),
    *("Noto Sans Devanagari", "Noto Sans Thai", "Nirmala UI", "Arial Unicode MS"),
)

_STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.facecolor": "white",
    "savefig.dpi": 200,
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.facecolor": "white",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlecolor": INK,
    "axes.titlepad": 12,
    "axes.labelsize": 9.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "path",
    # The same figure gives the same file, so that pictures kept in a repository change only when they change.
    "svg.hashsalt": "elman",
}


def context() -> AbstractContextManager[None]:
    """Return a context in which everything drawn takes the style; nothing of it stays behind."""
    import matplotlib

    # Defaults first, so that a user's own matplotlibrc changes nothing. The backend is left alone: figures need none.
    settings: dict[Any, Any] = {k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"}
    return matplotlib.rc_context(settings | _STYLE | {"font.sans-serif": _fonts()})


@functools.cache
def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in installed)]


def new(width: float = 7.2, height: float = 4.0) -> tuple[Figure, Axes]:
    """Return a figure of ``width`` by ``height`` inches and its one set of axes, in the style."""
    from matplotlib.figure import Figure

    with context():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.add_subplot()


def png(figure: Figure) -> bytes:
    """Return the figure as a PNG file of 200 dots per inch."""
    return _render(figure, "png", {"Software": None})


def svg(figure: Figure) -> bytes:
    """Return the figure as an SVG file with text as outlines, so that it looks alike everywhere."""
    return _render(figure, "svg", {"Date": None, "Creator": None})


def _render(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = io.BytesIO()
    with context(), warnings.catch_warnings():
        # A character that no font here has is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> tuple[Path, Path]:
    """Write ``path`` with ``.png`` and ``.svg`` put behind its name and return both; raises `SaveError`."""
    written = path.with_name(f"{path.name}.png"), path.with_name(f"{path.name}.svg")
    for target, content in zip(written, (png(figure), svg(figure)), strict=True):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise SaveError(f"{target}: the picture cannot be written ({error.strerror}).") from error
    return written
