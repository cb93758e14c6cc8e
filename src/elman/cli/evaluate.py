"""`elman evaluate`: how good a model is on data that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.generate import DirArgument
from elman.cli.options import with_settings
from elman.settings import ScoringSettings


@with_settings(ScoringSettings())
def evaluate(
    settings: ScoringSettings,
    folder: DirArgument,
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA", help="Text file, or files or a folder of sequences with labels.", readable=False
        ),
    ],
    per_line: Annotated[
        bool, typer.Option("--per-line", help="Language models: print nats, symbols and text of each line.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder to write a report with pictures to.",
            readable=False,
        ),
    ] = None,
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="COLUMN", help="Anomalies: column that says which steps are.")
    ] = None,
    horizon: Annotated[int | None, typer.Option("--horizon", help="Forecasts: steps of each.", min=1)] = None,
    folds: Annotated[
        int | None, typer.Option("--folds", help="Forecasts: origins, each knowing only what came before.", min=1)
    ] = None,
    statistics: Annotated[
        list[str] | None,
        typer.Option("--statistics", help="Forecasts: compare with AutoETS, AutoTheta or the like; may be repeated."),
    ] = None,
    ensemble: Annotated[
        list[Path] | None,
        typer.Option(
            "--ensemble",
            metavar="DIR",
            readable=False,
            help="Translations: a model that writes along; may be repeated.",
        ),
    ] = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", help="Transcripts and translations: compare all in lower case.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a model: elman evaluate runs/book other.txt."""
    from elman.cli.uses import Scoring, use_of
    from elman.tasks import load

    model = load(folder)
    asked = Scoring(
        settings=settings, data=data, out=out, per_line=per_line, labels=labels, horizon=horizon, folds=folds,
        statistics=statistics, ensemble=ensemble, lowercase=lowercase, json=json,
    )  # fmt: skip
    use_of(model, asked).evaluate(model, asked)
