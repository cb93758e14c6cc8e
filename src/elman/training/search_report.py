"""What a search found, for people: lines for the terminal, a page with pictures, the best settings as YAML."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import yaml

from elman.plots import Block, Page, Picture, Section, Table, Text, png, svg
from elman.plots.search import Point, course, importances, values_tried
from elman.system import write_atomically
from elman.training.search import FOLDER, Numbers, Range, SearchResult, Trial, shown_value

#: What is written into the folder of the search, beside the study.
PAGE, BEST, TABLE, NUMBERS, PICTURES = "index.html", "best.yaml", "trials.csv", "search.json", "pictures"

#: Figures of which more is better; of all others less is.
MORE_IS_BETTER = ("accuracy", "micro-F1", "macro-F1", "F1 of spans", "R2")

#: Trials of the table on the page, and of the lines.
ROWS, LINES = 25, 5


def lines(result: SearchResult) -> list[str]:
    """The best settings and what mattered, for the terminal."""
    if not result.complete:
        return [f"{len(result.trials)} trials, none of them trained to the end"]
    pruned = sum(trial.state == "pruned" for trial in result.trials)
    failed = sum(trial.state == "failed" for trial in result.trials)
    more = [f"{pruned} ended early" if pruned else "", f"{failed} could not be trained" if failed else ""]
    found = [", ".join(filter(None, [f"{len(result.trials)} trials", *more])) + "; the best"]
    for trial in sorted(result.complete, key=_order)[:LINES]:
        found.append(f"  {trial.number + 1:>4}  {trial}")
    if result.importance:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in result.importance.items() if share >= 0.005)
        found.append(f"What mattered (share of the differences): {shares}")
    return found


def write_report(result: SearchResult, ranges: Mapping[str, Range], folder: str | Path, *, about: str = "") -> Path:
    """Write page, pictures, all trials (CSV, JSON) and the best settings (YAML) into ``folder/search``.

    Returns the page, one file that needs no network. Raises `SaveError`.
    """
    home = Path(folder) / FOLDER
    label, higher = measure(result.trials)
    points = [
        Point(trial.number, trial.options, _value(trial, label), trial.state == "complete") for trial in _scored(result)
    ]
    drawn = _draw(result, ranges, points, label, higher)
    files = {f"{PICTURES}/{name}.{kind}": content for (name, kind), content in drawn.items()}
    files[NUMBERS] = json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False, indent=1).encode()
    files[TABLE] = _table(result, list(ranges)).encode()
    if result.complete:
        best = yaml.safe_dump(result.best.options or {}, sort_keys=False)
        files[BEST] = f"# The best of {len(result.trials)} trials: {result.best}\n{best}".encode()
    files[PAGE] = _page(result, ranges, drawn, label, about).html().encode()
    for name, content in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(home / name, partial(_write, content))
    return home / PAGE


def measure(trials: Sequence[Trial]) -> tuple[str, bool]:
    """What the scores of trials are called, and whether more is better.

    Trials are compared by the score that decides which weights are kept; shown is the figure that people know.
    """
    names = [next(iter(trial.figures), "") for trial in trials if trial.figures]
    if not names or not names[0]:
        return "held-out score", False
    return names[0], names[0] in MORE_IS_BETTER


def _value(trial: Trial, label: str) -> float:
    value = trial.figures.get(label, trial.score)
    assert value is not None
    return value


def _scored(result: SearchResult) -> list[Trial]:
    return [
        trial
        for trial in result.trials
        if trial.state in ("complete", "pruned") and trial.score is not None and math.isfinite(trial.score)
    ]


def _order(trial: Trial) -> tuple[float, int]:
    assert trial.score is not None
    return trial.score, trial.number


def _draw(
    result: SearchResult, ranges: Mapping[str, Range], points: Sequence[Point], label: str, higher: bool
) -> dict[tuple[str, str], bytes]:
    """Every picture as PNG and SVG, by name and kind."""
    figures = {}
    if points:
        figures["course"] = course(points, label, higher=higher, title="How the search went")
    if result.importance:
        figures["importance"] = importances(result.importance, "What mattered")
    drawn = [point for point in points if point.options]
    if drawn:
        order = [*result.importance, *(name for name in ranges if name not in result.importance)]
        logarithmic = [name for name, each in ranges.items() if isinstance(each, Numbers) and each.log]
        figures["values"] = values_tried(
            drawn, order, logarithmic, label, higher=higher, title="Values that were tried; the best trial in orange"
        )
    return {
        (name, kind): draw(figure) for name, figure in figures.items() for kind, draw in (("png", png), ("svg", svg))
    }


def _page(
    result: SearchResult, ranges: Mapping[str, Range], drawn: Mapping[tuple[str, str], bytes], label: str, about: str
) -> Page:
    descriptions = {
        "course": "Every trial with its score, and the best so far.",
        "importance": "How much each option accounts for, by random forests (fANOVA, Hutter et al. 2014).",
        "values": "The values of the options that matter most, against the score.",
    }
    pictures: list[Block] = [
        Picture(drawn[name, "svg"], text, text) for name, text in descriptions.items() if (name, "svg") in drawn
    ]
    best: list[Block] = [Text("No settings were trained to the end.")]
    if result.complete:
        chosen = [[name, shown_value(value)] for name, value in result.best.options.items()]
        said = f"Trial {result.best.number + 1} of {len(result.trials)}: {result.best}."
        best = [Text(said), Table(["option", "value"], chosen)] if chosen else [Text(said)]
    rows = [_row(trial, label, list(ranges)) for trial in sorted(_scored(result), key=_order)]
    table = Table(["trial", label, *ranges, "seconds"], rows[:ROWS], "The best trials; those ended early among them.")
    sections = [Section("The best settings", best), Section("What mattered", pictures), Section("Trials", [table])]
    return Page("A search for settings", sections, about)


def _row(trial: Trial, label: str, names: Sequence[str]) -> list[str | float | None]:
    return [trial.number + 1, _value(trial, label), *(_cell(trial, name) for name in names), round(trial.seconds)]


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _cell(trial: Trial, name: str) -> str:
    """The value that was tried; of the first trial that the task chose it."""
    return shown_value(trial.options[name]) if name in trial.options else "chosen"


def _table(result: SearchResult, names: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    figures = list(dict.fromkeys(name for trial in result.trials for name in trial.figures))
    writer.writerow(["trial", "state", "score", *figures, *names, "seconds"])
    for trial in result.trials:
        values = [trial.figures.get(name, "") for name in figures] + [trial.options.get(name, "") for name in names]
        score = "" if trial.score is None else trial.score
        writer.writerow([trial.number + 1, trial.state, score, *values, f"{trial.seconds:.1f}"])
    return text.getvalue()
