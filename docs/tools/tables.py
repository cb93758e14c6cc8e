"""MkDocs hook: fills the tables that are made from the code and from benchmark results."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elman.cells import CELLS, Cell, Ops
from elman.cells.cell import STATISTICS
from elman.settings import (
    AnomalySettings,
    CaptionerSettings,
    ClassifierSettings,
    ForecastSettings,
    LanguageModelSettings,
    TaggerSettings,
    TranscriberSettings,
    TranslatorSettings,
    describe,
    fields_of,
)

ROOT = Path(__file__).parents[2]


def table(columns: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table; bars within cells are escaped."""
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


#: What has options, under the heading that its own ones have in the docs, and the sections that stand there.
OPTIONS: list[tuple[str, type[Any], tuple[str | None, ...]]] = [
    ("Training", LanguageModelSettings, ("training",)),
    ("Language models", LanguageModelSettings, ("text", "network", None)),
    ("Labels", ClassifierSettings, ("data", "input", "network")),
    ("Labels: classify", ClassifierSettings, (None,)),
    ("Labels: tag", TaggerSettings, (None,)),
    ("Transcripts", TranscriberSettings, ("transcript", "network")),
    ("Forecasts", ForecastSettings, ("data", "windows", "network", None)),
    ("Translations", TranslatorSettings, ("text", "network", "objective", "writing", None)),
    ("Captions", CaptionerSettings, ("input", "network", "objective")),
    ("Anomalies and gaps", AnomalySettings, ("alarm", "hidden", "network")),
]


def options() -> str:
    """One table per section of the settings, in the order of `OPTIONS`."""
    columns = ["Option", "Takes", "Default", "Meaning"]
    parts = []
    for heading, settings, sections in OPTIONS:
        parts.append(f"## {heading}\n")
        for section in sections:
            rows = [_option(leaf, annotation) for of, leaf, annotation in fields_of(settings) if of == section]
            title = f"### {heading}: {section}\n\n" if section and len(sections) > 1 else ""
            parts.append(title + table(columns, rows))
    return "\n".join(parts)


def _option(leaf: dataclasses.Field[Any], annotation: Any) -> list[str]:
    default = "none" if leaf.default in (None, ()) else str(leaf.default)
    return [f"`--{leaf.name.replace('_', '-')}`", describe(annotation), f"`{default}`", leaf.metadata["help"]]


#: Sizes at which the table of cells counts parameters: features of the input, and units.
SIZES = (64, 128)


def cells() -> str:
    """One row per cell, in the order of `elman.cells.CELLS`."""
    columns = ["Cell", "States", "Gates", "Parameters", "Options"]
    return table(columns, [_cell(name) for name in CELLS])


def _cell(name: str) -> list[str]:
    kind, cell = CELLS[name], CELLS[name](*SIZES)
    learnt = (parameter for parameter in cell.parameters().values() if parameter.kind not in STATISTICS)
    parameters = sum(math.prod(parameter.shape) for parameter in learnt)
    states = (state if size == SIZES[1] else f"{state} ({size:,})" for state, size in cell.state_sizes.items())
    own = dataclasses.fields(kind)[len(dataclasses.fields(Cell)) :]
    return [
        f"[`{name}`](api/cells.md#{kind.__module__}.{kind.__name__})<br>{summary(kind)} ({source(kind)})",
        ", ".join(states),
        ", ".join(cell.gates),
        f"{parameters:,}",
        "<br>".join(f"`{field.name}={_default(field.default)}`" for field in own),
    ]


def operations() -> str:
    """What a step may use, in the order of `elman.cells.Ops`."""
    members = [each for name, each in vars(Ops).items() if not name.startswith("_")]
    rows = [[f"`{each.__name__}{_arguments(each)}`", _code(inspect.getdoc(each) or "")] for each in members]
    return table(["Operation", "Gives"], rows)


def _arguments(function: Callable[..., Any]) -> str:
    parameters = [each.replace(annotation=each.empty) for each in inspect.signature(function).parameters.values()]
    return str(inspect.Signature(parameters[1:]))


def _code(docstring: str) -> str:
    """The first paragraph of a docstring on one line, its code in Markdown's signs."""
    return " ".join(docstring.partition("\n\n")[0].replace("``", "`").split())


def _default(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def summary(kind: type[Cell]) -> str:
    """What the file of a cell says it is: its first line."""
    return (inspect.getdoc(inspect.getmodule(kind)) or "").splitlines()[0].rstrip(".")


#: As in "Le, Jaitly & Hinton", "Cho et al." or "Elman".
AUTHORS = re.compile(r"[A-Z][\w'-]+(, [A-Z][\w'-]+)*( & [A-Z][\w'-]+| et al\.)?")


def source(kind: type[Cell]) -> str:
    """Authors and year of the first source that a cell, or the class it is made from, names."""
    texts = (re.search(r"Sources?:(.*)", inspect.getdoc(each) or "", re.DOTALL) for each in kind.__mro__)
    first = " ".join(next(text[1] for text in texts if text).split()).partition(";")[0]
    authors, year = AUTHORS.search(first), re.search(r"\b(19|20)\d\d\b", first)
    if not authors or not year:
        raise ValueError(f"The docstring of {kind.__name__} names no source with authors and a year.")
    return f"{authors[0]} {year[0]}"


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
TABLES: dict[str, Callable[[], str]] = {
    "<!-- options -->": options,
    "<!-- results -->": results,
    "<!-- cells -->": cells,
    "<!-- operations -->": operations,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for every page."""
    for mark, make in TABLES.items():
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown
