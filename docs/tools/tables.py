"""MkDocs hook: fills the tables that are made from the code and from benchmark results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elman.settings import LanguageModelSettings, describe, fields_of

ROOT = Path(__file__).parents[2]


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; bars within cells are escaped."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def options() -> str:
    """One table per section of the settings, in the order of the code."""
    sections: dict[str, list[list[str]]] = {}
    for section, leaf, annotation in fields_of(LanguageModelSettings):
        default = "none" if leaf.default is None else str(leaf.default)
        row = [f"`--{leaf.name.replace('_', '-')}`", describe(annotation), f"`{default}`", leaf.metadata["help"]]
        sections.setdefault(section or "general", []).append(row)
    columns = ["Option", "Takes", "Default", "Meaning"]
    return "\n".join(f"## {name.capitalize()}\n\n{table(columns, rows)}" for name, rows in sections.items())


def results(folder: Path = ROOT / "benchmarks" / "results") -> str:
    """One section per result file: each figure beside its goal and its baseline, misses included."""
    parts = [_result(path) for path in sorted(folder.glob("*.json"))]
    return "\n".join(parts) or "No benchmark has been run yet.\n"


def _result(path: Path) -> str:
    result = json.loads(path.read_text(encoding="utf-8"))
    columns = ["Figure", "Value", "Goal", "Reached", "Beside it", "Source"]
    head = f"## {path.stem.replace('_', ' ').replace('-', ' ').capitalize()}\n\n"
    rows = [_row(figure) for figure in result["figures"]]
    return f"{head}{table(columns, rows)}\n`{result['command']}`, {_circumstances(result)}\n"


def _row(figure: dict[str, Any]) -> list[str]:
    unit = f" {figure['unit']}" if figure.get("unit") else ""
    return [
        figure["name"],
        _text(figure["value"]) + unit,
        _goal(figure),
        {None: "", True: "yes", False: "**no**"}[reached(figure)],
        _text(figure.get("baseline")),
        _text(figure.get("source")),
    ]


def reached(figure: dict[str, Any]) -> bool | None:
    """Whether a figure meets its goal; None where no goal was set."""
    if figure.get("goal") is None:
        return None
    lower = figure["better"] == "lower"
    return bool(figure["value"] <= figure["goal"] if lower else figure["value"] >= figure["goal"])


def _goal(figure: dict[str, Any]) -> str:
    if figure.get("goal") is None:
        return ""
    return f"{'at most' if figure['better'] == 'lower' else 'at least'} {_text(figure['goal'])}"


def _circumstances(result: dict[str, Any]) -> str:
    commit = str(result["commit"])[:12]
    return f"{result['date']}, {float(result['seconds']):.0f} s, commit `{commit}`, on {_text(result['machine'])}"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(inner)}" for key, inner in value.items())
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


#: What stands in a page -> what takes its place.
TABLES: dict[str, Callable[[], str]] = {"<!-- options -->": options, "<!-- results -->": results}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for every page."""
    for mark, make in TABLES.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown
