"""`elman predict`: what a model says of data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elman.cli.generate import DirArgument
from elman.cli.options import with_settings
from elman.settings import PredictionSettings


@with_settings(PredictionSettings())
def predict(
    settings: PredictionSettings,
    folder: DirArgument,
    data: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATA]...", help="Files or a folder of sequences; none for a language model.", readable=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write, .csv or .jsonl.", readable=False)
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream", help="Show what is said as each sequence grows, piece by piece.")
    ] = False,
    times: Annotated[
        bool, typer.Option("--times", help="Transcripts: show when each word begins and ends, and how sure it is.")
    ] = False,
    align: Annotated[
        bool, typer.Option("--align", help="Transcripts: take those of DATA, and show when each word was said.")
    ] = False,
    every_step: Annotated[
        bool, typer.Option("--every-step", help="Channels: a row for every step, not for alarms or gaps alone.")
    ] = False,
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Forecasts: steps ahead; by default those of the training.", min=1)
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Forecasts and anomalies: picture to draw, .png or .svg.", readable=False),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Forecasts: page to move and ask, which needs no network.", readable=False),
    ] = None,
    n_best: Annotated[
        int | None, typer.Option("--n-best", min=1, help="Translations: targets of each source, with their scores.")
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
    alignments: Annotated[
        Path | None,
        typer.Option("--alignments", metavar="DIR", readable=False, help="Translations: draw where the model looked."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON; of sequences one object per line.")] = False,
) -> None:
    """Show the likeliest next symbols, or labels: elman predict runs/book --prompt "To be, or not to b"."""
    from elman.cli.uses import Predicting, use_of
    from elman.tasks import load

    model = load(folder)
    asked = Predicting(
        settings=settings, data=data, out=out, stream=stream, times=times, align=align, every_step=every_step,
        horizon=horizon, plot=plot, html=html, n_best=n_best, ensemble=ensemble, alignments=alignments, json=json,
    )  # fmt: skip
    use_of(model, asked).predict(model, asked)
