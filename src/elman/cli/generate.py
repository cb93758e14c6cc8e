"""`elman generate`: let a language model write."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import Annotated

import typer

DirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a trained model.")]


def generate(
    folder: DirArgument,
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "",
    length: Annotated[int, typer.Option("--length", "-n", min=0, help="Symbols to write at most.")] = 500,
    temperature: Annotated[float, typer.Option("--temperature", "-t", help="0 takes the likeliest, 1 draws.")] = 0.8,
    top_k: Annotated[int, typer.Option(help="Draw only from the K likeliest; 0 draws from all.")] = 0,
    top_p: Annotated[float, typer.Option(help="Draw only from the likeliest that hold this share.")] = 1.0,
    stop: Annotated[list[str] | None, typer.Option(help="Text that ends the writing; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same text.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Continue a text, printed as it is produced: elman generate runs/book --prompt "ROMEO:"."""
    from elman.tasks.language_model import LanguageModel

    model = LanguageModel.load(folder)
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "stop": stop or [], "seed": seed}
    pieces = model.write(prompt, length, **options)  # type: ignore[arg-type]
    if json:
        text = "".join(pieces)
        typer.echo(json_format.dumps({"prompt": prompt, "text": text, "length": length, **options}, ensure_ascii=False))
        return
    sys.stdout.write(prompt)
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")
