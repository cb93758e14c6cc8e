"""`elman evaluate`: how surprised a model is by a text it has not seen."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer

from elman.cli.generate import DirArgument


def evaluate(
    folder: DirArgument,
    file: Annotated[Path, typer.Argument(help="Text file, plain or .gz.", readable=False)],
    per_line: Annotated[bool, typer.Option("--per-line", help="Print nats, symbols and text of each line.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score a text: elman evaluate runs/book other.txt."""
    from elman.data import text_files
    from elman.tasks.language_model import LanguageModel

    model = LanguageModel.load(folder)
    score = model.score(text_files.read_text(file, model.settings.text.encoding))
    figures = score.figures()
    lines = score.per_line() if per_line else []
    if json:
        rows = [{"line": line, "nats": nats, "symbols": count} for line, nats, count in lines]
        typer.echo(json_format.dumps({**figures, **({"lines": rows} if per_line else {})}, ensure_ascii=False))
        return
    for line, nats, count in lines:
        typer.echo(f"{nats:9.2f}  {count:5d}  {line}")
    typer.echo(f"loss                {figures['nats_per_symbol']:.4f} nats per symbol")
    typer.echo(f"perplexity          {figures['perplexity']:.3f}")
    typer.echo(f"bits per character  {figures['bits_per_character']:.4f}")
    typer.echo(f"symbols             {figures['symbols']:,} ({figures['unknown']:,} not in the vocabulary)")
