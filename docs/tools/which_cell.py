"""MkDocs hook: the table and the picture of which-cell.md, made from the runs of ``benchmarks/memory_tasks.py``."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from elman.cells import CELLS
from elman.plots import style

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "benchmarks" / "results" / "memory_tasks.jsonl"
FIGURES = ROOT / "benchmarks" / "results" / "memory_tasks.json"

#: The rival without memory.
FEED_FORWARD = "feed-forward"


def runs(path: Path = RUNS) -> list[dict[str, Any]]:
    """Every run so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def problems(found: Sequence[dict[str, Any]]) -> list[str]:
    """The problems, in the order in which they were run."""
    return list(dict.fromkeys(run["problem"] for run in found))


def order(found: Sequence[dict[str, Any]]) -> list[str]:
    """The cells: most problems solved from the paper's first weights, then the soonest; the rival comes last."""

    def rank(cell: str) -> tuple[int, float]:
        solved = [run["solved"] for run in found if run["cell"] == cell and run["initial"] == "paper" and run["solved"]]
        return -len(solved), sum(solved)

    known = {run["cell"] for run in found}
    return [*sorted((cell for cell in CELLS if cell in known), key=rank), *known.intersection([FEED_FORWARD])]


def table(found: Sequence[dict[str, Any]]) -> str:
    """Rows of cells, columns of problems; what the default of torch makes of it stands in brackets."""
    if not found:
        return "No run has been recorded yet.\n"
    by_key = {(run["problem"], run["cell"], run["initial"]): run for run in found}
    names, steps = problems(found), _steps()
    lines = [["Cell", "Parameters", "Step, µs", *names], ["---"] * (3 + len(names))]
    for cell in order(found):
        sizes = [run["parameters"] for run in found if run["cell"] == cell]
        entries = [_entry(by_key, problem, cell) for problem in names]
        title = f"`{cell}`" if cell in CELLS else cell
        lines.append([title, f"{min(sizes):,}", steps.get(cell, ""), *entries])
    missing = [f"`{cell}`" for cell in CELLS if not any(run["cell"] == cell for run in found)]
    note = f"\nNot run yet: {', '.join(missing)}.\n" if missing else ""
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n" + note


def _entry(by_key: dict[tuple[str, str, str], dict[str, Any]], problem: str, cell: str) -> str:
    paper, default = (by_key.get((problem, cell, initial)) for initial in ("paper", "torch"))
    shown = "" if paper is None else f"**{paper['solved']:.0f} s**" if paper["solved"] else f"{paper['score']:.2g}"
    if default is None:
        return shown
    return f"{shown} ({_plain(default)})"


def _plain(run: dict[str, Any]) -> str:
    return f"{run['solved']:.0f} s" if run["solved"] else f"{run['score']:.2g}"


def _steps() -> dict[str, str]:
    if not FIGURES.exists():
        return {}
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))["figures"]
    told = (figure for figure in figures if figure["name"].startswith("one step: "))
    return {figure["name"].removeprefix("one step: "): f"{figure['value']:.1f}" for figure in told}


def picture(found: Sequence[dict[str, Any]]) -> str:
    """An SVG: for every cell the seconds that each problem took it; no dot where it was not solved."""
    if not found:
        return ""
    cells, names = order(found), problems(found)
    with style.context():
        figure = Figure(figsize=(8, 0.6 + 0.24 * len(cells)), layout="constrained")
        axes = figure.add_subplot()
        for number, problem in enumerate(names):
            solved = {
                run["cell"]: run["solved"] for run in found if run["problem"] == problem and run["initial"] == "paper"
            }
            points = [(seconds, cells.index(cell)) for cell, seconds in solved.items() if seconds]
            marker = "os^Dv<>d*P"[number % 10]
            colour = style.COLOURS[number % len(style.COLOURS)]
            axes.plot(*zip(*points, strict=True), marker, color=colour, label=problem, ms=6) if points else None
        axes.set_yticks(range(len(cells)), cells)
        axes.set_ylim(len(cells) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.set_xticks([1, 3, 10, 30, 100], ["1 s", "3 s", "10 s", "30 s", "100 s"])
        axes.set_xlabel("seconds of one core until it was solved")
        figure.legend(loc="outside upper left", ncols=3)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for every page."""
    if "<!-- which cell -->" in markdown:
        found = runs()
        markdown = markdown.replace("<!-- which cell -->", table(found))
        markdown = markdown.replace("<!-- which cell, picture -->", f'<div class="picture">{picture(found)}</div>')
    return markdown
