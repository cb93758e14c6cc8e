"""Language models: the likeliest next symbols, and how well a text is foreseen."""

from __future__ import annotations

import json as json_format
from typing import TYPE_CHECKING

import typer

from elman.errors import UsageError

if TYPE_CHECKING:
    from elman.cli.uses import Predicting, Scoring
    from elman.tasks.language_model import LanguageModel

PREDICT, EVALUATE = {"prompt", "top"}, {"data", "per_line"}

#: Symbols that are shown unless --top says how many.
SYMBOLS = 10


def predict(model: LanguageModel, asked: Predicting) -> None:
    """Show what may come next."""
    if asked.data:
        raise UsageError("A language model predicts what follows --prompt; it takes no DATA.")
    prompt = asked.settings.prompt
    likeliest = model.next(prompt, asked.top(SYMBOLS))
    if asked.json:
        rows = [{"symbol": symbol, "probability": probability} for symbol, probability in likeliest]
        typer.echo(json_format.dumps({"prompt": prompt, "next": rows}, ensure_ascii=False))
        return
    width = max(len(symbol) for symbol, _ in likeliest)
    for symbol, probability in likeliest:
        typer.echo(f"{symbol:<{width}}  {probability:6.4f}  {'█' * round(40 * probability)}".rstrip())


def evaluate(model: LanguageModel, asked: Scoring) -> None:
    """Show how many nats a text takes."""
    from elman.data import text_files

    if len(asked.data) > 1:
        raise UsageError("A language model is scored on one text at a time.")
    score = model.score(text_files.read_text(asked.data[0], model.settings.text.encoding))
    figures = score.figures()
    lines = score.per_line() if asked.per_line else []
    if asked.json:
        rows = [{"line": line, "nats": nats, "symbols": count} for line, nats, count in lines]
        typer.echo(json_format.dumps({**figures, **({"lines": rows} if asked.per_line else {})}, ensure_ascii=False))
        return
    for line, nats, count in lines:
        typer.echo(f"{nats:9.2f}  {count:5d}  {line}")
    typer.echo(f"loss                {figures['nats_per_symbol']:.4f} nats per symbol")
    typer.echo(f"perplexity          {figures['perplexity']:.3f}")
    typer.echo(f"bits per character  {figures['bits_per_character']:.4f}")
    typer.echo(f"symbols             {figures['symbols']:,} ({figures['unknown']:,} not in the vocabulary)")
