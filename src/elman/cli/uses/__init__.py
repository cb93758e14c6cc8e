"""What `elman predict` and `elman evaluate` do with a model: one file for each kind of answer that models give.

Each file says in ``PREDICT`` and ``EVALUATE`` which options it has a use for, by name, and does it in ``predict`` and
``evaluate``, which get the model and all that was asked.
"""

from __future__ import annotations

import importlib
import json as json_format
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol, final

import typer

from elman.errors import UsageError
from elman.settings import AUTO, DecodingSettings, PenaltySettings, PredictionSettings, ScoringSettings, flat
from elman.tasks.run_folder import changes

#: Task -> the file for its models.
USES = {
    "language-model": "texts",
    "classify": "labels",
    "tag": "labels",
    "regress": "labels",
    "transcribe": "transcripts",
    "translate": "translations",
    "caption": "captions",
    "forecast": "forecasts",
    "anomalies": "channels",
    "impute": "channels",
}

#: Options of looking for a transcript, and of writing a target.
DECODING, PENALTIES = frozenset(flat(DecodingSettings())), frozenset(flat(PenaltySettings()))

#: Widest column of a table on the terminal.
WIDEST = 72


@final
@dataclass(frozen=True, kw_only=True)
class Predicting:
    """All that `elman predict` was told; its options have the same names."""

    settings: PredictionSettings
    data: list[Path] | None
    out: Path | None
    stream: bool
    times: bool
    align: bool
    every_step: bool
    horizon: int | None
    plot: Path | None
    html: Path | None
    n_best: int | None
    ensemble: list[Path] | None
    alignments: Path | None
    json: bool

    def top(self, usual: int) -> int:
        """How many answers to show, unless it was said."""
        return usual if self.settings.top == AUTO else int(self.settings.top)


@final
@dataclass(frozen=True, kw_only=True)
class Scoring:
    """All that `elman evaluate` was told; its options have the same names."""

    settings: ScoringSettings
    data: list[Path]
    out: Path | None
    per_line: bool
    labels: str | None
    horizon: int | None
    folds: int | None
    statistics: list[str] | None
    ensemble: list[Path] | None
    lowercase: bool
    json: bool


class Report(Protocol):
    """What scoring a model gives."""

    @property
    def figures(self) -> Mapping[str, Any]:
        """By part of the data."""

    def lines(self) -> list[str]:
        """What the terminal shows."""

    def write(self, folder: Path) -> Path:
        """Write a page with all of it, and return its place."""


def use_of(model: Any, asked: Predicting | Scoring) -> Any:
    """The file for a model. Raises `UsageError` for an option that it has no use for, and for a text where files go."""
    use = importlib.import_module(f"elman.cli.uses.{USES[model.task]}")
    known = use.PREDICT if isinstance(asked, Predicting) else use.EVALUATE
    given = set(changes(asked.settings))
    given |= {each.name for each in fields(asked) if each.name != "settings" and getattr(asked, each.name)}
    if unused := sorted(given - known - {"data", "json"}):
        takes = ", ".join(_flag(name) for name in sorted(known | {"json"}))
        raise UsageError(f"{_flag(unused[0])} is not for models of the task '{model.task}'; they take {takes}.")
    for path in asked.data or ():
        if {"data", "prompt"} <= known and " " in path.name and not path.exists():
            raise UsageError(f"{path}: there is no such file or folder. If it is a text itself, say --prompt '{path}'.")
    return use


def _flag(name: str) -> str:
    return "DATA" if name == "data" else f"--{name.replace('_', '-')}"


def answer(rows: Iterable[dict[str, Any]], out: Path | None, json: bool) -> None:
    """Write rows to a file, or show them: a table, or an object per line, as it comes."""
    from elman.tasks import label_rows

    if out is not None:
        typer.echo(f"{label_rows.write(out, rows):,} rows are in {out}")
        return
    if json:
        for line in label_rows.as_json_lines(rows):
            sys.stdout.write(line)
        return
    some = [label_rows.plain(row) for row in rows]
    if not some:
        return
    heads = list(dict.fromkeys(key for row in some for key in row))
    widths = {head: min(WIDEST, max(len(head), *(len(row.get(head, "")) for row in some))) for head in heads}
    for row in [dict(zip(heads, heads, strict=True)), *some]:
        typer.echo("  ".join(row.get(head, "").ljust(widths[head]) for head in heads).rstrip())


def tell(report: Report, out: Path | None, json: bool) -> None:
    """Show how good a model is, and write the page of it where a folder is given."""
    page = None if out is None else report.write(out)
    if json:
        typer.echo(json_format.dumps(report.figures["data"], ensure_ascii=False))
        return
    for line in report.lines():
        typer.echo(line)
    if page is not None:
        typer.echo(f"Report: {page}, with pictures and numbers beside it")
