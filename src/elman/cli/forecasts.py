"""What `elman predict` and `elman evaluate` do with a model of forecasts."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from elman.errors import UsageError

if TYPE_CHECKING:
    from elman.tasks.forecast import Forecaster

#: Rows that are shown on the terminal where no file is asked for.
SHOWN = 50


def predict(
    model: Forecaster, data: list[Path] | None, horizon: int | None, out: Path | None, plot: Path | None, json: bool
) -> None:
    """Print or write how series go on, and draw it."""
    found = model.predict(horizon, data or None)
    found["ds"] = found["ds"].astype(str)
    if plot is not None:
        model.plot(horizon, data or None).savefig(plot)
    if out is not None:
        if out.suffix not in (".csv", ".jsonl"):
            raise UsageError(f"{out}: forecasts are written to .csv or .jsonl.")
        text = found.to_csv(index=False) if out.suffix == ".csv" else found.to_json(orient="records", lines=True)
        out.write_text(text, encoding="utf-8")
        typer.echo(f"{len(found):,} rows are in {out}")
    elif json:
        typer.echo(found.to_json(orient="records", lines=True).rstrip("\n"))
    else:
        typer.echo(found.head(SHOWN).to_string(index=False, float_format=lambda value: f"{value:.6g}"))
        if len(found) > SHOWN:
            typer.echo(f"and {len(found) - SHOWN:,} rows more; --out FILE.csv writes them all")


def evaluate(
    model: Forecaster, data: list[Path], horizon: int | None, folds: int | None, statistics: list[str],
    out: Path | None, json: bool,
) -> None:  # fmt: skip
    """Print a backtest on the end of series, and write its report."""
    report = model.backtest(data, horizon, folds=folds, statistics=statistics)
    page = None if out is None else report.write(out)
    if json:
        typer.echo(json_format.dumps(report.to_dict(), ensure_ascii=False))
        return
    for line in report.lines():
        typer.echo(line)
    if page is not None:
        typer.echo(f"Report: {page}, with pictures and numbers beside it")
