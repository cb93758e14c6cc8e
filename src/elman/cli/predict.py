"""`elman predict`: what may come next."""

from __future__ import annotations

import json as json_format
from typing import Annotated

import typer

from elman.cli.generate import DirArgument
from elman.cli.options import with_settings
from elman.settings import PredictionSettings


@with_settings(PredictionSettings())
def predict(
    settings: PredictionSettings,
    folder: DirArgument,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the likeliest next symbols: elman predict runs/book --prompt "To be, or not to b"."""
    from elman.tasks.language_model import LanguageModel

    likeliest = LanguageModel.load(folder).next(settings.prompt, settings.top)
    if json:
        rows = [{"symbol": symbol, "probability": probability} for symbol, probability in likeliest]
        typer.echo(json_format.dumps({"prompt": settings.prompt, "next": rows}, ensure_ascii=False))
        return
    width = max(len(symbol) for symbol, _ in likeliest)
    for symbol, probability in likeliest:
        typer.echo(f"{symbol:<{width}}  {probability:6.4f}  {'█' * round(40 * probability)}".rstrip())
