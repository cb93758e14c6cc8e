"""Models of forecasts: how series go on, and a backtest."""

from __future__ import annotations

import json as json_format
from typing import TYPE_CHECKING

import typer

from elman.errors import UsageError

if TYPE_CHECKING:
    from elman.cli.uses import Predicting, Scoring
    from elman.tasks.forecast import Forecaster

PREDICT, EVALUATE = {"data", "horizon", "plot", "html", "out"}, {"data", "horizon", "folds", "statistics", "out"}

#: Rows that are shown on the terminal where no file is asked for.
SHOWN = 50


def predict(model: Forecaster, asked: Predicting) -> None:
    """Print or write how series go on, and draw it."""
    out, data = asked.out, asked.data or None
    found = model.predict(asked.horizon, data)
    found["ds"] = found["ds"].astype(str)
    if asked.plot is not None:
        model.plot(asked.horizon, data).savefig(asked.plot)
    if asked.html is not None:
        model.page(asked.horizon, data).write(asked.html)
    if out is not None:
        if out.suffix not in (".csv", ".jsonl"):
            raise UsageError(f"{out}: forecasts are written to .csv or .jsonl.")
        text = found.to_csv(index=False) if out.suffix == ".csv" else found.to_json(orient="records", lines=True)
        out.write_text(text, encoding="utf-8")
        typer.echo(f"{len(found):,} rows are in {out}")
    elif asked.json:
        typer.echo(found.to_json(orient="records", lines=True).rstrip("\n"))
    else:
        typer.echo(found.head(SHOWN).to_string(index=False, float_format=lambda value: f"{value:.6g}"))
        if len(found) > SHOWN:
            typer.echo(f"and {len(found) - SHOWN:,} rows more; --out FILE.csv writes them all")


def evaluate(model: Forecaster, asked: Scoring) -> None:
    """Print a backtest on the end of series, and write its report."""
    report = model.backtest(asked.data, asked.horizon, folds=asked.folds, statistics=asked.statistics or [])
    page = None if asked.out is None else report.write(asked.out)
    if asked.json:
        typer.echo(json_format.dumps(report.to_dict(), ensure_ascii=False))
        return
    for line in report.lines():
        typer.echo(line)
    if page is not None:
        typer.echo(f"Report: {page}, with pictures and numbers beside it")
