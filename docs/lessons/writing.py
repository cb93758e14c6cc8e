"""What the scripts of the lessons share: numbers as text, tables, and where a page keeps its pieces."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from elman import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def number(value: float, digits: int = 2) -> str:
    """Return a number with a real minus sign, and none before zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def short(value: float) -> str:
    """Return a number of any size with two digits that count; powers of ten where it is tiny or huge.

    >>> short(0.0123), short(2.5e-7), short(1), short(13780.6)
    ('0.012', '2.5 × 10⁻⁷', '1', '1.4 × 10⁴')
    """
    if value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e4:
        return f"{value:.2g}".replace("-", "−") if abs(value) < 100 else f"{value:.0f}".replace("-", "−")
    digits, power = f"{value:.1e}".split("e")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{digits.replace('-', '−')} × 10{raised}"


def percent(share: float) -> str:
    """Return a share in percent, without a point."""
    return f"{round(100 * share) + 0:.0f}%"


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def write(path: Path, text: str) -> None:
    """Write a piece of the page."""
    path.write_text(text, encoding="utf-8", newline="\n")


def keep(folder: Path, pictures: Mapping[str, Figure], texts: Mapping[str, str], figures: Mapping[str, float]) -> None:
    """Write the pictures as SVG, the texts as Markdown and the figures as JSON into the page's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in pictures.items():
        (folder / f"{name}.svg").write_bytes(plots.svg(picture))
    for name, text in texts.items():
        write(folder / f"{name}.md", text)
    write(folder / "figures.json", json.dumps(dict(figures), indent=2) + "\n")


def run(lesson: Callable[[Path], Mapping[str, float]], description: str | None) -> None:
    """Run a lesson from the command line; its pieces go into the folder of its name unless ``--out`` says where."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=Path(sys.argv[0]).with_suffix(""))
    for name, value in lesson(parser.parse_args().out).items():
        print(f"{name:40} {value:.4g}")
